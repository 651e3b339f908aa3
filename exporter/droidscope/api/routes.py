"""
The JSON API for who runs neither Prometheus nor Grafana, and its OpenAPI document.

Questions and answers are the structs of `questions` and `schema`: they parse, they encode, and they make the
document, so that none of the three can differ from the others.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Generic, NamedTuple, Protocol, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from droidscope.api import params as q
from droidscope.api import schema as s
from droidscope.views.summary import Snapshot, Status

PREFIX: Final = "/api/v1"
RETRY_AFTER_SECONDS: Final = 5
"""
When to ask again while the log is being replayed.
"""

Query = TypeVar("Query", bound=msgspec.Struct)

_INTEGER = re.compile(r"[0-9]{1,9}", re.ASCII)
_REFERENCE: Final = "#/components/schemas/{name}"


class Source(Protocol):
    """
    Who knows the answers. It is asked only once the exporter is ready, by several threads.
    """

    def dashboard(self, query: q.DashboardQuery) -> s.Dashboard:
        """
        What goes on now.
        """

    def sessions(self, query: q.SessionsQuery) -> s.Sessions:
        """
        Sessions that run or ended lately.
        """

    def session(self, query: q.SessionQuery) -> s.SessionDetail | None:
        """
        One session with its phases and critical path, None if it is not known.
        """

    def droids(self, query: q.DroidsQuery) -> s.Droids:
        """
        Droids and their KPIs.
        """

    def patterns(self, query: q.PatternsQuery) -> s.Patterns:
        """
        Patterns and their KPIs.
        """

    def insights(self, query: q.InsightsQuery) -> s.AllInsights:
        """
        What the numbers say, trends and forecasts.
        """

    def bottlenecks(self, query: q.BottlenecksQuery) -> s.Bottlenecks:
        """
        What slows the work down.
        """

    def recommendations(self, query: q.RecommendationsQuery) -> s.Recommendations:
        """
        What to do about it.
        """

    def alerts(self, query: q.AlertsQuery) -> s.Alerts:
        """
        The active alerts.
        """

    def communication(self, query: q.CommunicationQuery) -> s.Network:
        """
        Who tells whom.
        """


class QueryError(ValueError):
    """
    A question that cannot be answered; the message names the parameter, its value and what was expected.
    """


class Endpoint(NamedTuple, Generic[Query]):
    """
    One path: what it takes, what it gives, and what that is; *missing* says what it means if there is
    no such thing, "" where there always is.
    """

    path: str
    query: type[Query]
    answer: type[msgspec.Struct]
    title: str
    missing: str = ""


ENDPOINTS: Final = (
    Endpoint("dashboard", q.DashboardQuery, s.Dashboard, "What goes on now"),
    Endpoint("sessions", q.SessionsQuery, s.Sessions, "Sessions that run or ended lately"),
    Endpoint(
        "session",
        q.SessionQuery,
        s.SessionDetail,
        "One session: its phases and critical path",
        "No such session is known; those that ended are kept until a thousand newer ones have",
    ),
    Endpoint("droids", q.DroidsQuery, s.Droids, "Droids and their KPIs"),
    Endpoint("patterns", q.PatternsQuery, s.Patterns, "Patterns and their KPIs"),
    Endpoint("insights", q.InsightsQuery, s.AllInsights, "What the numbers say, trends and forecasts"),
    Endpoint("bottlenecks", q.BottlenecksQuery, s.Bottlenecks, "What slows the work down"),
    Endpoint("recommendations", q.RecommendationsQuery, s.Recommendations, "What to do about it"),
    Endpoint("alerts", q.AlertsQuery, s.Alerts, "The active alerts"),
    Endpoint("communication", q.CommunicationQuery, s.Network, "Who tells whom"),
)
SUMMARY: Final = Endpoint("summary", q.NoQuery, Snapshot, "The numbers of the landing page")


def api_routes(source: Source, status: Callable[[], Status], version: str) -> list[Route]:
    """
    The routes of the API, but for the summary's.
    """
    document = msgspec.json.encode(openapi(version))
    return [
        *(Route(f"{PREFIX}/{each.path}", _answering(each, source, status)) for each in ENDPOINTS),
        Route(f"{PREFIX}/openapi.json", _constant(document)),
    ]


def parsed(pairs: Sequence[tuple[str, str]], type_: type[Query]) -> Query:
    """
    The question that parameters ask.

    Raises:
        QueryError: If one is unknown, is given twice, has no such value, or is missing.
    """
    properties = _properties(type_)
    types = {each.name: each for each in msgspec.structs.fields(type_)}
    values: dict[str, str | int] = {}
    for name, value in pairs:
        if name not in properties:
            raise QueryError(f"{name!r} is {value!r}; expected {_one_of(properties)} as a parameter")
        if name in values:
            raise QueryError(f"{name} is given twice, the second time as {value!r}; expected it once")
        is_number = properties[name].get("type") == "integer" and _INTEGER.fullmatch(value)
        values[name] = int(value) if is_number else value
        try:
            msgspec.convert(values[name], types[name].type)
        except msgspec.ValidationError:
            raise QueryError(f"{name} is {value!r}; expected {_expected(properties[name])}") from None
    for each in types.values():
        if each.required and each.name not in values:
            raise QueryError(f"{each.name} is missing; expected {_expected(properties[each.name])}")
    return msgspec.convert(values, type_)


def openapi(version: str) -> dict[str, Any]:
    """
    The OpenAPI document of the API.
    """
    every: tuple[Endpoint[Any], ...] = (*ENDPOINTS, SUMMARY)
    answers, components = msgspec.json.schema_components(
        [s.Error, *(each.answer for each in every)], ref_template=_REFERENCE
    )
    error, *schemas = answers
    paths = {
        f"{PREFIX}/{each.path}": {"get": _operation(each, answer, error)}
        for each, answer in zip(every, schemas, strict=True)
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "droidscope", "version": version, "description": s.__doc__.strip()},
        "paths": paths,
        "components": {"schemas": components},
    }


def json_error(sentence: str, status: int, headers: Mapping[str, str] | None = None) -> Response:
    """
    An error as the API tells it.
    """
    return Response(msgspec.json.encode(s.Error(sentence)), status, headers, "application/json")


def _answering(
    endpoint: Endpoint[Any], source: Source, status: Callable[[], Status]
) -> Callable[[Request], Response]:
    ask = getattr(source, endpoint.path)

    def answer(request: Request) -> Response:
        now = status()
        if not now.ready:
            retry = {"Retry-After": str(RETRY_AFTER_SECONDS)}
            return json_error(now.message or "not ready: the log is being replayed", 503, retry)
        try:
            query = parsed(request.query_params.multi_items(), endpoint.query)
        except QueryError as error:
            return json_error(str(error), 400)
        found = ask(query)
        if found is None:
            return json_error(f"{endpoint.missing}.", 404)
        return _json(msgspec.json.encode(found))

    return answer


def _constant(body: bytes) -> Callable[[Request], Response]:
    return lambda _: _json(body)


def _json(body: bytes) -> Response:
    return Response(body, media_type="application/json")


def _properties(type_: type[Any]) -> dict[str, dict[str, Any]]:
    """
    The JSON schema of each parameter; one that may be left out is not null but absent.
    """
    (_,), components = msgspec.json.schema_components([type_], ref_template=_REFERENCE)
    properties: dict[str, dict[str, Any]] = components[type_.__name__]["properties"]
    return {name: _without_null(each) for name, each in properties.items()}


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    (only,) = (each for each in schema.get("anyOf", [schema]) if each != {"type": "null"})
    if "enum" in only:
        only = {"type": "string", "enum": [each for each in only["enum"] if each is not None]}
    given = {} if schema.get("default") is None else {"default": schema["default"]}
    return {**{name: value for name, value in only.items() if name != "default"}, **given}


def _one_of(names: Sequence[str] | dict[str, Any]) -> str:
    return f"one of {', '.join(names)}" if names else "nothing"


def _expected(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return _one_of(schema["enum"])
    if schema["type"] == "integer":
        return f"an integer from {schema['minimum']} to {schema['maximum']}"
    return "text of at least one character" if schema.get("minLength") else "text"


def _operation(endpoint: Endpoint[Any], answer: dict[str, Any], error: dict[str, Any]) -> dict[str, Any]:
    refusals = {"400": "A parameter is wrong", "503": "The log is being replayed"}
    if endpoint.missing:
        refusals["404"] = endpoint.missing
    required = {each.name for each in msgspec.structs.fields(endpoint.query) if each.required}
    parameters = [
        {"name": name, "in": "query", "schema": schema, **({"required": True} if name in required else {})}
        for name, schema in _properties(endpoint.query).items()
    ]
    return {
        "operationId": endpoint.path,
        "summary": endpoint.title,
        "parameters": parameters,
        "responses": {
            "200": _response(endpoint.title, answer),
            **({code: _response(title, error) for code, title in refusals.items()} if parameters else {}),
        },
    }


def _response(title: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": title, "content": {"application/json": {"schema": schema}}}
