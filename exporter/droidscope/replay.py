"""
Sends recorded telemetry again: files of export requests -> an OTLP port, over HTTP or gRPC.

A recording is a sequence of records: four bytes of length (big-endian), then that many bytes of a
protobuf export request. The name of the file begins with the signal: `traces-monday.otlp`.
"""

from __future__ import annotations

import gzip
import http.client
import io
import time
from contextlib import closing
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol
from urllib.parse import urlsplit

import grpc
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from msgspec import Struct

from droidscope.errors import ReplayError
from droidscope.ingest.exports import EXPORTS
from droidscope.ingest.sink import Receipt, Signal
from droidscope.units import SECOND_NS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

DEFAULT_TARGET = "http://127.0.0.1:4318"
LENGTH_BYTES = 4
PROTOBUF = "application/x-protobuf"
FASTEST = 1
"""
gzip's level of compression: telemetry shrinks to a tenth even so.
"""

RETRYABLE_STATUSES = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
RETRYABLE_CODES = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED})
STATUS_DETAILS = "grpc-status-details-bin"


class RetryPolicy(Struct, frozen=True):
    """
    How often and when a request is sent again. Delays double from the first to the longest; a delay
    the target asks for comes first, but is not longer either.
    """

    attempts: int = 8
    first_delay_seconds: float = 0.25
    longest_delay_seconds: float = 15.0
    timeout_seconds: float = 60.0

    def delay_seconds(self, attempt: int, asked_seconds: float | None) -> float:
        """
        The pause after *attempt*, counted from 1.
        """
        backoff = self.first_delay_seconds * 2.0 ** (attempt - 1)
        return min(backoff if asked_seconds is None else asked_seconds, self.longest_delay_seconds)


class ReplaySummary(Struct, frozen=True):
    """
    What a replay has sent so far. *rejected* counts items the target refused within requests it accepted,
    *message* is its reason for the first; *retries* counts requests sent again.
    """

    requests: int = 0
    sent_bytes: int = 0
    rejected: int = 0
    message: str = ""
    retries: int = 0


class TemporarilyRefusedError(Exception):
    """
    The target cannot accept the request now; *asked_seconds* is the pause it asks for, None if it does not.
    """

    def __init__(self, message: str, asked_seconds: float | None = None) -> None:
        super().__init__(message)
        self.asked_seconds = asked_seconds


class PermanentlyRefusedError(Exception):
    """
    The target will never accept the request.
    """


class ReplaySender(Protocol):
    """
    A connection to the target.
    """

    def send(self, signal: Signal, body: bytes) -> Receipt:
        """
        Send one request.

        Raises:
            TemporarilyRefusedError: If it may succeed later.
            PermanentlyRefusedError: If it never will.
        """

    def close(self) -> None:
        """
        End the connection.
        """


def replay(
    paths: Sequence[Path],
    to: str = DEFAULT_TARGET,
    *,
    policy: RetryPolicy | None = None,
    progress: Callable[[Path, ReplaySummary], None] | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> ReplaySummary:
    """
    Send all records of all files, in order, each until the target accepts it.

    Args:
        paths: Recordings, whose names begin with their signal.
        to: `http://host:port`, `https://host:port` or `grpc://host:port`.
        policy: When to send again.
        progress: Called after every request with the file it was from and what has been sent so far.
        sleep: Waits for a number of seconds.

    Raises:
        ReplayError: If a file is no recording, or the target refuses a request or is away for too
            long. What was sent until then stays sent.
    """
    policy = policy or RetryPolicy()
    recordings = [(path, signal_of(path)) for path in paths]
    summary = ReplaySummary()
    with closing(_sender(to, policy.timeout_seconds)) as sender:
        for path, signal in recordings:
            for number, body in enumerate(read_records(path), start=1):
                try:
                    receipt, retries = _deliver(sender, signal, body, policy, sleep)
                except (TemporarilyRefusedError, PermanentlyRefusedError) as error:
                    msg = f"{path}: {to} does not accept request {number} ({len(body)} bytes): {error}"
                    raise ReplayError(msg) from error
                summary = ReplaySummary(
                    requests=summary.requests + 1,
                    sent_bytes=summary.sent_bytes + len(body),
                    rejected=summary.rejected + receipt.rejected,
                    message=summary.message or receipt.message,
                    retries=summary.retries + retries,
                )
                if progress:
                    progress(path, summary)
    return summary


def signal_of(path: Path) -> Signal:
    """
    The signal a recording holds, by the beginning of its name.

    Raises:
        ReplayError: If the name begins with none.
    """
    for signal in Signal:
        if path.name.startswith(signal.value):
            return signal
    msg = f"{path}: the name must start with one of {', '.join(Signal)}"
    raise ReplayError(msg)


def read_records(path: Path) -> Iterator[bytes]:
    """
    The records of one file, in order; a file whose name ends in .gz is gzipped.

    Raises:
        ReplayError: If the file cannot be read, or ends within a record.
    """
    try:
        with _opened(path) as file:
            size = file.seek(0, io.SEEK_END)
            file.seek(0)
            while prefix := file.read(LENGTH_BYTES):
                offset = file.tell() - len(prefix)
                length = int.from_bytes(prefix, "big")
                # Checked before reading: in a file of another kind any four bytes claim gigabytes.
                if len(prefix) < LENGTH_BYTES or length > size - file.tell():
                    msg = f"{path}: the record at byte {offset} is cut short; the file has {size} bytes"
                    raise ReplayError(msg)
                yield file.read(length)
    except (OSError, EOFError) as error:
        msg = f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}"
        raise ReplayError(msg) from error


