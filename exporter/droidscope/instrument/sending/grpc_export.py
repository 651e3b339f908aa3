"""
OTLP over gRPC, over bytes that are already encoded.

grpcio does not survive a fork amid a request: the child crashes, or hangs. So a fork waits for the requests
that are under way, and none begins meanwhile. The parent keeps its channel, the child opens another.
"""

from __future__ import annotations

from gzip import decompress
from threading import get_ident
from time import monotonic
from typing import Any, Final
from urllib.parse import urlsplit
from weakref import ref

import grpc
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from droidscope.instrument.emission.forks import around_fork
from droidscope.instrument.emission.os_threads import real_lock
from droidscope.instrument.sending.answers import AnswerKind, ExportAnswer, read_success, shorten
from droidscope.instrument.sending.destinations import SignalDestination

_METHODS: Final = {
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "logs": "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    "metrics": "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
}
_LATER: Final = {
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.OUT_OF_RANGE,
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DATA_LOSS,
}
_HINTS: Final = {
    grpc.StatusCode.UNAUTHENTICATED: "the credentials are missing or wrong; see headers",
    grpc.StatusCode.PERMISSION_DENIED: "the credentials do not allow it; see headers",
    grpc.StatusCode.UNIMPLEMENTED: "this is no OTLP endpoint; OTLP over gRPC usually listens on port 4317",
}
_WRONG_PORT: Final = "this is no gRPC port; expected that of OTLP over gRPC, usually 4317, or http/protobuf"
_HTTP1_SIGNS: Final = ("http1", "http/1", "parsing http/2", "settings frame")
_FORKED: Final = "this process forked before there was an answer"
_OPTIONS: Final = (
    ("grpc.max_send_message_length", -1),
    # grpcio's own pause between two connections grows to two minutes: far longer than our own between tries.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 2000),
)

FORK_SECONDS: Final = 1.0
"""
The longest a fork waits for requests that are under way; then they are cancelled, and sent again.
"""
_CANCEL_SECONDS: Final = 1.0


_closed: Final[list[Any]] = []
"""
The latest channel that was closed: without any grpcio ends its threads, and hangs if a fork comes then.
"""
_abandoned: Final[list[Any]] = []
"""
Channels of the parent of a forked process, which must not be closed by the child.
"""


