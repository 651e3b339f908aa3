"""
A service has variables of a backend of its own: which of them hold for an endpoint given in code.
"""

import pytest

import otlp_receiver
from own_processes import run_process

WORK = """
with ds.session("p"), ds.task("d"):
    pass
print(ds.flush(), [finding.name for finding in ds.check()])
"""
ALL = {"/v1/traces", "/v1/logs", "/v1/metrics"}


def sent(receiver):
    """
    The paths that were asked for, and all headers of these requests.
    """
    return {path for path, *_ in receiver.received}, [headers for *_, headers in receiver.received]


def configured(receiver, arguments="", **variables):
    """
    A process that works for *receiver*.
    """
    begin = f'ds.configure(service_name="fleet", endpoint="{receiver.url}"{arguments})'
    return run_process(begin + WORK, **variables)


@pytest.mark.parametrize(
    "variables",
    [
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://vendor.example"},
        {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://vendor.example/v1/traces"},
        {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "https://vendor.example:4318"},
    ],
)
def test_secrets_of_another_endpoint_are_not_sent_to_this_one(receiver, variables):
    """
    Which is logged once, without the secrets; those given in code are sent.
    """
    done = configured(
        receiver,
        ', headers={"x-own": "1"}',
        **variables,
        OTEL_EXPORTER_OTLP_HEADERS="api-key=SECRET",
        OTEL_EXPORTER_OTLP_TRACES_HEADERS="api-key=SECRET",
        OTEL_EXPORTER_OTLP_CERTIFICATE="/nowhere/authority.pem",
        OTEL_EXPORTER_OTLP_PROTOCOL="grpc",
    )

    assert done.stdout == "True ['other_endpoint']\n"
    paths, headers = sent(receiver)
    assert paths == ALL
    assert not any("api-key" in each for each in headers)
    assert all(each["x-own"] == "1" for each in headers)
    assert done.stderr.count("names another endpoint than configure") == 1
    for name in ("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_CERTIFICATE", *variables):
        assert name in done.stderr
    assert "SECRET" not in done.stderr


@pytest.mark.parametrize("suffix", ["", "/"])
def test_variables_of_the_same_endpoint_hold(receiver, suffix):
    """
    However it is written, and where no variable names any.
    """
    same = receiver.url.replace("127.0.0.1", "localhost") + suffix
    for variables in (
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": same},
        {"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": f"{receiver.url}/v1/logs{suffix}"},
    ):
        receiver.received.clear()
        done = configured(receiver, **variables, OTEL_EXPORTER_OTLP_HEADERS="api-key=mine")

        assert done.stdout == "True []\n"
        assert {headers["api-key"] for headers in sent(receiver)[1]} == {"mine"}
        assert done.stderr == ""


def test_one_endpoint_has_one_protocol(receiver):
    """
    That of a single signal is for the endpoint of that signal.
    """
    done = configured(
        receiver,
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="http://vendor.example:4317",
        OTEL_EXPORTER_OTLP_TRACES_PROTOCOL="grpc",
    )

    assert done.stdout == "True ['other_endpoint']\n"
    assert sent(receiver)[0] == ALL


@pytest.mark.parametrize(
    ("endpoint", "variables", "protocol"),
    [
        ("http://127.0.0.1:4317", {}, "grpc"),
        ("127.0.0.1:4317", {}, "grpc"),
        ("http://127.0.0.1:4318", {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "http/protobuf"),
        ("http://127.0.0.1:9999", {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "grpc"),
        ("http://127.0.0.1:9999", {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc"}, "http/protobuf"),
        (
            "http://127.0.0.1:9999",
            {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://vendor.example"},
            "http/protobuf",
        ),
    ],
)
def test_the_protocol_of_an_endpoint_in_code(endpoint, variables, protocol):
    """
    By its port, else by the general variable.
    """
    done = run_process(
        f"""
import os
from droidscope.instrument.configure import sender_status
ds.configure(service_name="fleet", endpoint="{endpoint}", on_exit=False)
with ds.session("p"):
    pass
print({{signal.protocol for signal in sender_status().signals.values()}}, flush=True)
os._exit(0)
""",
        **variables,
    )

    assert done.stdout == f"{{'{protocol}'}}\n"


@pytest.mark.parametrize("value", ["none", "console", "jaeger"])
def test_exporters_of_the_services_own_sdk_are_not_for_an_endpoint_in_code(receiver, value):
    """
    Neither for what is sent nor for the check.
    """
    variables = {f"OTEL_{signal}_EXPORTER": value for signal in ("TRACES", "LOGS", "METRICS")}
    done = configured(receiver, **variables)

    assert (done.stdout, done.stderr) == ("True []\n", "")
    assert sent(receiver)[0] == ALL


def test_without_an_endpoint_in_code_none_is_honoured(receiver):
    """
    Without traces nothing is recorded, since all that had started would seem to go on for ever.
    """
    begin = 'ds.configure(service_name="fleet")'
    done = run_process(begin + WORK, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url, OTEL_TRACES_EXPORTER="none")

    assert done.stdout == "False ['no_traces', 'not_configured']\n"
    assert done.stderr.count("OTEL_TRACES_EXPORTER is none, and no endpoint is given to configure") == 1
    assert not receiver.received

    done = run_process(begin + WORK, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url, OTEL_LOGS_EXPORTER="none")

    assert done.stdout == "True ['no_logs']\n"
    assert done.stderr.count("OTEL_LOGS_EXPORTER is none") == 1
    assert sent(receiver)[0] == ALL - {"/v1/logs"}


def test_headers_that_are_none_are_named_once_and_not_shown(receiver):
    """
    The others in the same variable are sent.
    """
    done = configured(receiver, OTEL_EXPORTER_OTLP_HEADERS="api-key=mine,SECRET;x,authorization=Bearer%20y")

    assert done.stderr.count("OTEL_EXPORTER_OTLP_HEADERS") == done.stderr.count("\n") == 1
    assert "SECRET" not in done.stderr
    for headers in sent(receiver)[1]:
        assert (headers["api-key"], headers["authorization"]) == ("mine", "Bearer y")


def test_the_variables_are_those_of_the_call(dead_port):
    """
    What the service changes afterwards is not for droidscope.
    """
    with otlp_receiver.serve(dead_port) as receiver:
        done = run_process(
            f"""
import os
ds.configure(service_name="fleet")
os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://127.0.0.1:1"
{WORK}
""",
            OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url,
        )

        assert done.stdout.startswith("True")
        assert sent(receiver)[0] == ALL
