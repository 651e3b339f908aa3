"""
Native records arrive whatever providers there are; those of others are as they would be without.

Each test runs real processes that send to two real receivers: droidscope's, and somebody else's.
"""

from collections import Counter

import pytest

from droidscope.conventions import attributes as names
from otlp_receiver import serve
from own_processes import event_rows, records_counted, run_process, span_rows


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
    resource = Resource.create({"service.name": "theirs", "deployment.environment.name": "test"})
    provider = TracerProvider(sampler=sampler, resource=resource)
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
        (
            row.name,
            row.trace_id,
            row.span_id,
            row.parent_id,
            sorted(row.attributes.items()),
            sorted(row.events),
        )
        for row in span_rows(receiver)
    )


ORDERS = {
    "provider first": "their_provider({sampler}); configure()",
    "configure first": "configure(); their_provider({sampler})",
}
SAMPLERS = [
    "None",
    "ParentBased(TraceIdRatioBased(0.3))",
    "TraceIdRatioBased(0.3)",
    "ALWAYS_OFF",
    "ALWAYS_ON",
]


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("order", ORDERS)
def test_two_backends_get_what_is_theirs(ours, theirs, order, sampler):
    """
    All of ours, with our names and counts; of theirs the same spans with the same ids as without droidscope.
    """
    script = f"""
THEIRS = "{theirs.url}"
{PROVIDER}
from opentelemetry.sdk.trace.sampling import *

def configure():
    ds.configure(service_name="fleet", endpoint="{ours.url}")

{ORDERS[order].format(sampler=sampler)}
work()
trace.get_tracer_provider().shutdown()
"""

    run_process(NOTHING + script)
    expected = shape(theirs)
    theirs.received.clear()
    run_process(script)

    assert shape(theirs) == expected
    rows = span_rows(ours)
    assert Counter(row.name for row in rows) == {"invoke_workflow p": 20, "invoke_agent d": 20}
    assert {row.resource[names.SERVICE_NAME] for row in rows} == {"fleet"}
    by_id = {row.span_id: row for row in rows}
    tasks = [row for row in rows if row.name == "invoke_agent d"]
    assert {by_id[row.parent_id].name for row in tasks} == {"invoke_workflow p"}
    assert records_counted(ours) == {"session": 20, "task": 20}
    assert Counter(name for name, *_ in event_rows(ours)) == {names.STARTED_EVENT: 40}


NO_PROVIDER = """
from opentelemetry import trace, context, propagate

def work(count=20):
    tracer = trace.get_tracer("framework")
    for _ in range(count):
        with ds.session("p"), ds.task("d"), tracer.start_as_current_span("agent") as agent:
            headers = {}
            propagate.inject(headers)
            sampled = int(headers["traceparent"][-2:], 16) & 1
            agent.is_recording() == bool(sampled) or exit("flags and sampling differ")
"""


@pytest.mark.parametrize(
    ("variables", "few", "many"),
    [
        ({}, 20, 20),
        ({"OTEL_TRACES_SAMPLER": "always_off"}, 0, 0),
        ({"OTEL_TRACES_SAMPLER": "parentbased_always_off"}, 0, 0),
        ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.5"}, 2, 18),
        ({"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.5"}, 2, 18),
    ],
)
def test_without_a_provider_frameworks_are_sampled_and_native_spans_are_not(ours, variables, few, many):
    """
    Spans of a framework arrive inside their task, with its ids, as often as the standard sampler decides.
    """
    run_process(
        NO_PROVIDER + "ds.configure(); work()",
        OTEL_EXPORTER_OTLP_ENDPOINT=ours.url, OTEL_SERVICE_NAME="fleet", **variables,
    )  # fmt: skip

    rows = span_rows(ours)
    names_of = Counter(row.name for row in rows)
    assert names_of["invoke_workflow p"] == names_of["invoke_agent d"] == 20
    assert few <= names_of["agent"] <= many
    by_id = {row.span_id: row for row in rows}
    for row in (row for row in rows if row.name == "agent"):
        assert by_id[row.parent_id].name == "invoke_agent d"
        assert row.attributes[names.TASK_ID] == by_id[row.parent_id].attributes[names.TASK_ID]
        assert row.resource == by_id[row.parent_id].resource
    assert records_counted(ours) == {"session": 20, "task": 20}