def _opened(path: Path) -> BinaryIO:
    return io.BytesIO(gzip.decompress(path.read_bytes())) if path.suffix == ".gz" else path.open("rb")


def _deliver(
    sender: ReplaySender, signal: Signal, body: bytes, policy: RetryPolicy, sleep: Callable[[float], None]
) -> tuple[Receipt, int]:
    """
    Send until it is accepted; returns the receipt, and how often it was sent again.
    """
    attempt = 1
    while True:
        try:
            return sender.send(signal, body), attempt - 1
        except TemporarilyRefusedError as error:
            if attempt >= policy.attempts:
                raise
            sleep(policy.delay_seconds(attempt, error.asked_seconds))
            attempt += 1


def _sender(to: str, timeout_seconds: float) -> ReplaySender:
    url = urlsplit(to)
    if not url.netloc or url.scheme not in {"http", "https", "grpc"}:
        msg = f"the target is {to!r}; it must be http://host:port, https://host:port or grpc://host:port"
        raise ReplayError(msg)
    if url.scheme == "grpc":
        return GrpcSender(url.netloc, timeout_seconds)
    connect = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    return HttpSender(connect(url.netloc, timeout=timeout_seconds), url.path.rstrip("/"))


class HttpSender:
    """
    OTLP/HTTP over one connection, which opens itself again when it was lost.
    """

    def __init__(self, connection: http.client.HTTPConnection, prefix: str) -> None:
        self._connection = connection
        self._prefix = prefix

    def send(self, signal: Signal, body: bytes) -> Receipt:
        """
        POST one request, gzipped.
        """
        export = EXPORTS[signal]
        headers = {"Content-Type": PROTOBUF, "Content-Encoding": "gzip"}
        try:
            self._connection.request(
                "POST", self._prefix + export.path, gzip.compress(body, FASTEST, mtime=0), headers
            )
            response = self._connection.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise TemporarilyRefusedError(f"{type(error).__name__}: {error}") from error

        if response.status == HTTPStatus.OK:
            return _receipt(signal, answer)
        reason = f"{response.status} {response.reason}: {_status_message(answer, response)}"
        if response.status in RETRYABLE_STATUSES:
            raise TemporarilyRefusedError(reason, _seconds(response.headers.get("Retry-After")))
        raise PermanentlyRefusedError(reason)

    def close(self) -> None:
        """
        Close the connection.
        """
        self._connection.close()


class GrpcSender:
    """
    OTLP/gRPC over one channel, without TLS.
    """

    def __init__(self, address: str, timeout_seconds: float) -> None:
        self._channel = grpc.insecure_channel(address)
        self._timeout_seconds = timeout_seconds

    def send(self, signal: Signal, body: bytes) -> Receipt:
        """
        Call Export with the bytes as they are, gzipped.
        """
        export = self._channel.unary_unary(EXPORTS[signal].method)
        try:
            answer = export(body, timeout=self._timeout_seconds, compression=grpc.Compression.Gzip)
        except grpc.RpcError as error:
            reason = f"{error.code().name}: {error.details()}"
            asked_seconds = _retry_info_seconds(error)
            if asked_seconds is not None or error.code() in RETRYABLE_CODES:
                raise TemporarilyRefusedError(reason, asked_seconds) from error
            raise PermanentlyRefusedError(reason) from error
        return _receipt(signal, answer)

    def close(self) -> None:
        """
        Close the channel.
        """
        self._channel.close()


def _receipt(signal: Signal, answer: bytes) -> Receipt:
    export = EXPORTS[signal]
    try:
        return export.receipt_of(export.response.FromString(answer))
    except DecodeError as error:
        msg = "the answer is not OTLP"
        raise PermanentlyRefusedError(msg) from error


def _status_message(answer: bytes, response: http.client.HTTPResponse) -> str:
    """
    The reason in a refusal; an answer that is not OTLP's has none.
    """
    if response.headers.get_content_type() != PROTOBUF:
        return "no reason given"
    try:
        return str(Status.FromString(answer).message)
    except DecodeError:
        return "no reason given"


def _seconds(retry_after: str | None) -> float | None:
    """
    The header's delay; its other form, a date, is left to the backoff.
    """
    return float(retry_after) if retry_after and retry_after.isdecimal() else None


def _retry_info_seconds(error: Any) -> float | None:  # noqa: ANN401 - grpcio has no types
    """
    The delay in the error's details, if it has any.
    """
    details = dict(error.trailing_metadata() or ()).get(STATUS_DETAILS)
    if not details:
        return None
    retry = RetryInfo()
    for detail in Status.FromString(details).details:
        if detail.Unpack(retry):
            return float(retry.retry_delay.seconds + retry.retry_delay.nanos / SECOND_NS)
    return None
