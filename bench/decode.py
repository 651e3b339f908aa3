"""
Spans a second of `decode`, against protobuf's `FromString` alone and a naive walk, in one run.

    python bench/decode.py [rounds]

Requests have 512 spans of 12 attributes, about 570 bytes each; a third of the values differ from
span to span. The best of all rounds counts, in CPU time: trust the ratios.
"""

from __future__ import annotations

import random
import sys
import time

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from droidscope.conventions import attributes as names
from droidscope.ingest.decode import decode
from droidscope.ingest.sink import Signal

SPANS = 512
REQUESTS = 10
START_NS = 1_700_000_000_000_000_000
FIELDS = {str: "string_value", int: "int_value", float: "double_value"}


def request(chance):
    """
    The bytes of one request of tasks, as our instrumentation sends them.
    """
    scope_spans = ScopeSpans(
        scope=InstrumentationScope(name=names.SCOPE), spans=[task(chance, number) for number in range(SPANS)]
    )
    resource = Resource(attributes=[pair(names.SERVICE_NAME, "orchestra")])
    return ExportTraceServiceRequest(
        resource_spans=[ResourceSpans(resource=resource, scope_spans=[scope_spans])]
    ).SerializeToString()


def task(chance, number):
    start_ns = START_NS + chance.randrange(10**12)
    attributes = {
        names.KIND: names.Kind.TASK.value,
        names.SESSION_ID: f"session-{number // 60:012d}",
        names.PATTERN_ID: "full-stack-feature",
        names.PHASE_ID: f"phase-{number % 5}-implementation",
        names.TASK_ID: f"task-{chance.randrange(10**12):012d}",
        names.TASK_TYPE: "implementation",
        names.AGENT_NAME: f"backend-architect-{number % 8}",
        names.TASK_OUTCOME: names.Outcome.COMPLETED.value,
        names.TASK_ATTEMPTS: 1 + number % 2,
        names.INPUT_TOKENS: chance.randrange(100_000),
        names.OUTPUT_TOKENS: chance.randrange(10_000),
        names.COST_USD: chance.random(),
    }
    return Span(
        trace_id=chance.randbytes(16),
        span_id=chance.randbytes(8),
        parent_span_id=chance.randbytes(8),
        name="task implementation",
        kind=Span.SPAN_KIND_INTERNAL,
        start_time_unix_nano=start_ns,
        end_time_unix_nano=start_ns + chance.randrange(10**11),
        attributes=[pair(key, value) for key, value in attributes.items()],
    )


def pair(key, value):
    return KeyValue(key=key, value=AnyValue(**{FIELDS[type(value)]: value}))


def parse(body):
    """
    The floor: protobuf alone.
    """
    ExportTraceServiceRequest.FromString(body)


def parse_and_walk(body):
    """
    What decode is compared with: the same fields, each value asked for its kind.
    """
    for of_resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        for of_scope in of_resource.scope_spans:
            for span in of_scope.spans:
                _ = (
                    span.trace_id,
                    span.span_id,
                    span.parent_span_id,
                    span.name,
                    span.kind,
                    span.start_time_unix_nano,
                    span.end_time_unix_nano,
                    span.status.code,
                    span.status.message,
                    {
                        pair.key: getattr(pair.value, pair.value.WhichOneof("value"))
                        for pair in span.attributes
                    },
                    list(span.events),
                    list(span.links),
                )


def decode_traces(body):
    decode(Signal.TRACES, body)


def best_seconds(work, bodies, rounds):
    """
    CPU seconds of the fastest round over all bodies.
    """
    best = float("inf")
    for _ in range(rounds):
        start = time.process_time()
        for body in bodies:
            work(body)
        best = min(best, time.process_time() - start)
    return best


def main(rounds=7):
    chance = random.Random(1)
    bodies = [request(chance) for _ in range(REQUESTS)]
    spans = SPANS * len(bodies)
    seconds = {
        name: best_seconds(work, bodies, rounds)
        for name, work in {"FromString": parse, "naive walk": parse_and_walk, "decode": decode_traces}.items()
    }

    print(f"{len(bodies[0]) / SPANS:.0f} bytes a span, best of {rounds}")
    print(f"{'':12}{'spans/s':>12}{'us/span':>10}{'x FromString':>14}")
    for name, took in seconds.items():
        ratio = took / seconds["FromString"]
        print(f"{name:12}{spans / took:12,.0f}{took / spans * 1e6:10.2f}{ratio:14.1f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
