"""
OTLP over HTTP: a bare ASGI application for POST /v1/traces, /v1/metrics and /v1/logs.

    bytes -> bound -> gunzip -> protobuf -> sink -> answer in the request's encoding
"""

from __future__ import annotations

import asyncio
import math
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeAlias

from google.protobuf import json_format
from google.rpc.status_pb2 import Status
from msgspec import Struct
from msgspec.structs import replace

from droidscope.conventions.reasons import Reason
from droidscope.errors import MalformedError, OverloadedError, RefusedError
from droidscope.ingest.exports import EXPORTS
from droidscope.ingest.gunzip import TooLargeError, gunzip
from droidscope.ingest.otlp_json import protobuf_of_json
from droidscope.ingest.refusals import refusal_of
from droidscope.ingest.sink import Limits, PortMeter, Receipt, Signal, Sink, Transport

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, MutableMapping

    from google.protobuf.message import Message

    Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
GZIP = "gzip"
IDENTITY = "identity"

SIGNALS = {export.path: signal for signal, export in EXPORTS.items()}


class HttpError(RefusedError):
    """
    A refusal with a status and headers of its own.
    """

    def __init__(self, status: HTTPStatus, reason: Reason, message: str, **headers: str) -> None:
        super().__init__(reason, message)
        self.status = status
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class DisconnectedError(RefusedError):
    """
    The sender left before its body was complete; there is nobody to answer.
    """

    def __init__(self) -> None:
        super().__init__(Reason.DISCONNECTED, "the sender left before its body was complete")


class Answer(Struct, frozen=True):
    """
    A response, ready to send.
    """

    status: HTTPStatus
    headers: dict[str, str]
    body: bytes


class OtlpHttp:
    """
    The ASGI application. Refusals are counted by reason, acknowledged requests are timed.
    """

    def __init__(
        self, sink: Sink, limits: Limits, meter: PortMeter, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._sink = sink
        self._limits = limits
        self._meter = meter
        self._clock = clock

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """
        Answer one request; scopes other than HTTP are ignored.
        """
        if scope["type"] != "http":
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        try:
            signal = _signal_of(scope["method"], scope["path"])
            receipt = await self._export(signal, media_type, headers, receive)
            answer = _encoded(HTTPStatus.OK, EXPORTS[signal].response_to(receipt), media_type)
        except DisconnectedError as error:
            self._meter.rejected(error.reason, 1)
            return
        except Exception as error:  # noqa: BLE001 - the room's edge: whatever happens, the sender gets an answer
            refusal = refusal_of(error)
            self._meter.rejected(refusal.reason, 1)
            answer = _refused(refusal, media_type)
        await _send(answer, send)

    async def _export(
        self, signal: Signal, media_type: str, headers: Mapping[str, str], receive: Receive
    ) -> Receipt:
        """
        Take one request in and wait until it is durable.
        """
        _check_media_type(media_type)
        encoding = _encoding_of(headers)
        body = await self._read(headers, receive)
        received_at = self._clock()

        if encoding == GZIP:
            body = self._gunzip(body)
        if media_type == JSON:
            # Protobuf reads JSON in pure Python: a large body would hold up every other request.
            body = await asyncio.to_thread(protobuf_of_json, signal, body)
        receipt = await self._submit(signal, body)
        self._meter.ingest_seconds(self._clock() - received_at)
        return receipt

    async def _read(self, headers: Mapping[str, str], receive: Receive) -> bytes:
        """
        The whole body as it came over the wire.
        """
        limit = self._limits.max_body_bytes
        declared = headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > limit:
            raise self._too_large(f"the body has {declared} bytes")

        chunks: list[bytes] = []
        size = 0
        more = True
        try:
            async with asyncio.timeout(self._limits.read_seconds):
                while more:
                    event = await receive()
                    if event["type"] == "http.disconnect":
                        raise DisconnectedError
                    chunk = event.get("body", b"")
                    size += len(chunk)
                    if size > limit:
                        raise self._too_large("the body is longer")
                    chunks.append(chunk)
                    more = event.get("more_body", False)
        except TimeoutError as error:
            msg = f"the body was not complete within {self._limits.read_seconds:g} s"
            raise HttpError(
                HTTPStatus.REQUEST_TIMEOUT, Reason.READ_TIMEOUT, msg, connection="close"
            ) from error
        return b"".join(chunks)

    def _gunzip(self, body: bytes) -> bytes:
        try:
            return gunzip(body, self._limits.max_body_bytes)
        except TooLargeError as error:
            raise self._too_large("the decompressed body is longer") from error
        except ValueError as error:
            raise MalformedError(Reason.MALFORMED_GZIP, str(error)) from error

    def _too_large(self, what: str) -> HttpError:
        msg = f"{what}; at most {self._limits.max_body_bytes} bytes are accepted"
        return HttpError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, Reason.TOO_LARGE, msg)

    async def _submit(self, signal: Signal, body: bytes) -> Receipt:
        future = asyncio.wrap_future(self._sink.submit(signal, body, Transport.HTTP))
        # Unlike `wait_for`, `wait` leaves the future alone when the time is up: the sink owns it.
        done, _ = await asyncio.wait((future,), timeout=self._limits.acknowledge_seconds)
        if not done:
            raise TimeoutError
        return future.result()


