"""
Ids of what is around go into every span: across tasks, threads and processes, and never across sessions.
"""

import asyncio
import contextvars
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from opentelemetry import baggage, context
from opentelemetry._logs import NoOpLoggerProvider
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.trace import format_span_id
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

import droidscope as ds
from droidscope.conventions import attributes as names
from droidscope.instrument import providers
from droidscope.testing import capture

W3C = CompositePropagator([TraceContextTextMapPropagator(), W3CBaggagePropagator()])

IDS = (
    names.SESSION_ID,
    names.PATTERN_ID,
    names.PHASE_ID,
    names.TASK_ID,
    names.TASK_TYPE,
    names.AGENT_NAME,
)


def service(monkeypatch, name):
    """
    Captures what a service called *name* emits.
    """
    monkeypatch.setenv("OTEL_SERVICE_NAME", name)
    return capture()


def ids_of(span):
    """
    The ids among the attributes of *span*.
    """
    return {name: span.attributes[name] for name in IDS if name in span.attributes}


def test_what_is_inside_carries_all_ids(seen):
    """
    However deep, a span has session, pattern, phase, task, type and droid.
    """
    with ds.session("p", id="s"), ds.phase("f"), ds.task("d", "t", id="1"), ds.attempt():
        for block in (ds.tool("x"), ds.ask("d", "e"), ds.gate("g")):
            with block:
                pass
        ds.tell("d")

    inside = {
        names.SESSION_ID: "s",
        names.PATTERN_ID: "p",
        names.PHASE_ID: "f",
        names.TASK_ID: "1",
        names.TASK_TYPE: "t",
        names.AGENT_NAME: "d",
    }
    kinds = {"attempt", "tool", "message", "gate"}
    assert [ids_of(span) for kind in kinds for span in seen.records(kind)] == [inside] * 5
    assert ids_of(seen.one("phase")) == {name: inside[name] for name in IDS[:3]}


def test_ids_end_with_what_they_are_of(seen):
    """
    After a phase and its task, the session alone is around.
    """
    with ds.session("p", id="s"):
        with ds.phase("f"), ds.task("d"):
            pass
        with ds.gate("g"):
            pass

    assert ids_of(seen.one("gate")) == {names.SESSION_ID: "s", names.PATTERN_ID: "p"}


def test_a_session_inside_a_task_is_on_its_own(seen):
    """
    A sub-orchestrator's session has neither the phase nor the task it was started from, in spans or baggage.
    """
    with ds.session("outer"), ds.phase("f"), ds.task("d", "t"):
        with ds.session("inner", id="2") as session:
            carried = dict(baggage.get_all())
            with ds.phase("g"):
                pass
        assert baggage.get_baggage(names.PHASE_ID) == "f"

    run = format_span_id(session.span.get_span_context().span_id)
    ids = {names.SESSION_ID: "2", names.PATTERN_ID: "inner"}
    assert carried.items() - ids.items() == {
        (names.SESSION_RUN, run),
        (names.ORCHESTRATOR_NAME, "unknown_service:python"),
    }
    inner = next(span for span in seen.records("phase") if span.attributes[names.PHASE_ID] == "g")
    assert ids_of(inner) == {**ids, names.PHASE_ID: "g"}


def test_a_task_without_a_type_does_not_take_that_of_the_task_around(seen):
    """
    Nested tasks share session and phase, nothing else.
    """
    with ds.session("p", id="s"), ds.task("lead", "planning"), ds.task("helper", id="2"):
        pass

    helper = next(span for span in seen.records("task") if span.attributes[names.TASK_ID] == "2")
    assert ids_of(helper) == {
        names.SESSION_ID: "s",
        names.PATTERN_ID: "p",
        names.TASK_ID: "2",
        names.AGENT_NAME: "helper",
    }


async def test_concurrent_sessions_do_not_mix(seen):
    """
    Two sessions of one decorated function interleave at each await; each keeps its own spans.
    """

    @ds.tool("step")
    async def step():
        await asyncio.sleep(0)

    @ds.task("d")
    async def work(session):
        await asyncio.gather(step(), step())
        ds.output(model=session.id)

    async def run():
        with ds.session("p") as session:
            await asyncio.sleep(0)
            await asyncio.gather(work(session), work(session))
        return session.id

    sessions = await asyncio.gather(run(), run())

    assert len(set(sessions)) == 2
    for session in sessions:
        tasks = [span for span in seen.records("task") if span.attributes[names.SESSION_ID] == session]
        assert [span.attributes[names.REQUEST_MODEL] for span in tasks] == [session] * 2
        task_ids = {span.attributes[names.TASK_ID] for span in tasks}
        tools = [span for span in seen.records("tool") if span.attributes[names.SESSION_ID] == session]
        assert sorted(span.attributes[names.TASK_ID] for span in tools) == sorted([*task_ids] * 2)
        assert len({span.context.trace_id for span in [*tasks, *tools]}) == 1


