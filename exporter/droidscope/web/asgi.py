"""
The web application: `/metrics`, health, the landing page, and the routes of the API.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from importlib.resources import files
from typing import Final, cast

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

from droidscope.api.routes import RETRY_AFTER_SECONDS, api_routes, json_error, summary_route
from droidscope.api.schema import ExporterSummary, Readiness
from droidscope.exposition.text import Format, negotiate
from droidscope.views.head_reader import HeadReader
from droidscope.views.landing_summary import LandingSummary
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
    readiness: Callable[[], Readiness],
    summary: Callable[[], LandingSummary],
    *,
    version: str,
    reader: HeadReader | None = None,
    name: str = "droidscope",
    docs_url: str = "",
) -> Starlette:
    """
    The application. All functions it gets are called from several threads.

    Args:
        page: Renders the metrics page, once the exporter is ready.
        readiness: Says whether it is.
        summary: Gives the numbers of the landing page, once the exporter is ready.
        version: The exporter's version.
        reader: What the API reads; without it there is no endpoint but the summary.
        name: The title of the landing page.
        docs_url: The documentation that the landing page links to; no link if empty.
    """
    pages = _Pages(page, readiness, summary, name=name, version=version, docs_url=docs_url)
    routes = [
        Route("/", pages.landing),
        Route("/metrics", pages.metrics),
        summary_route(pages.exporter_summary),
        *(api_routes(reader, readiness, version) if reader else ()),
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
    The pages that show the exporter's state.

    They are plain functions on purpose: Starlette runs those in threads, so that a large page does
    not block the event loop that receives telemetry.
    """

    def __init__(
        self,
        page: Callable[[Format], bytes],
        readiness: Callable[[], Readiness],
        summary: Callable[[], LandingSummary],
        *,
        name: str,
        version: str,
        docs_url: str,
    ) -> None:
        self._page = page
        self._readiness = readiness
        self._summary = summary
        self._name = name
        self._version = version
        self._docs_url = docs_url

    def landing(self, _: Request) -> Response:
        """
        The landing page.
        """
        return HTMLResponse(landing_html(self.exporter_summary(), self._docs_url))

    def metrics(self, request: Request) -> Response:
        """
        The metrics page. There is none during the replay: half of it would look like a counter reset.
        """
        state = self._readiness()
        if not state.ready:
            return _unavailable(state)
        form = negotiate(request.headers.get("accept", ""))
        body = self._page(form)
        headers = {"Content-Type": form.value, "Vary": "Accept, Accept-Encoding"}
        if gzip_accepted(request.headers.get("accept-encoding", "")):
            body = igzip.compress(body, compresslevel=1)
            headers["Content-Encoding"] = "gzip"
        return Response(body, headers=headers)

    def ready(self, _: Request) -> Response:
        """
        200 once the log is replayed, else 503 and the reason.
        """
        state = self._readiness()
        return PlainTextResponse(f"{state.message or 'Ready.'}\n") if state.ready else _unavailable(state)

    def exporter_summary(self) -> ExporterSummary:
        """
        Name, version, readiness, and the numbers of the landing page if it is ready.
        """
        state = self._readiness()
        numbers = self._summary() if state.ready else LandingSummary()
        return ExporterSummary(self._name, self._version, state, numbers)


def _healthy(_: Request) -> Response:
    return PlainTextResponse("Healthy.\n")


def _unavailable(state: Readiness) -> Response:
    sentence = state.message or "Not ready: the log is being replayed."
    return PlainTextResponse(f"{sentence}\n", 503, {"Retry-After": str(RETRY_AFTER_SECONDS)})


def _static(file: str) -> Callable[[Request], Response]:
    content = files("droidscope.web").joinpath("static", file).read_bytes()
    return lambda _: Response(content, headers={"Content-Type": STATIC_TYPES[file]})


def _http_error(request: Request, error: Exception) -> Response:
    http = cast("HTTPException", error)  # all that Starlette calls this with
    sentence = "Not found." if http.status_code == HTTPStatus.NOT_FOUND else f"{http.detail}."
    return _error(request, http.status_code, sentence, http.headers)


def _server_error(request: Request, error: Exception) -> Response:
    _log.error("request_failed", path=request.url.path, error=repr(error))
    # Starlette answers this one outside of the middleware, so the headers are added here.
    return _error(request, 500, "Internal server error, see the exporter's log.", SECURITY_HEADERS)


def _error(request: Request, status: int, sentence: str, headers: Mapping[str, str] | None) -> Response:
    """
    JSON below `/api/`, a page for browsers, plain text for other clients.
    """
    if request.url.path.startswith("/api/"):
        return json_error(sentence, status, headers)
    if "text/html" in request.headers.get("accept", ""):
        return HTMLResponse(error_html(status, sentence), status, headers)
    return PlainTextResponse(f"{sentence}\n", status, headers)


class _SecurityHeaders:
    """
    Adds headers: browsers run nothing from elsewhere, guess no types and cache nothing.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(SECURITY_HEADERS)
            await send(message)

        await self._app(scope, receive, send_with_headers)
