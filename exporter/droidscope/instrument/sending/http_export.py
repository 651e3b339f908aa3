"""
OTLP over HTTP, by the standard library's client: it follows no redirect, and shows every answer.
"""

from __future__ import annotations

import encodings.idna  # noqa: F401 - sockets import it when they first look up a name, and a fork may come then
import json
import ssl
import zlib
from base64 import b64encode
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from gzip import decompress
from http import HTTPStatus
from http.client import BadStatusLine, HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from math import isfinite
from time import time
from typing import Final
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status

from droidscope.instrument.sending.answers import (
    AnswerKind,
    ExportAnswer,
    partial_success,
    read_success,
    shorten,
)
from droidscope.instrument.sending.destinations import SignalDestination

_PROTOBUF: Final = "application/x-protobuf"
_JSON: Final = "application/json"
_BODY_LIMIT: Final = 65_536
_LATER: Final = {408, 429, 502, 503, 504}
_HINTS: Final = {
    401: "the credentials are missing or wrong; see headers",
    403: "the credentials do not allow it; see headers",
    404: "the path or the port is wrong; OTLP over HTTP usually listens on port 4318",
    405: "the path or the port is wrong; OTLP over HTTP usually listens on port 4318",
}
_NOT_OTLP: Final = "this is no OTLP endpoint"
_REDIRECTS: Final = range(300, 400)
_SUCCESSES: Final = range(200, 300)
_HTTP2_FRAME: Final = "\x00\x00"
_PACK: Final[dict[str, Callable[[bytes], bytes]]] = {
    "none": decompress,
    "gzip": bytes,
    "deflate": lambda packed: zlib.compress(decompress(packed)),
}


class HttpExport:
    """
    Posts requests to one destination, over one connection that is kept.
    """

    def __init__(self, destination: SignalDestination) -> None:
        self._destination = destination
        self._url = urlsplit(destination.endpoint)
        self._connection: HTTPConnection | None = None
        self._headers = {"user-agent": "droidscope", **destination.headers, "content-type": _PROTOBUF}
        if destination.compression != "none":
            self._headers["content-encoding"] = destination.compression

    def send(self, packed: bytes, timeout_seconds: float) -> ExportAnswer:
        """
        Post one request, given gzipped, and wait for its answer; never raises.
        """
        try:
            body = _PACK[self._destination.compression](packed)
            response, content = self._exchange(body, timeout_seconds)
            return self._read(response, content)
        except Exception as error:  # noqa: BLE001 - whatever happens is an answer
            self.close()
            return _answer_to(error, timeout_seconds)

    def close(self) -> None:
        """
        Close the connection; the next request opens another.
        """
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def abandon(self) -> None:
        """
        Leave the connection to the parent of this forked process.
        """
        self._connection = None

    def _exchange(self, body: bytes, timeout_seconds: float) -> tuple[HTTPResponse, bytes]:
        if self._connection is not None:
            try:
                return self._post(self._connection, body, timeout_seconds)
            except (ConnectionError, HTTPException):
                self.close()  # it was idle for too long: the receiver has closed it
        self._connection = self._connect(timeout_seconds)
        return self._post(self._connection, body, timeout_seconds)

    def _post(
        self, connection: HTTPConnection, body: bytes, timeout_seconds: float
    ) -> tuple[HTTPResponse, bytes]:
        connection.timeout = timeout_seconds
        if connection.sock is not None:
            connection.sock.settimeout(timeout_seconds)
        connection.request("POST", self._target, body, self._headers)
        response = connection.getresponse()
        content = response.read(_BODY_LIMIT)
        if response.will_close or not response.isclosed():
            self.close()
        return response, content

    def _connect(self, timeout_seconds: float) -> HTTPConnection:
        url, proxy = self._url, _proxy(self._destination)
        path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        host = url.hostname or ""
        self._target = path
        if proxy is None:
            return self._direct(host, url.port, timeout_seconds)
        via = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        authorization = _proxy_authorization(via.username, via.password)
        if url.scheme == "https":
            tunnel = HTTPSConnection(
                via.hostname or "", via.port or 80, timeout=timeout_seconds, context=self._tls()
            )
            tunnel.set_tunnel(host, url.port or 443, authorization)
            return tunnel
        self._target = f"http://{url.netloc}{path}"
        self._headers.update(authorization)
        return HTTPConnection(via.hostname or "", via.port or 80, timeout=timeout_seconds)

    def _direct(self, host: str, port: int | None, timeout_seconds: float) -> HTTPConnection:
        if self._url.scheme == "https":
            return HTTPSConnection(host, port, timeout=timeout_seconds, context=self._tls())
        return HTTPConnection(host, port, timeout=timeout_seconds)

    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self._destination.authority)
        if self._destination.certificate is not None:
            context.load_cert_chain(self._destination.certificate, self._destination.key)
        return context

    def _read(self, response: HTTPResponse, content: bytes) -> ExportAnswer:
        status = response.status
        if status in _SUCCESSES:
            return _success(self._destination.signal, response, content)
        if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return ExportAnswer(AnswerKind.TOO_LARGE, f"HTTP 413: {_message(response, content)}")
        if status in _REDIRECTS:
            target = shorten(response.headers.get("location") or "nowhere")
            return ExportAnswer(
                AnswerKind.REFUSED, f"HTTP {status} redirects to {target}, which is not followed"
            )
        text = f"HTTP {status}: {_message(response, content)}"
        if status in _LATER:
            return ExportAnswer(AnswerKind.LATER, text, retry_after_seconds=_retry_after(response))
        hint = _HINTS.get(status)
        return ExportAnswer(AnswerKind.REFUSED, f"{text} ({hint})" if hint else text)


