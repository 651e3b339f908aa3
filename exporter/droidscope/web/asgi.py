"""
The HTTP face for people and scrapers: /metrics, health, the landing page, the summary.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from importlib.resources import files
from typing import Final, cast

import msgspec
import structlog
from isal import igzip
from prometheus_client.exposition import gzip_accepted
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from droidscope.api.routes import PREFIX, RETRY_AFTER_SECONDS, Source, api_routes, json_error
from droidscope.exposition.text import Format, negotiate
from droidscope.views.summary import Snapshot, Status, Summary
from droidscope.web.landing import error_html, landing_html

STATIC_TYPES: Final = {
    "style.css": "text/css; charset=utf-8",
    "live.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}

SECURITY_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

_log = structlog.get_logger(__name__)


def web_app(
    page: Callable[[Format], bytes],
    status: Callable[[], Status],
    summary: Callable[[], Summary],
    *,
    version: str,
    source: Source | None = None,
    name: str = "droidscope",
    docs_url: str = "",
) -> Starlette:
    """
    The application.

    *page* renders the metrics; *summary* gives the live numbers and, like *page*, is asked only
    when *status* says ready. All three may be called from several threads. *source* answers the API;
    without it there is the summary alone. *docs_url* is where the
    landing page sends readers; there is no link without it.
    """
    pages = _Pages(page, status, summary, name=name, version=version, docs_url=docs_url)
    routes = [
        Route("/", pages.landing),
        Route("/metrics", pages.metrics),
        Route(f"{PREFIX}/summary", pages.summary),
        *(api_routes(source, status, version) if source else ()),
        Route("/-/healthy", _healthy),
        Route("/-/ready", pages.ready),
        *(Route(f"/static/{file}", _static(file)) for file in STATIC_TYPES),
    ]
    return Starlette(
        routes=routes,
        middleware=[Middleware(_SecurityHeaders)],
        exception_handlers={HTTPException: _http_error, Exception: _server_error},
    )


class _Pages:
    """
    The endpoints that need to know something.

    They are plain functions on purpose: Starlette runs those in threads, so that a large page does
    not stop the event loop that takes telemetry in.
    """

    def __init__(
        self,
        page: Callable[[Format], bytes],
        status: Callable[[], Status],
        summary: Callable[[], Summary],
        *,
        name: str,
        version: str,
        docs_url: str,
    ) -> None:
        self._page = page
        self._status = status
        self._summary = summary
        self._name = name
        self._version = version
        self._docs_url = docs_url

    def landing(self, _: Request) -> Response:
        """
        The overview for people.
        """
        return HTMLResponse(landing_html(self._snapshot(), self._docs_url))

    def summary(self, _: Request) -> Response:
        """
        The same numbers as JSON: a `Snapshot`.
        """
        return Response(msgspec.json.encode(self._snapshot()), media_type="application/json")

    def metrics(self, request: Request) -> Response:
        """
        The page for scrapers. Half a replay would look like a reset, so there is none before it ends.
        """
        status = self._status()
        if not status.ready:
            return _unavailable(status)
        form = negotiate(request.headers.get("accept", ""))
        body = self._page(form)
        headers = {"Content-Type": form.value, "Vary": "Accept, Accept-Encoding"}
        if gzip_accepted(request.headers.get("accept-encoding", "")):
            body = igzip.compress(body, compresslevel=1)
            headers["Content-Encoding"] = "gzip"
        return Response(body, headers=headers)

    def ready(self, _: Request) -> Response:
        """
        200 once the log is replayed, else 503 and why.
        """
        status = self._status()
        return PlainTextResponse(f"{status.message or 'Ready.'}\n") if status.ready else _unavailable(status)

    def _snapshot(self) -> Snapshot:
        status = self._status()
        return Snapshot(self._name, self._version, status, self._summary() if status.ready else Summary())


def _healthy(_: Request) -> Response:
    return PlainTextResponse("Healthy.\n")


def _unavailable(status: Status) -> Response:
    sentence = status.message or "Not ready: the log is being replayed."
    return PlainTextResponse(f"{sentence}\n", 503, {"Retry-After": str(RETRY_AFTER_SECONDS)})


def _static(file: str) -> Callable[[Request], Response]:
    content = files("droidscope.web").joinpath("static", file).read_bytes()
    return lambda _: Response(content, headers={"Content-Type": STATIC_TYPES[file]})


def _http_error(request: Request, error: Exception) -> Response:
    http = cast("HTTPException", error)  # all that Starlette calls this with
    sentence = "There is nothing here." if http.status_code == HTTPStatus.NOT_FOUND else f"{http.detail}."
    return _error(request, http.status_code, sentence, http.headers)


def _server_error(request: Request, error: Exception) -> Response:
    _log.error("request_failed", path=request.url.path, error=repr(error))
    # Middleware of ours no longer sees this one: Starlette answers outside of it.
    return _error(request, 500, "Something broke; the log says what.", SECURITY_HEADERS)


def _error(request: Request, status: int, sentence: str, headers: Mapping[str, str] | None) -> Response:
    """
    JSON where JSON is asked for, a page for browsers, a line for everything else.
    """
    if request.url.path.startswith("/api/"):
        return json_error(sentence, status, headers)
    if "text/html" in request.headers.get("accept", ""):
        return HTMLResponse(error_html(status, sentence), status, headers)
    return PlainTextResponse(f"{sentence}\n", status, headers)


class _SecurityHeaders:
    """
    Adds the headers that keep a browser from running or keeping what it should not.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(SECURITY_HEADERS)
            await send(message)

        await self._app(scope, receive, send_with_headers)
