"""
A service sets its tracer provider after droidscope's first record, or never: in real processes.
"""

import pytest

from otlp_receiver import serve
from own_processes import run_process, span_rows


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


START = """
import os
from opentelemetry import trace, propagate
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

early = trace.get_tracer("early")

@early.start_as_current_span("decorated")
def decorated():
    pass

def their_provider():
    provider = TracerProvider(resource=Resource.create({"service.name": "theirs"}))
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint=THEIRS + "/v1/traces")))
    trace.set_tracer_provider(provider)
    assert trace.get_tracer_provider() is provider

def work():
    with early.start_as_current_span("request"):
        with ds.session("p"), ds.task("d"), trace.get_tracer("late").start_as_current_span("call"):
            decorated()

def is_sent_on():
    headers = {}
    propagate.inject(headers)
    return "traceparent" in headers
"""

ORDERS = {
    "after a session": """
configure()
work()
held = trace.get_tracer("held")
their_provider()
work()
held.start_span("held").end()
""",
    "inside of one": """
configure()
with ds.session("outer"):
    early.start_span("before").end()
    held = trace.get_tracer("held")
    their_provider()
work()
held.start_span("held").end()
""",
    "in a forked child": """
configure()
work()
held = trace.get_tracer("held")
child = os.fork()
if child == 0:
    their_provider()
    work()
    held.start_span("held").end()
    ds.flush()
    os._exit(0)
os.waitpid(child, 0)
""",
}


@pytest.mark.parametrize("order", ORDERS)
def test_a_provider_that_comes_later_gets_its_spans(ours, theirs, order):
    """
    All that begin from then on, also of tracers that are older; and none of droidscope's, which have no part
    in their traces any more.
    """
    done = run_process(f"""
THEIRS = "{theirs.url}"
def configure():
    ds.configure(service_name="fleet", endpoint="{ours.url}")
{START}{ORDERS[order]}
""")

    assert "Overriding" not in done.stderr
    rows = {row.name: row for row in span_rows(theirs)}
    assert len(span_rows(theirs)) == len(rows) == 4
    assert set(rows) == {"request", "call", "decorated", "held"}
    assert rows["call"].parent_id == rows["request"].span_id
    assert rows["decorated"].parent_id == rows["call"].span_id
    native = [row.name for row in span_rows(ours) if row.scope == "droidscope"]
    assert native.count("invoke_agent d") == (1 if order == "inside of one" else 2)


def test_a_provider_that_is_made_of_the_one_before_ends_nowhere_in_a_circle(ours):
    """
    Its tracers use those it was made of, which would ask it.
    """
    done = run_process(f"""
from opentelemetry import trace
class Wrapping(trace.TracerProvider):
    def __init__(self, inner):
        self.inner = inner
    def get_tracer(self, *args, **kwargs):
        return self.inner.get_tracer(*args, **kwargs)

ds.configure(service_name="fleet", endpoint="{ours.url}")
with ds.session("p"):
    pass
trace.set_tracer_provider(Wrapping(trace.get_tracer_provider()))
with trace.get_tracer("web").start_as_current_span("call") as span:
    print(span.is_recording())
""")

    assert done.stdout == "True\n"


def test_no_trace_begins_here_where_nobody_has_a_provider(ours):
    """
    Services further down decide as without droidscope; with spans of frameworks a trace begins here.
    """
    done = run_process(f"""
THEIRS = ""
{START}
for frameworks in (False, True, False):
    ds.configure(service_name="fleet", endpoint="{ours.url}", frameworks=frameworks)
    with ds.session("p"), ds.task("d"):
        print(is_sent_on(), end=" ")
        early.start_span("of a framework").end()
    print(is_sent_on(), end=" ")
""")

    assert done.stdout == "False False True False False False "
    names = [row.name for row in span_rows(ours)]
    assert names.count("of a framework") == 1
    assert names.count("invoke_agent d") == 3


def test_the_flags_of_a_trace_that_begins_here_are_those_of_the_standard_sampler(ours):
    """
    Of OTEL_TRACES_SAMPLER; droidscope's own spans are sent all the same.
    """
    done = run_process(
        f"""
from opentelemetry import propagate
ds.configure(service_name="fleet", endpoint="{ours.url}")
for _ in range(5):
    headers = {{}}
    with ds.session("p"):
        propagate.inject(headers)
    print(int(headers["traceparent"][-2:], 16) & 1, end=" ")
""",
        OTEL_TRACES_SAMPLER="always_off",
    )

    assert done.stdout == "0 0 0 0 0 "
    assert len(span_rows(ours)) == 5