def _success(signal: str, response: HTTPResponse, content: bytes) -> ExportAnswer:
    media_type = response.headers.get_content_type() if "content-type" in response.headers else ""
    try:
        if media_type == _JSON:
            return _read_json(content)
        if media_type in {"text/html", "application/xhtml+xml"} or (
            content and media_type.startswith("text/")
        ):
            return _no_otlp(response, content)
        return read_success(signal, content)
    except (DecodeError, ValueError, TypeError, AttributeError):
        return _no_otlp(response, content)


def _no_otlp(response: HTTPResponse, content: bytes) -> ExportAnswer:
    what = shorten(content.decode("utf-8", "replace")) or response.headers.get_content_type()
    return ExportAnswer(AnswerKind.REFUSED, f"{_NOT_OTLP}: HTTP {response.status} with {what!r}")


def _read_json(content: bytes) -> ExportAnswer:
    """
    The answer of a receiver that answers JSON to protobuf; a document of another kind raises.
    """
    document = json.loads(content or b"{}")
    if not document.keys() <= {"partialSuccess", "partial_success"}:
        raise ValueError(_NOT_OTLP)
    partial = next(iter(document.values()), None) or {}
    rejected = next((int(value) for name, value in partial.items() if name.startswith("rejected")), 0)
    return partial_success(rejected, str(partial.get("errorMessage", "")))


def _message(response: HTTPResponse, content: bytes) -> str:
    """
    The first words of an error's body; where it has none, the reason of its status line.
    """
    if response.headers.get_content_type() == _PROTOBUF:
        try:
            return shorten(Status.FromString(content).message) or response.reason
        except DecodeError:
            pass
    return shorten(content.decode("utf-8", "replace")) or response.reason


def _retry_after(response: HTTPResponse) -> float | None:
    text = response.headers.get("retry-after")
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - time()
        except ValueError:
            return None
    return max(0.0, seconds) if isfinite(seconds) else None


def _answer_to(error: Exception, timeout_seconds: float) -> ExportAnswer:
    """
    What is said instead of an answer: all that another try may mend is tried again.
    """
    match error:
        case TimeoutError():
            return ExportAnswer(AnswerKind.LATER, f"there is no answer within {timeout_seconds:.3g} s")
        case BadStatusLine() if str(error).startswith(_HTTP2_FRAME):
            text = "this is a gRPC port; expected that of OTLP over HTTP, usually 4318, or protocol='grpc'"
            return ExportAnswer(AnswerKind.LATER, text)
        case ssl.SSLError() if "WRONG_VERSION_NUMBER" in str(error):
            return ExportAnswer(
                AnswerKind.LATER, "this port has no TLS; expected http:// instead of https://"
            )
        case OSError() | HTTPException():
            reached = isinstance(error, HTTPException | ssl.SSLError | ConnectionResetError)
            return ExportAnswer(AnswerKind.LATER, shorten(str(error) or repr(error)), reached=reached)
        case _:
            return ExportAnswer(AnswerKind.REFUSED, shorten(f"it could not be sent: {error!r}"))


def _proxy(destination: SignalDestination) -> str | None:
    url = urlsplit(destination.endpoint)
    if destination.is_loopback or proxy_bypass(url.netloc.rpartition("@")[2]):
        return None
    proxies = getproxies()
    return proxies.get(url.scheme) or proxies.get("all")


def _proxy_authorization(user: str | None, password: str | None) -> dict[str, str]:
    if user is None:
        return {}
    credentials = b64encode(f"{unquote(user)}:{unquote(password or '')}".encode()).decode()
    return {"proxy-authorization": f"Basic {credentials}"}
