"""
Counters and histograms agree with what was emitted.
"""

from collections import Counter
from contextlib import suppress

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry._logs import NoOpLoggerProvider
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased

import droidscope as ds
from droidscope.conventions import attributes as names
from droidscope.instrument import providers
from droidscope.testing import capture

BLOCKS = {
    "session": lambda: ds.session("p"),
    "phase": lambda: ds.phase("f"),
    "task": lambda: ds.task("d"),
    "attempt": ds.attempt,
    "tool": lambda: ds.tool("x"),
    "model_request": lambda: ds.model_call("m"),
    "message": lambda: ds.ask("a", "b"),
    "gate": lambda: ds.gate("g"),
    "synthesis": ds.synthesis,
}


@st.composite
def trees(draw):
    """
    Nested blocks: a kind, whether it fails, and what is inside.
    """

    def around(inside):
        return st.tuples(st.sampled_from(sorted(BLOCKS)), st.booleans(), inside)

    leaf = around(st.just([]))
    return draw(st.recursive(leaf, lambda inner: around(st.lists(inner, max_size=3)), max_leaves=12))


def run(tree):
    kind, fails, inside = tree
    with suppress(ValueError), BLOCKS[kind]():
        for each in inside:
            run(each)
        ds.conflict("schema")
        if fails:
            raise ValueError


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(trees())
def test_every_span_and_conflict_is_counted_once(tree):
    """
    Whatever nests in whatever and fails: the counts by kind are those of the spans and conflicts sent.
    """
    with capture() as seen:
        run(tree)

        emitted = Counter(span.attributes[names.KIND] for span in seen.spans)
        emitted["conflict"] = len(
            {event.attributes[names.CONFLICT_ID] for event in seen.events_named(names.CONFLICT_EVENT)}
        )
        counted = {kind: seen.count(names.CLIENT_RECORDS, {names.RECORD_KIND: kind}) for kind in emitted}
        assert counted == dict(emitted)
        assert seen.count(names.CLIENT_RECORDS) == emitted.total()


def test_what_ended_is_counted_for_other_backends(seen):
    """
    Tasks by outcome, retries, messages by outcome, conflicts by type; durations as histograms.
    """
    with ds.session("p"):
        for fails in (True, False):
            with suppress(TimeoutError), ds.task("d", "t"):
                for _ in range(2):
                    with ds.attempt():
                        pass
                if fails:
                    raise TimeoutError
        ds.tell("a")
        ds.conflict("schema")

    assert seen.count(names.CLIENT_TASKS, {names.TASK_OUTCOME: "failed", names.AGENT_NAME: "d"}) == 1
    assert seen.count(names.CLIENT_TASKS) == 2
    assert seen.count(names.CLIENT_RETRIES, {names.AGENT_NAME: "d"}) == 2
    assert seen.count(names.CLIENT_MESSAGES, {names.MESSAGE_OUTCOME: "accepted"}) == 1
    assert seen.count(names.CLIENT_CONFLICTS, {names.CONFLICT_TYPE: "schema"}) == 1
    assert seen.count(names.CLIENT_TASK_DURATION, {names.TASK_TYPE: "t"}) == 2
    assert seen.count(names.CLIENT_SESSION_DURATION, {names.SESSION_OUTCOME: "completed"}) == 1


def test_a_span_is_counted_once_it_has_ended():
    """
    What a point counts has ended before the point's time: the exporter asks for nothing else.
    """
    counted = []

    class Reading(SpanProcessor):
        def on_end(self, span):  # noqa: ARG002 - the SDK's signature
            counted.append(seen.count(names.CLIENT_RECORDS))

    with capture() as seen:
        seen.tracer_provider.add_span_processor(Reading())
        with ds.session("p"), ds.task("d"):
            pass

        assert counted == [0, 1]
        assert seen.count(names.CLIENT_RECORDS) == 2


def test_conflicts_that_only_their_span_tells_are_counted_with_it():
    """
    Without logs they are not on their way before the span ends, and outside of spans never.
    """
    reader = InMemoryMetricReader()
    meters = MeterProvider([reader], shutdown_on_exit=False)
    tracers = TracerProvider(shutdown_on_exit=False)

    def conflicts():
        (of_resource,) = reader.get_metrics_data().resource_metrics
        records = next(m for m in of_resource.scope_metrics[0].metrics if m.name == names.CLIENT_RECORDS)
        return sum(p.value for p in records.data.data_points if p.attributes[names.RECORD_KIND] == "conflict")

    with providers.override(providers.from_providers(tracers, NoOpLoggerProvider(), meters)):
        ds.conflict("schema")
        with ds.session("p"), ds.task("d"):
            with ds.tool("x"):
                pass
            ds.conflict("schema")
            ds.conflict("api")
            assert conflicts() == 0
        assert conflicts() == 2


def test_what_others_do_not_sample_is_recorded_and_counted():
    """
    Spans, events and counts, to any provider; inside of them the spans of others are sampled as ever.
    """
    reader, spans, logs = InMemoryMetricReader(), InMemorySpanExporter(), InMemoryLogRecordExporter()
    loggers = LoggerProvider(shutdown_on_exit=False)
    loggers.add_log_record_processor(SimpleLogRecordProcessor(logs))
    tracers = TracerProvider(sampler=ParentBased(ALWAYS_OFF), shutdown_on_exit=False)
    tracers.add_span_processor(SimpleSpanProcessor(spans))
    meters = MeterProvider([reader], shutdown_on_exit=False)
    emitter = providers.from_providers(tracers, loggers, meters)
    with providers.override(emitter), ds.session("p"), ds.task("d"):
        tracers.get_tracer("theirs").start_span("dropped").end()
        ds.progress(0.5)

    assert [span.name for span in spans.get_finished_spans()] == ["invoke_agent d", "invoke_workflow p"]
    assert len(logs.get_finished_logs()) == 3
    (of_resource,) = reader.get_metrics_data().resource_metrics
    records = next(m for m in of_resource.scope_metrics[0].metrics if m.name == names.CLIENT_RECORDS)
    assert sum(point.value for point in records.data.data_points) == 2