def test_threads_with_a_copied_context_are_inside(seen):
    """
    Others are not: a thread has a context of its own.
    """

    def work():
        with ds.tool("x"):
            pass

    with ds.session("p", id="s"), ThreadPoolExecutor(1) as pool:
        pool.submit(contextvars.copy_context().run, work).result()
        pool.submit(work).result()

    assert [ids_of(span).get(names.SESSION_ID) for span in seen.records("tool")] == ["s", None]


def test_attempts_of_many_threads_are_numbered_once_each(seen):
    """
    No number is given twice.
    """

    def work():
        with ds.attempt():
            pass

    with ds.task("d"), ThreadPoolExecutor(8) as pool:
        contexts = [contextvars.copy_context() for _ in range(100)]
        for future in [pool.submit(each.run, work) for each in contexts]:
            future.result()

    numbers = sorted(span.attributes[names.TASK_ATTEMPT] for span in seen.records("attempt"))
    assert numbers == list(range(1, 101))
    assert seen.one("task").attributes[names.TASK_ATTEMPTS] == 100


WORKER = """
import json, sys
from opentelemetry import context
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
import droidscope as ds
from droidscope.testing import capture

W3C = CompositePropagator([TraceContextTextMapPropagator(), W3CBaggagePropagator()])
context.attach(W3C.extract(json.load(sys.stdin)))
with capture() as seen:
    with ds.attempt(number=2), ds.tool("grep"):
        ds.conflict("schema")
    ds.progress(0.5)
print(json.dumps({
    "spans": [dict(span.attributes) for span in seen.spans],
    "events": [[event.event_name, dict(event.attributes)] for event in seen.events],
    "traces": [format(span.context.trace_id, "032x") for span in seen.spans],
}))
"""


@pytest.mark.usefixtures("seen")
def test_another_process_is_inside_by_baggage():
    """
    W3C headers carry trace and ids, whatever letters they have, to a process that knows nothing else.
    """
    headers = {}
    with ds.session("bug fix, größer", id="s") as session, ds.phase("f"), ds.task("d", "t", id="1") as task:
        W3C.inject(headers)
        trace_id = format(session.span.get_span_context().trace_id, "032x")
        expected = dict(task.inside)

    worker = subprocess.run(
        [sys.executable, "-c", WORKER], input=json.dumps(headers), capture_output=True, text=True, check=True
    )
    there = json.loads(worker.stdout)

    assert {name: expected[name] for name in IDS[:2]} == {
        names.SESSION_ID: "s",
        names.PATTERN_ID: "bug fix, größer",
    }
    assert [span[names.KIND] for span in there["spans"]] == ["tool", "attempt"]
    assert all(expected.items() <= span.items() for span in there["spans"])
    assert set(there["traces"]) == {trace_id}
    assert there["spans"][1][names.TASK_ATTEMPT] == 2
    sent = [name for name, attributes in there["events"] if expected.items() <= attributes.items()]
    assert sent == [names.STARTED_EVENT, names.CONFLICT_EVENT, names.PROGRESS_EVENT]


def headers_of_a_task():
    """
    What a request of an orchestrator's task carries.
    """
    headers = {}
    with ds.session("p", id="s"), ds.task("d"):
        W3C.inject(headers)
    return headers


def test_records_of_a_worker_are_its_orchestrators(monkeypatch):
    """
    In another service, spans, events and counts name the service that opened the session.
    """
    with service(monkeypatch, "fleet") as fleet:
        headers = headers_of_a_task()

    with service(monkeypatch, "worker") as worker:
        token = context.attach(W3C.extract(headers))
        with ds.attempt(), ds.tool("x"):
            ds.conflict("schema")
        ds.progress(0.5)
        worker.tracer_provider.get_tracer("some.framework").start_span("theirs").end()
        context.detach(token)

    assert not any(names.ORCHESTRATOR_NAME in each.attributes for each in [*fleet.spans, *fleet.events])
    assert len(worker.spans) == len(worker.events) == 3
    assert {each.attributes[names.ORCHESTRATOR_NAME] for each in [*worker.spans, *worker.events]} == {"fleet"}
    for kind in ("attempt", "tool", "conflict"):
        labels = {names.RECORD_KIND: kind, names.ORCHESTRATOR_NAME: "fleet"}
        assert worker.count(names.CLIENT_RECORDS, labels) == 1
    assert worker.count(names.CLIENT_RECORDS) == 3