CALLED = """
parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-" + FLAGS
token = context.attach(propagate.extract({"traceparent": parent, "tracestate": "vendor=1"}))
with ds.session("p"), ds.task("d"):
    trace.get_tracer("framework").start_span("agent").end()
    headers = {}
    propagate.inject(headers)
assert headers["traceparent"].endswith(FLAGS), headers
assert headers["tracestate"] == "vendor=1"
"""


@pytest.mark.parametrize(("flags", "agents"), [("00", 0), ("01", 1)])
def test_a_caller_decides_about_frameworks_only(ours, flags, agents):
    """
    Inside of an unsampled request a session arrives whole, and what it calls is unsampled as before.
    """
    run_process(
        f"from opentelemetry import trace, context, propagate\nFLAGS = '{flags}'\n"
        f"ds.configure(service_name='fleet', endpoint='{ours.url}')\n{CALLED}"
    )

    rows = span_rows(ours)
    assert Counter(row.name for row in rows) == Counter(
        {"invoke_workflow p": 1, "invoke_agent d": 1} | ({"agent": agents} if agents else {})
    )
    assert {row.trace_id for row in rows} == {"0af7651916cd43dd8448eb211c80319c"}
    assert {row.parent_id for row in rows if row.name == "invoke_workflow p"} == {"b7ad6b7169203331"}


@pytest.mark.parametrize(("flags", "agents"), [("00", 0), ("01", 1)])
def test_a_users_provider_gets_native_spans_whatever_the_caller_decides(theirs, flags, agents):
    """
    Without `configure` they go there, current as ever, and all of them.
    """
    run_process(
        f"THEIRS = '{theirs.url}'\nFLAGS = '{flags}'\n{PROVIDER}\n"
        f"their_provider()\n{CALLED}\nprint(ds.flush())"
    )

    assert Counter(row.name for row in span_rows(theirs))["agent"] == agents
    assert Counter(row.name for row in span_rows(theirs))["invoke_workflow p"] == 1
    assert Counter(row.name for row in span_rows(theirs))["invoke_agent d"] == 1


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_users_provider_samples_its_own_as_ever(theirs, sampler):
    """
    Without `configure`: all native spans, and below them what the sampler takes.
    """
    script = f"""
THEIRS = "{theirs.url}"
{PROVIDER}
from opentelemetry.sdk.trace.sampling import *
their_provider({sampler})
for _ in range(40):
    with ds.session("p"), trace.get_tracer("web").start_as_current_span("call"):
        with ds.task("d"):
            trace.get_current_span().set_attribute("seen", 1)
trace.get_tracer_provider().shutdown()
"""

    run_process(script)

    rows = span_rows(theirs)
    calls = sum(row.name == "call" for row in rows)
    assert Counter(row.name for row in rows) - Counter(call=calls) == Counter(
        {"invoke_workflow p": 40, "invoke_agent d": 40}
    )
    assert all(row.attributes["seen"] == 1 for row in rows if row.name == "invoke_agent d")
    assert {"None": calls == 40, "ALWAYS_ON": calls == 40, "ALWAYS_OFF": calls == 0}.get(
        sampler, 2 < calls < 30
    )


OTHER_KIND = """
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, get_current_span

class Vendor(trace.TracerProvider):
    started = []
    def get_tracer(self, *_, **__):
        return VendorTracer()

class VendorSpan(NonRecordingSpan):
    def is_recording(self):
        return True

class VendorTracer(trace.NoOpTracer):
    def start_span(self, name, context=None, *_, **__):
        around = get_current_span(context).get_span_context()
        Vendor.started.append((name, around.span_id))
        return VendorSpan(SpanContext(around.trace_id or 5, len(Vendor.started) + 100, False, TraceFlags(1)))

trace.set_tracer_provider(Vendor())
"""


