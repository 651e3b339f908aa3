"""
The routes of the API: each endpoint parses its parameters, calls its handler and encodes the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from droidscope.api.endpoint import Endpoint
from droidscope.api.endpoints import ENDPOINTS, PREFIX, SUMMARY
from droidscope.api.openapi import openapi
from droidscope.api.params import ParamsError, parse_params
from droidscope.api.schema import ErrorAnswer, ExporterSummary, Readiness
from droidscope.views.head_reader import HeadReader

RETRY_AFTER_SECONDS: Final = 5
"""
When to ask again while the log is being replayed.
"""


def api_routes(reader: HeadReader, readiness: Callable[[], Readiness], version: str) -> list[Route]:
    """
    The routes of the endpoints and of the OpenAPI document.
    """
    document = msgspec.json.encode(openapi(version))
    return [
        *(
            Route(f"{PREFIX}/{endpoint.path}", _answer_with(endpoint, reader, readiness))
            for endpoint in ENDPOINTS
        ),
        Route(f"{PREFIX}/openapi.json", lambda _: _json(document)),
    ]


def summary_route(summary: Callable[[], ExporterSummary]) -> Route:
    """
    The route of the summary, which is answered before the exporter is ready, too.
    """
    return Route(f"{PREFIX}/{SUMMARY.path}", lambda _: _json(msgspec.json.encode(summary())))


def json_error(sentence: str, status: int, headers: Mapping[str, str] | None = None) -> Response:
    """
    An error as the API answers it.
    """
    return Response(msgspec.json.encode(ErrorAnswer(sentence)), status, headers, "application/json")


def _answer_with(
    endpoint: Endpoint[Any], reader: HeadReader, readiness: Callable[[], Readiness]
) -> Callable[[Request], Response]:
    def answer(request: Request) -> Response:
        state = readiness()
        if not state.ready:
            retry = {"Retry-After": str(RETRY_AFTER_SECONDS)}
            return json_error(state.message or "not ready: the log is being replayed", 503, retry)
        try:
            params = parse_params(request.query_params.multi_items(), endpoint.params)
        except ParamsError as error:
            return json_error(str(error), 400)
        content = endpoint.handler(reader, params)
        if content is None:
            return json_error(f"{endpoint.not_found}.", 404)
        return _json(msgspec.json.encode(content))

    return answer


def _json(body: bytes) -> Response:
    return Response(body, media_type="application/json")