def test_the_opener_itself_needs_no_name_on_its_records(monkeypatch):
    """
    Another process of the same service is known by its resource.
    """
    with service(monkeypatch, "fleet"):
        headers = headers_of_a_task()

    with service(monkeypatch, "fleet") as other:
        token = context.attach(W3C.extract(headers))
        with ds.tool("x"):
            ds.progress()
        other.tracer_provider.get_tracer("some.framework").start_span("theirs").end()
        context.detach(token)

    assert [each.attributes[names.SESSION_ID] for each in [*other.spans, *other.events]] == ["s"] * 3
    assert not any(names.ORCHESTRATOR_NAME in each.attributes for each in [*other.spans, *other.events])


def test_a_session_opened_by_a_worker_is_its_own(monkeypatch):
    """
    What is inside of it, and further away, is named after the worker.
    """
    with service(monkeypatch, "fleet"):
        headers = headers_of_a_task()

    with service(monkeypatch, "worker") as worker:
        token = context.attach(W3C.extract(headers))
        with ds.session("sub"), ds.phase("f"):
            passed_on = baggage.get_baggage(names.ORCHESTRATOR_NAME)
        context.detach(token)

    assert passed_on == "worker"
    assert not any(names.ORCHESTRATOR_NAME in span.attributes for span in worker.spans)


@pytest.mark.parametrize("variable", ["by-variable", ""])
def test_without_a_resource_the_variable_names_the_orchestrator(monkeypatch, seen, variable):
    """
    Providers that are not the SDK's have no resource; without the variable nothing is set.
    """
    monkeypatch.setenv("OTEL_SERVICE_NAME", variable)

    class Foreign:
        get_tracer = seen.tracer_provider.get_tracer

    emitter = providers.from_providers(Foreign(), NoOpLoggerProvider(), NoOpMeterProvider())
    with providers.override(emitter), ds.session("p"):
        assert baggage.get_baggage(names.ORCHESTRATOR_NAME) == (variable or None)


def test_other_baggage_passes(seen):
    """
    What the user carries is there inside, and what is added inside does not hide where that is.
    """
    token = context.attach(baggage.set_baggage("mine", "1"))
    with ds.session("p", id="s"), ds.task("d"):
        inner = context.attach(baggage.set_baggage("also", "2"))
        with ds.session("q"):
            assert {"mine": "1", "also": "2"}.items() <= dict(baggage.get_all()).items()
        ds.output(files_created=1)
        context.detach(inner)
        assert baggage.get_baggage("also") is None
    context.detach(token)

    assert seen.one("task").attributes[names.OUTPUT_FILES_CREATED] == 1


def test_a_received_context_wins_over_what_is_open_here(seen, caplog):
    """
    A bus whose consumer was started inside one session handles a message of another: the message's ids
    count, and its output does not end up at the consumer's own task.
    """
    headers = {}
    with ds.session("theirs", id="theirs"):
        W3C.inject(headers)

    with ds.session("ours", id="ours"), ds.task("bus"):
        token = context.attach(W3C.extract(headers))
        ds.output(files_created=1)
        with ds.gate("g") as gate:
            gate.failed()
        context.detach(token)
        with ds.synthesis():
            pass

    assert seen.one("gate").attributes[names.SESSION_ID] == "theirs"
    # Extraction replaces baggage as a whole, so the task of the consumer is not around either.
    assert names.TASK_ID not in seen.one("gate").attributes
    assert names.OUTPUT_FILES_CREATED not in seen.one("task").attributes
    assert names.SYNTHESIS_GATES_PASSED not in seen.one("synthesis").attributes
    assert "output outside of a task" in caplog.text


def test_spans_of_other_libraries_say_where_they_are(seen):
    """
    The processor copies the ids, but does not overwrite what a span has itself.
    """
    tracer = seen.tracer_provider.get_tracer("some.framework")
    with ds.session("p", id="s"), ds.task("d", "t", id="1"):
        tracer.start_span("plain").end()
        tracer.start_span("agent", attributes={names.AGENT_NAME: "theirs"}).end()
    tracer.start_span("outside").end()

    plain, agent, outside = (span for span in seen.spans if names.KIND not in span.attributes)
    assert ids_of(plain) == {
        names.SESSION_ID: "s",
        names.PATTERN_ID: "p",
        names.TASK_ID: "1",
        names.TASK_TYPE: "t",
        names.AGENT_NAME: "d",
    }
    assert agent.attributes[names.AGENT_NAME] == "theirs"
    assert agent.attributes[names.TASK_ID] == "1"
    assert not outside.attributes