def test_a_provider_of_another_kind_is_left_alone(ours):
    """
    One that is not the SDK's, such as that of a vendor's tracer.
    """
    done = run_process(f"""
{OTHER_KIND}
ds.configure(service_name="fleet", endpoint="{ours.url}")
with trace.get_tracer("web").start_as_current_span("request"), ds.session("p"):
    with ds.task("d"), trace.get_tracer("web").start_as_current_span("call"):
        pass
print(Vendor.started)
""")

    assert done.stdout == "[('request', 0), ('call', 101)]\n"
    rows = {row.name: row for row in span_rows(ours)}
    assert set(rows) == {"invoke_workflow p", "invoke_agent d"}
    assert int(rows["invoke_workflow p"].parent_id, 16) == 101
    assert rows["invoke_agent d"].parent_id == rows["invoke_workflow p"].span_id


def test_a_provider_of_another_kind_gets_native_spans_without_configure():
    """
    As any provider does.
    """
    done = run_process(f"""
{OTHER_KIND}
with ds.session("p"), ds.task("d"):
    ds.progress(0.5)
print([name for name, _ in Vendor.started if name != "probe"])
""")

    assert done.stdout == "['invoke_workflow p', 'invoke_agent d']\n"


def test_a_provider_that_does_nothing_keeps_nothing_away(ours):
    """
    Set on purpose, it is somebody else's, too.
    """
    run_process(f"""
from opentelemetry import trace
trace.set_tracer_provider(trace.NoOpTracerProvider())
ds.configure(service_name="fleet", endpoint="{ours.url}")
with ds.session("p"), ds.task("d"):
    assert not trace.get_current_span().get_span_context().is_valid
""")

    assert [row.name for row in span_rows(ours)] == ["invoke_agent d", "invoke_workflow p"]


def test_a_disabled_sdk_records_nothing_and_is_told_once(ours):
    """
    By the standard variable; flush says that nothing is sent.
    """
    done = run_process(
        """
        for _ in range(2):
            ds.configure(service_name="fleet")
        with ds.session("p"):
            pass
        print(ds.flush(), ds.shutdown())
        """,
        OTEL_SDK_DISABLED="true",
        OTEL_EXPORTER_OTLP_ENDPOINT=ours.url,
    )

    assert done.stdout == "False False\n"
    assert done.stderr.count("OTEL_SDK_DISABLED is true: droidscope records nothing") == 1
    assert not ours.received


def test_no_provider_is_set_for_frameworks_that_are_not_wanted(ours, theirs):
    """
    Somebody may set one later, even inside of a session: from then on their spans are theirs.
    """
    run_process(f"""
THEIRS = "{theirs.url}"
{PROVIDER}
ds.configure(service_name="fleet", endpoint="{ours.url}", frameworks=False)
with ds.session("p"), ds.task("d"):
    pass
assert isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)
with ds.session("q"):
    their_provider()
    with ds.task("e"), trace.get_tracer("web").start_as_current_span("call"):
        pass
trace.get_tracer_provider().shutdown()
""")

    assert Counter(row.name.split()[0] for row in span_rows(ours)) == {
        "invoke_workflow": 2,
        "invoke_agent": 2,
    }
    rows = {row.name: row for row in span_rows(ours)}
    assert rows["invoke_agent e"].parent_id == rows["invoke_workflow q"].span_id
    assert [row.name for row in span_rows(theirs)] == ["call"]


