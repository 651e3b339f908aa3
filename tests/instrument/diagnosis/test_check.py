"""
`ds.check()` names what is wrong with the process that calls it, each in a process of its own.
"""

import json

import pytest

from otlp_receiver import OK, Reply, serve
from own_processes import run_process

REPORT = """
import json, os
findings = ds.check(send=SEND)
assert all(isinstance(finding, ds.Finding) for finding in findings)
print(json.dumps([[finding.severity, finding.name] for finding in findings]), flush=True)
os._exit(0)  # else the end waits for an exporter that is not there
"""
SDK_PROVIDER = """
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
trace.set_tracer_provider(TracerProvider(resource=Resource.create({"service.name": "theirs"})))
"""
CONFIGURED = 'ds.configure(service_name="atlas", endpoint="http://127.0.0.1:1")'


def findings(code="", *, send=False, **environment):
    """
    Severity and name of what a process that runs *code* finds.
    """
    done = run_process(code + REPORT.replace("SEND", str(send)), **environment)
    return [tuple(finding) for finding in json.loads(done.stdout.splitlines()[-1])]


@pytest.mark.parametrize(
    ("code", "environment", "expected"),
    [
        (CONFIGURED, {}, []),
        (CONFIGURED + "\nwith ds.session('p'): pass\n", {}, []),
        ("", {}, [("error", "not_configured")]),
        (CONFIGURED + "\nds.shutdown()\n", {}, [("error", "not_configured")]),
        ("ds.configure()", {}, [("warning", "no_service_name")]),
        ("ds.configure()", {"OTEL_SERVICE_NAME": "atlas"}, []),
        (CONFIGURED, {"OTEL_SDK_DISABLED": "true"}, [("error", "sdk_disabled")]),
        ("", {"OTEL_SDK_DISABLED": "true"}, [("error", "sdk_disabled")]),
        (CONFIGURED, {"OTEL_TRACES_EXPORTER": "none"}, []),
        (CONFIGURED, {"OTEL_TRACES_EXPORTER": "console"}, []),
        (
            "ds.configure(service_name='atlas')",
            {"OTEL_TRACES_EXPORTER": "none"},
            [("error", "no_traces"), ("error", "not_configured")],
        ),
        ("ds.configure(service_name='atlas')", {"OTEL_LOGS_EXPORTER": "none"}, [("warning", "no_logs")]),
        ("ds.configure(service_name='atlas')", {"OTEL_TRACES_EXPORTER": "jaeger"}, []),
        (
            CONFIGURED,
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://vendor", "OTEL_EXPORTER_OTLP_HEADERS": "api-key=x"},
            [("note", "other_endpoint")],
        ),
        (CONFIGURED, {"OTEL_PROPAGATORS": "tracecontext"}, [("warning", "no_baggage")]),
        (SDK_PROVIDER, {}, [("note", "other_provider")]),
        (SDK_PROVIDER + CONFIGURED, {}, [("note", "other_provider")]),
        (
            'ds.configure(service_name="atlas", endpoint="http://127.0.0.1:9788")',
            {},
            [("error", "wrong_port")],
        ),
        (
            'ds.configure(service_name="atlas", endpoint="127.0.0.1:4318", protocol="grpc")',
            {},
            [("error", "wrong_port")],
        ),
        (
            "import sys; sys.modules['opentelemetry.sdk'] = None\n",
            {},
            [("error", "no_sdk"), ("error", "not_configured")],
        ),
    ],
)
def test_each_dead_end_of_a_process_is_named(code, environment, expected):
    """
    Nothing is asked of anybody.
    """
    assert findings(code + "\n", **environment) == expected


def test_a_propagator_of_the_program_is_seen():
    """
    Whatever the variables say.
    """
    code = """
from opentelemetry import propagate
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
propagate.set_global_textmap(TraceContextTextMapPropagator())
"""
    assert findings(code + CONFIGURED + "\n") == [("warning", "no_baggage")]


def test_on_request_the_endpoint_and_the_exporter_are_asked(exporter):
    """
    Those that configure and the variables name.
    """
    name = 'ds.configure(service_name="atlas", endpoint={!r})\n'

    assert findings(CONFIGURED + "\n", send=True) == [("error", "no_connection")]
    assert findings(name.format(exporter.otlp), send=True) == []
    asked = findings(name.format(exporter.otlp), send=True, DROIDSCOPE_URL=exporter.url)
    assert {severity for severity, _ in asked} <= {"warning"}
    assert {name for _, name in asked} <= {"nothing_received", "orchestrator_unknown"}
    assert ("error", "exporter_unreachable") in findings(
        name.format(exporter.otlp), send=True, DROIDSCOPE_URL="http://127.0.0.1:1"
    )
    assert ("error", "no_url") in findings(name.format(exporter.otlp), send=True, DROIDSCOPE_URL="127.0.0.1")
    assert findings(name.format(f"http://127.0.0.1:{exporter.grpc}"), send=True) == [("error", "wrong_port")]


def test_what_was_not_delivered_is_named():
    """
    Records that wait since nobody listens, and some that the exporter has left out.
    """
    session = "\nwith ds.session('p'): pass\n"
    assert ("warning", "not_delivered") in findings(CONFIGURED + session, send=True)

    with serve() as receiver:
        receiver.reply_to = lambda path, _: Reply(404) if path == "/v1/traces" else OK
        configured = f'ds.configure(service_name="atlas", endpoint="{receiver.url}")'
        found = findings(configured + session, send=True)

    assert ("error", "no_otlp") in found
    assert {("warning", "not_delivered"), ("warning", "lost_records")} <= set(found)


def test_a_check_prints_and_logs_nothing():
    """
    It is the caller who tells.
    """
    done = run_process("ds.check(send=True)\nds.check()")

    assert (done.stdout, done.stderr) == ("", "")


def test_a_check_that_fails_says_so():
    """
    It never raises.
    """
    code = """
from droidscope.instrument.diagnosis import variables
variables.check_packages = None
"""
    assert findings(code) == [("warning", "check_failed")]
