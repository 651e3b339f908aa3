"""
Asks where telemetry is sent to whether it is taken there, by an empty request.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from http.client import BadStatusLine, HTTPException, RemoteDisconnected
from typing import Any, Final, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, HTTPSHandler, ProxyHandler, Request, build_opener

from droidscope.instrument.diagnosis.findings import Finding, error, note, warning, within
from droidscope.instrument.diagnosis.proxies import Proxy, proxy_of
from droidscope.instrument.diagnosis.targets import GRPC, Target
from droidscope.instrument.diagnosis.variables import wrong_port
from droidscope.instrument.orchestrators.client import is_loopback

TIMEOUT_SECONDS: Final = 5.0
SKEW_SECONDS: Final = 5.0
"""
Clocks that differ by less are as good as equal: an HTTP date has no fractions, and an answer takes its time.
"""

_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
"""
What a client of HTTP/2, and so of gRPC, begins with: the magic words and empty settings.
"""
_SETTINGS: Final = 4


class _Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def check_answer(target: Target, timeout_seconds: float = TIMEOUT_SECONDS) -> Iterator[Finding]:
    """
    What is wrong with the answer to an empty request, or with there being none; it takes no longer than
    *timeout_seconds* in all.
    """
    late = _no_answer(target, f"{target.signal} go to {target.url}", TimeoutError(), timeout_seconds)
    yield from within(timeout_seconds, lambda: _asked(target, timeout_seconds), late)


def _asked(target: Target, timeout_seconds: float) -> Iterator[Finding]:
    proxy = proxy_of(target.url) if target.protocol != GRPC else None
    where = f"{target.signal} go to {target.url}" + (f" by {proxy}" if proxy else "")
    try:
        if target.protocol == GRPC:
            yield from _check_grpc(target, where, timeout_seconds)
        else:
            yield from _check_http(target, where, timeout_seconds)
    except (OSError, HTTPException, ValueError) as failure:
        if proxy is not None and not isinstance(failure, ssl.SSLError):
            yield no_proxy(where, proxy, failure)
        else:
            yield _no_answer(target, where, failure, timeout_seconds)


def no_proxy(where: str, proxy: Proxy, failure: Exception) -> Finding:
    """
    That a proxy is in between by which nothing gets through.
    """
    return error(
        "proxy_failed",
        f"{where}, by which nothing gets there: {failure}.",
        f"Correct {proxy.variable}, or add the host to NO_PROXY.",
    )


def _check_http(target: Target, where: str, timeout_seconds: float) -> Iterator[Finding]:
    sent = time.time()
    answer = _post(target, timeout_seconds)
    yield from _judge(answer, target, where)
    date = answer.headers.get("date")
    with suppress(TypeError, ValueError):  # no date, or none that can be read
        yield from check_clock(parsedate_to_datetime(date or "").timestamp(), (sent + time.time()) / 2, where)
    if "via" in answer.headers:
        yield note(
            "proxied",
            f"{where} by a proxy: its answer has Via: {answer.headers['via']}.",
            "Nothing, if it passes on what it gets.",
        )


def check_clock(theirs: float, ours: float, where: str) -> Iterator[Finding]:
    """
    Whether the clock of who answers agrees with ours, both in Unix seconds.
    """
    skew = theirs - ours
    if abs(skew) > SKEW_SECONDS:
        yield warning(
            "clock_skew",
            f"{where}, where the clock is {abs(skew):.0f} s {'ahead' if skew > 0 else 'behind'}: what ends "
            "counts by our clock, windows and alerts by theirs.",
            "Synchronise the clocks (NTP).",
        )


def _post(target: Target, timeout_seconds: float) -> _Answer:
    handlers: list[Any] = [_NoRedirects(), HTTPSHandler(context=_tls(target))]
    if is_loopback(target.url):
        handlers.append(ProxyHandler({}))
    headers = {"Content-Type": "application/x-protobuf", **target.headers}
    request = Request(target.url, b"", headers, method="POST")  # noqa: S310 - `check_target` has seen its scheme
    try:
        with build_opener(*handlers).open(request, timeout=timeout_seconds) as answer:
            return _read(answer.status, answer)
    except HTTPError as refusal:
        with refusal:
            return _read(refusal.code, refusal)
    except URLError as failure:
        if isinstance(failure.reason, OSError):
            raise failure.reason from failure
        raise


def _read(status: int, answer: Any) -> _Answer:  # noqa: ANN401 - an answer of urllib, or an error that is one
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return _Answer(status, headers, answer.read(2000))


def _judge(answer: _Answer, target: Target, where: str) -> Iterator[Finding]:
    status, media = answer.status, answer.headers.get("content-type", "").split(";")[0].strip().lower()
    is_page = media == "text/html" or answer.body.lstrip()[:1] == b"<"
    answers = f"answers {status}{' with a web page' if is_page else ''}"
    if 200 <= status < 300:  # noqa: PLR2004 - the classes of HTTP
        yield from _judge_success(answers, media, is_page, where)
        return
    if 300 <= status < 400:  # noqa: PLR2004 - likewise
        yield error(
            "redirected",
            f"{where}, which redirects to {answer.headers.get('location', 'nowhere')}; nothing follows.",
            "Give that address as the endpoint.",
        )
    elif status in {401, 403}:
        yield error(
            "unauthorized",
            f"{where}, which {answers}.",
            "Set OTEL_EXPORTER_OTLP_HEADERS, or headers=.",
        )
    elif status in {404, 405} and "frame-ancestors" in answer.headers.get("content-security-policy", ""):
        yield wrong_port(where, "that is the port of the exporter's pages", target)
    elif status in {404, 405, 415, 501}:
        yield error(
            "no_otlp",
            f"{where}, which {answers}: nobody takes OTLP there.",
            "Correct host, port and path.",
        )
    elif status in {429, 502, 503, 504}:
        yield warning(
            "not_ready",
            f"{where}, which {answers}: it takes nothing now.",
            "Wait, or look at its log.",
        )
    else:
        yield error("refused", f"{where}, which {answers}.", "Look at its log.")


def _judge_success(answers: str, media: str, is_page: bool, where: str) -> Iterator[Finding]:
    if is_page:
        yield error("no_otlp", f"{where}, which {answers}.", "Correct host, port and path.")
    elif media not in {"", "application/x-protobuf", "application/octet-stream"}:
        yield warning(
            "other_answer",
            f"{where}, which {answers} as {media}, where OTLP has protobuf: perhaps it takes anything.",
            "See whether what is sent arrives, or correct host, port and path.",
        )


def _check_grpc(target: Target, where: str, timeout_seconds: float) -> Iterator[Finding]:
    with _connected(target, timeout_seconds) as plain:
        connection = (
            _tls(target, "h2").wrap_socket(plain, server_hostname=target.parts.hostname)
            if target.is_tls
            else plain
        )
        connection.sendall(_PREFACE)
        answer = connection.recv(64)
        connection.close()
    if len(answer) >= len(_PREFACE[-9:]) and answer[3] == _SETTINGS:
        return
    if answer.startswith(b"HTTP/"):
        yield wrong_port(where, "HTTP is spoken there, and the protocol is gRPC", target)
    else:
        yield _garbled(target, where, timeout_seconds)


def _connected(target: Target, timeout_seconds: float) -> socket.socket:
    default = 443 if target.is_tls else 80
    return socket.create_connection((target.parts.hostname or "", target.port or default), timeout_seconds)


def _tls(target: Target, *protocols: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=target.certificate or None)
    if protocols:
        context.set_alpn_protocols(list(protocols))
    return context


def _no_answer(target: Target, where: str, failure: Exception, timeout_seconds: float) -> Finding:
    if isinstance(failure, RemoteDisconnected | BadStatusLine | ConnectionResetError | BrokenPipeError):
        return _garbled(target, where, timeout_seconds)
    for kind, name, problem, action in (
        (
            ssl.SSLCertVerificationError,
            "certificate",
            f", whose certificate is not trusted: {getattr(failure, 'verify_message', failure)}.",
            "Set OTEL_EXPORTER_OTLP_CERTIFICATE to that of its authority.",
        ),
        (ssl.SSLError, "tls_mismatch", ", where no TLS is spoken.", _without_tls(target)),
        (socket.gaierror, "unknown_host", ", and that host has no address.", "Correct the name, or the DNS."),
        (
            TimeoutError,
            "no_answer",
            f", which does not answer within {timeout_seconds:g} s.",
            "Look for a firewall, and for a proxy that is missing.",
        ),
        (
            ConnectionRefusedError,
            "no_connection",
            ", where nobody listens.",
            "Start the exporter (droidscope serve), or correct host and port.",
        ),
    ):
        if isinstance(failure, kind):
            return error(name, f"{where}{problem}", action)
    return error("no_answer", f"{where}, which cannot be asked: {failure}.", "Correct host and port.")


def _without_tls(target: Target) -> str:
    if target.parts.scheme:
        return "Take http:// instead of https://."
    return f"Take http://{target.url}, or OTEL_EXPORTER_OTLP_INSECURE=true: without a scheme gRPC speaks TLS."


def _garbled(target: Target, where: str, timeout_seconds: float) -> Finding:
    """
    Somebody answers, but in another language: TLS, HTTP/2 or something else.
    """
    if target.is_tls:
        return error("tls_mismatch", f"{where}, where no TLS is spoken.", _without_tls(target))
    if _speaks_tls(target, timeout_seconds):
        return error("tls_mismatch", f"{where}, where TLS is spoken.", "Take https:// instead of http://.")
    if target.protocol != GRPC and _speaks_http2(target, timeout_seconds):
        return wrong_port(where, "gRPC is spoken there, and the protocol is HTTP", target)
    return error("no_otlp", f"{where}, where neither HTTP nor gRPC is spoken.", "Correct host and port.")


def _speaks_tls(target: Target, timeout_seconds: float) -> bool:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # whoever it is: only the language is asked for
    try:
        with _connected(target, timeout_seconds) as plain, context.wrap_socket(plain):
            return True
    except OSError:
        return False


def _speaks_http2(target: Target, timeout_seconds: float) -> bool:
    try:
        with _connected(target, timeout_seconds) as connection:
            connection.sendall(_PREFACE)
            answer = connection.recv(64)
    except OSError:
        return False
    return len(answer) >= len(_PREFACE[-9:]) and answer[3] == _SETTINGS
