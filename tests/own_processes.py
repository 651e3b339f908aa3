"""
Real processes that record, and what has arrived of theirs: spans and events as rows, by what they are of.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from typing import Any, NamedTuple

from droidscope.conventions import attributes as names


class SpanRow(NamedTuple):
    """
    A span that has arrived.
    """

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    attributes: dict[str, Any]
    scope: str
    resource: dict[str, Any]
    status: int
    events: dict[str, dict[str, Any]]


def run_process(code: str, seconds: float = 60, **variables: str) -> subprocess.CompletedProcess[str]:
    """
    A process that runs *code* within *seconds*, with only these OTEL_* *variables*.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    done = subprocess.run(
        [sys.executable, "-c", "import droidscope as ds\n" + textwrap.dedent(code)],
        env={**kept, "NO_PROXY": "127.0.0.1", **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
    )
    assert done.returncode == 0, done.stderr
    return done


def values(holder: Any) -> dict[str, Any]:
    """
    The attributes of a resource, a span, an event or a point, by name.
    """
    return {
        each.key: getattr(each.value, each.value.WhichOneof("value") or "string_value")
        for each in holder.attributes
    }


def span_rows(receiver: Any) -> list[SpanRow]:
    """
    All spans that have arrived, in their order.
    """
    return [
        SpanRow(
            span.name,
            span.trace_id.hex(),
            span.span_id.hex(),
            span.parent_span_id.hex(),
            values(span),
            of_scope.scope.name,
            values(of_resource.resource),
            span.status.code,
            {event.name: values(event) for event in span.events},
        )
        for path, request, _ in list(receiver.received)
        if path == "/v1/traces"
        for of_resource in request.resource_spans
        for of_scope in of_resource.scope_spans
        for span in of_scope.spans
    ]


def event_rows(receiver: Any) -> list[tuple[str, str, dict[str, Any], dict[str, Any]]]:
    """
    All log events that have arrived: name, span id, attributes, resource.
    """
    return [
        (log.event_name, log.span_id.hex(), values(log), values(of_resource.resource))
        for path, request, _ in list(receiver.received)
        if path == "/v1/logs"
        for of_resource in request.resource_logs
        for of_scope in of_resource.scope_logs
        for log in of_scope.log_records
    ]


def records_counted(receiver: Any) -> dict[str, int]:
    """
    The latest `orchestrator.client.records` by kind, summed over all instances.
    """
    latest: dict[tuple[str, str], int] = {}
    for path, request, _ in list(receiver.received):
        if path != "/v1/metrics":
            continue
        for of_resource in request.resource_metrics:
            instance = str(values(of_resource.resource)[names.SERVICE_INSTANCE_ID])
            for of_scope in of_resource.scope_metrics:
                for metric in of_scope.metrics:
                    if metric.name == names.CLIENT_RECORDS:
                        for point in metric.sum.data_points:
                            latest[instance, str(values(point)[names.RECORD_KIND])] = point.as_int
    counted: dict[str, int] = {}
    for (_, kind), count in latest.items():
        counted[kind] = counted.get(kind, 0) + count
    return counted