class GrpcExport:
    """
    Sends requests to one destination, over one channel that is kept until the process forks.
    """

    def __init__(self, destination: SignalDestination) -> None:
        self._destination = destination
        self._channel: Any = None
        self._metadata = tuple(destination.headers.items())
        self._busy = real_lock()
        self._sender = 0
        _exports.append(ref(self, _exports.remove))

    def send(self, packed: bytes, timeout_seconds: float) -> ExportAnswer:
        """
        Send one request, given gzipped, and wait for its answer; never raises.
        """
        with self._busy:
            self._sender = get_ident()
            try:
                return self._send(packed, timeout_seconds)
            finally:
                self._sender = 0

    def _send(self, packed: bytes, timeout_seconds: float) -> ExportAnswer:
        if self._channel is None:
            self._channel = self._connect()
        channel = self._channel
        try:
            method = channel.unary_unary(_METHODS[self._destination.signal])
            body = method(decompress(packed), timeout=timeout_seconds, metadata=self._metadata)
            return read_success(self._destination.signal, body)
        except grpc.RpcError as error:
            return _answer_to(error)
        except DecodeError:
            return ExportAnswer(AnswerKind.REFUSED, "this is no OTLP endpoint: its answer is something else")
        except Exception as error:  # noqa: BLE001 - whatever happens is an answer
            if self._channel is not channel:
                return ExportAnswer(AnswerKind.LATER, _FORKED)
            return ExportAnswer(AnswerKind.REFUSED, shorten(f"it could not be sent: {error!r}"))

    def close(self) -> None:
        """
        Close the channel; the next request opens another.
        """
        channel, self._channel = self._channel, None
        if channel is not None:
            _closed[:] = [channel]
            channel.close()

    def abandon(self) -> None:
        """
        Begin anew in a forked child.
        """
        if self._channel is not None:
            _abandoned.append(self._channel)
        self._busy = real_lock()
        self._channel, self._sender = None, 0

    def hold(self, deadline: float) -> bool:
        """
        Let no request be under way until `release`. One that lasts beyond *deadline* is cancelled.

        False if a request could not be ended, or is the caller's own, which a signal handler has interrupted.
        """
        if self._sender == get_ident():
            return False
        is_held = self._busy.acquire(timeout=max(0.0, deadline - monotonic()))
        if is_held:
            return True
        self.close()  # which cancels what is still under way
        return self._busy.acquire(timeout=_CANCEL_SECONDS)

    def release(self) -> None:
        """
        Let requests be sent again.
        """
        self._busy.release()

    def _connect(self) -> Any:  # noqa: ANN401 - grpcio has no types
        address = self._destination.endpoint
        target = urlsplit(address).netloc if "://" in address else address
        options = (*_OPTIONS, ("grpc.enable_http_proxy", 0 if self._destination.is_loopback else 1))
        compression = grpc.Compression.Gzip if self._destination.compression == "gzip" else None
        if self._destination.insecure:
            return grpc.insecure_channel(target, options, compression)
        return grpc.secure_channel(target, self._credentials(), options, compression)

    def _credentials(self) -> Any:  # noqa: ANN401 - grpcio has no types
        files = (self._destination.authority, self._destination.key, self._destination.certificate)
        return grpc.ssl_channel_credentials(*(None if path is None else path.read_bytes() for path in files))


def _answer_to(error: Any) -> ExportAnswer:  # noqa: ANN401 - grpcio has no types
    code, details = error.code(), error.details() or ""
    text = f"gRPC {code.name}: {shorten(details)}"
    retry_after = _retry_after(error)
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED and "larger than" in details and retry_after is None:
        return ExportAnswer(AnswerKind.TOO_LARGE, text)
    if any(sign in details.lower() for sign in _HTTP1_SIGNS):
        return ExportAnswer(AnswerKind.LATER, f"{text} ({_WRONG_PORT})")
    if code in _LATER:
        reached = "failed to connect" not in details.lower()
        return ExportAnswer(AnswerKind.LATER, text, retry_after_seconds=retry_after, reached=reached)
    hint = _HINTS.get(code)
    return ExportAnswer(AnswerKind.REFUSED, f"{text} ({hint})" if hint else text)


def _retry_after(error: Any) -> float | None:  # noqa: ANN401 - grpcio has no types
    for name, value in error.trailing_metadata() or ():
        if name == "grpc-status-details-bin":
            try:
                details = Status.FromString(value).details
            except DecodeError:
                return None
            info = RetryInfo()
            if any(detail.Unpack(info) for detail in details):
                seconds: float = info.retry_delay.seconds + info.retry_delay.nanos / 1e9
                return max(0.0, seconds)
    return None


_exports: Final[list[ref[GrpcExport]]] = []


class _Fork:
    """
    Holds all exports while one thread forks.
    """

    def __init__(self) -> None:
        self._held: dict[int, list[GrpcExport]] = {}

    def begin(self) -> None:
        deadline = monotonic() + FORK_SECONDS
        exports = [export for each in list(_exports) if (export := each()) is not None]
        self._held[get_ident()] = [export for export in exports if export.hold(deadline)]

    def end(self) -> None:
        for export in self._held.pop(get_ident(), []):
            export.release()

    def end_in_child(self) -> None:
        self._held.clear()
        for each in _exports:
            if (export := each()) is not None:
                export.abandon()


_FORK: Final = _Fork()
around_fork(_FORK.begin, _FORK.end, _FORK.end_in_child)