def test_what_comes_from_another_process_goes_on_here(ours, theirs):
    """
    Beside a provider of their own on both sides: the ids of session and task, and the trace of the caller.
    """
    headers = run_process(f"""
THEIRS = "{theirs.url}"
{PROVIDER}
import json
their_provider()
ds.configure(service_name="fleet", endpoint="{ours.url}")
headers = {{}}
with trace.get_tracer("web").start_as_current_span("request"), ds.session("p", id="s"), ds.task("d", id="1"):
    propagate.inject(headers)
print(json.dumps(headers))
trace.get_tracer_provider().shutdown()
""").stdout
    run_process(f"""
THEIRS = "{theirs.url}"
{PROVIDER}
their_provider()
ds.configure(service_name="worker", endpoint="{ours.url}")
context.attach(propagate.extract({headers.strip()}))
with ds.attempt(number=2), trace.get_tracer("web").start_as_current_span("there"):
    pass
trace.get_tracer_provider().shutdown()
""")

    rows = {row.name: row for row in span_rows(ours)}
    attempt = rows["attempt d"]
    assert attempt.attributes[names.SESSION_ID] == "s"
    assert attempt.attributes[names.TASK_ID] == "1"
    assert attempt.attributes[names.ORCHESTRATOR_NAME] == "fleet"
    assert attempt.trace_id == rows["invoke_agent d"].trace_id
    request, there = span_rows(theirs)
    assert there.parent_id == request.span_id == attempt.parent_id


def test_a_sampler_sees_the_context_a_trace_begins_in():
    """
    Such as baggage that has some requests sampled.
    """
    run_process("""
from opentelemetry import baggage, context, propagate, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased, Sampler

class ByBaggage(Sampler):
    def should_sample(self, parent_context, *args, **kwargs):
        wanted = ALWAYS_ON if baggage.get_baggage("debug", parent_context) else ALWAYS_OFF
        return wanted.should_sample(parent_context, *args, **kwargs)
    def get_description(self):
        return "by baggage"

trace.set_tracer_provider(TracerProvider(sampler=ParentBased(ByBaggage())))
for debug in ("", "1"):
    token = context.attach(baggage.set_baggage("debug", debug))
    with ds.session("p"):
        assert trace.get_current_span().get_span_context().trace_flags.sampled == bool(debug)
        assert trace.get_tracer("web").start_span("call").is_recording() == bool(debug)
    context.detach(token)
""")


def test_logs_and_metrics_of_others_stay_theirs(ours):
    """
    Their providers get nothing, and where there are none none is set.
    """
    done = run_process(f"""
from opentelemetry import _logs, metrics, trace
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

ds.configure(service_name="fleet", endpoint="{ours.url}")
with ds.session("p"), ds.task("d"):
    ds.conflict("schema")
print(type(_logs.get_logger_provider()).__name__, type(metrics.get_meter_provider()).__name__)
logs, reader, loggers = InMemoryLogRecordExporter(), InMemoryMetricReader(), LoggerProvider()
loggers.add_log_record_processor(SimpleLogRecordProcessor(logs))
_logs.set_logger_provider(loggers)
metrics.set_meter_provider(MeterProvider([reader]))
with ds.session("p"), ds.task("d"):
    ds.conflict("schema")
print(len(logs.get_finished_logs()), reader.get_metrics_data())
""")

    assert done.stdout == "ProxyLoggerProvider _ProxyMeterProvider\n0 None\n"
    assert records_counted(ours) == {"session": 2, "task": 2, "conflict": 2}


def test_a_record_before_configure_goes_where_it_went(ours, theirs):
    """
    To the provider that is there; from `configure` on to its endpoint, within the same session.
    """
    run_process(f"""
THEIRS = "{theirs.url}"
{PROVIDER}
their_provider()
with ds.session("p"):
    with ds.task("before"):
        pass
    ds.configure(service_name="fleet", endpoint="{ours.url}")
    with ds.task("after"):
        pass
trace.get_tracer_provider().shutdown()
""")

    assert [row.name for row in span_rows(theirs)] == ["invoke_agent before", "invoke_workflow p"]
    (after,) = span_rows(ours)
    assert after.name == "invoke_agent after"
    assert after.parent_id == span_rows(theirs)[1].span_id