def _signal_of(method: str, path: str) -> Signal:
    signal = SIGNALS.get(path)
    if signal is None:
        raise HttpError(HTTPStatus.NOT_FOUND, Reason.NOT_FOUND, f"only {', '.join(SIGNALS)} are served here")
    if method != "POST":
        raise HttpError(
            HTTPStatus.METHOD_NOT_ALLOWED, Reason.WRONG_METHOD, "only POST is allowed", allow="POST"
        )
    return signal


def _check_media_type(media_type: str) -> None:
    if media_type not in {PROTOBUF, JSON}:
        msg = f"content-type is {media_type[:100]!r}; it must be {PROTOBUF} or {JSON}"
        raise HttpError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, Reason.UNSUPPORTED_MEDIA_TYPE, msg)


def _encoding_of(headers: Mapping[str, str]) -> str:
    encoding = headers.get("content-encoding", IDENTITY).strip().lower()
    if encoding not in {IDENTITY, GZIP}:
        msg = f"content-encoding is {encoding[:100]!r}; it must be {GZIP} or {IDENTITY}"
        accepted = f"{GZIP}, {IDENTITY}"
        raise HttpError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, Reason.UNSUPPORTED_ENCODING, msg, accept_encoding=accepted
        )
    return encoding


def _refused(refusal: RefusedError, media_type: str) -> Answer:
    status, headers = _status_of(refusal)
    answer = _encoded(status, Status(message=str(refusal)), media_type)
    return replace(answer, headers=answer.headers | headers)


def _status_of(refusal: RefusedError) -> tuple[HTTPStatus, dict[str, str]]:
    match refusal:
        case HttpError():
            return refusal.status, refusal.headers
        case MalformedError():
            return HTTPStatus.BAD_REQUEST, {}
        case OverloadedError():
            seconds = max(1, math.ceil(refusal.retry_after_seconds))
            return HTTPStatus.SERVICE_UNAVAILABLE, {"retry-after": str(seconds)}
        case _:
            return HTTPStatus.INTERNAL_SERVER_ERROR, {}


def _encoded(status: HTTPStatus, message: Message, media_type: str) -> Answer:
    """
    A message in the encoding of the request; in JSON if that was neither of the two.
    """
    if media_type == PROTOBUF:
        return Answer(status, {"content-type": PROTOBUF}, message.SerializeToString())
    return Answer(status, {"content-type": JSON}, json_format.MessageToJson(message, indent=None).encode())


async def _send(answer: Answer, send: Send) -> None:
    headers = answer.headers | {"content-length": str(len(answer.body))}
    await send(
        {
            "type": "http.response.start",
            "status": int(answer.status),
            "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()],
        }
    )
    await send({"type": "http.response.body", "body": answer.body})
