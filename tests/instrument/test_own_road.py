"""
Native records arrive whatever providers there are; those of others are as they would be without.

Each test runs real processes that send to two real receivers: droidscope's, and somebody else's.
"""

from collections import Counter

import pytest
from otlp_receiver import serve
from own_processes import event_rows, records_counted, run_process, span_rows

from droidscope.conventions import attributes as names


@pytest.fixture
def ours():
    """
    The receiver that `configure` sends to.
    """
    with serve() as receiver:
        yield receiver


@pytest.fixture
def theirs():
    """
    The backend of the user's own provider.
    """
    with serve() as receiver:
        yield receiver


PROVIDER = """
from opentelemetry import trace, context, propagate
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
import random

def their_provider(sampler=None):
    random.seed(7)  # their ids, and so their sampling, are the same each time
    provider = TracerProvider(sampler=sampler, resource=Resource.create({"service.name": "theirs", "deployment.environment.name": "test"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=THEIRS + "/v1/traces")))
    trace.set_tracer_provider(provider)

def work(count=20, inside=None):
    tracer = trace.get_tracer("web")
    for number in range(count):
        with tracer.start_as_current_span("request", attributes={"n": number}) as request:
            with ds.session("p"), tracer.start_as_current_span("handler"):
                with ds.task("d"), tracer.start_as_current_span("call") as call:
                    call.set_attribute("deep", True)
                    trace.get_current_span().add_event("seen")
            request.set_attribute("done", True)
"""

# The same work by a service that has no droidscope at all.
NOTHING = """
from contextlib import nullcontext
class ds:
    configure = session = task = staticmethod(lambda *_, **__: nullcontext())
"""


def shape(receiver):
    """
    What a backend knows of the spans it has: names, ids, parents, attributes, events.
    """
    return sorted(
        (row.name, row.trace_id, row.span_id, row.parent_id, sorted(row.attributes.items()), sorted(row.events))
        for row in span_rows(receiver)
    )


ORDERS = {
    "provider first": "their_provider({sampler}); configure()",
    "configure first": "configure(); their_provider({sampler})",
}
SAMPLERS = ["None", "ParentBased(TraceIdRatioBased(0.3))", "TraceIdRatioBased(0.3)", "ALWAYS_OFF", "ALWAYS_ON"]


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("order", ORDERS)
def test_two_backends_get_what_is_theirs(ours, theirs, order, sampler):
    """
    All of ours, with our names and counts; of theirs the same spans with the same ids as without droidscope.
    """
    script = """
        {nothing}
        THEIRS = "{theirs}"
        {provider}
        from opentelemetry.sdk.trace.sampling import *
        def configure():
            ds.configure(service_name="fleet", endpoint="{ours}")
        {order}
        work()
        trace.get_tracer_provider().shutdown()
    """
    order = ORDERS[order].format(sampler=sampler)

    def run(nothing):
        parts = {"theirs": theirs.url, "ours": ours.url, "order": order, "provider": PROVIDER, "nothing": nothing}
        run_process("".join(f"{line.strip().format(**parts) if '{' in line else line[8:]}\n" for line in script.splitlines()))

    run(NOTHING)
    expected = shape(theirs)
    theirs.received.clear()
    run("")

    assert shape(theirs) == expected
    rows = span_rows(ours)
    assert Counter(row.name for row in rows) == {"invoke_workflow p": 20, "invoke_agent d": 20}
    assert {row.resource[names.SERVICE_NAME] for row in rows} == {"fleet"}
    by_id = {row.span_id: row for row in rows}
    tasks = [row for row in rows if row.name == "invoke_agent d"]
    assert {by_id[row.parent_id].name for row in tasks} == {"invoke_workflow p"}
    assert records_counted(ours) == {"session": 20, "task": 20}
    assert Counter(name for name, *_ in event_rows(ours)) == {names.STARTED_EVENT: 40}
