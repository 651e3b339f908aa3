"""
`configure` sets the SDK up by the standard variables, and never in anybody's way.

Each test has a process of its own: the global providers can be set only once.
"""

import os
import socket
import subprocess
import sys
import textwrap
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from droidscope.conventions import attributes as names
from droidscope.errors import ConfigError
from droidscope.instrument import configure

REQUESTS = {
    "/v1/traces": ExportTraceServiceRequest,
    "/v1/logs": ExportLogsServiceRequest,
    "/v1/metrics": ExportMetricsServiceRequest,
}


@pytest.fixture
def receiver():
    """
    An OTLP/HTTP server: its *url*, the requests it has *received*, and the *status* it answers with,
    which is 200 again after a GET.
    """

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            server.received.append((self.path, REQUESTS[self.path].FromString(body), dict(self.headers)))
            self.send_response(server.status)
            self.end_headers()

        def do_GET(self):
            server.status = 200
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.received = []
    server.status = 200
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def run(code, **variables):
    """
    A process that runs *code* with only these OTEL_* *variables*.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    return subprocess.run(
        [sys.executable, "-c", "import droidscope as ds\n" + textwrap.dedent(code)],
        env={**kept, "NO_PROXY": "127.0.0.1", **variables},
        capture_output=True,
        text=True,
        check=True,
    )


def attributes_of(holder):
    """
    The string attributes of a resource, by name.
    """
    return {each.key: each.value.string_value for each in holder.attributes}


def test_all_three_signals_arrive_before_the_process_ends(receiver):
    """
    Spans, events and counts, from one resource with a name and an instance id.
    """
    run(
        """
        ds.configure(service_name="fleet", resource_attributes={"deployment.environment.name": "test"})
        with ds.session("p"), ds.task("d"):
            pass
        """,
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url,
    )

    by_path = {path: request for path, request, _ in receiver.received}
    assert set(by_path) == set(REQUESTS)
    spans = by_path["/v1/traces"].resource_spans[0]
    logs = by_path["/v1/logs"].resource_logs[0]
    metrics = by_path["/v1/metrics"].resource_metrics[0]
    assert [span.name for span in spans.scope_spans[0].spans] == ["invoke_agent d", "invoke_workflow p"]
    assert [log.event_name for log in logs.scope_logs[0].log_records] == [names.STARTED_EVENT] * 2
    resources = [attributes_of(signal.resource) for signal in (spans, logs, metrics)]
    assert resources[0][names.SERVICE_NAME] == "fleet"
    assert resources[0][names.DEPLOYMENT_ENVIRONMENT] == "test"
    assert resources[0][names.SERVICE_INSTANCE_ID]
    assert resources[0] == resources[1] == resources[2]
    records = next(m for s in metrics.scope_metrics for m in s.metrics if m.name == names.CLIENT_RECORDS)
    assert records.sum.aggregation_temporality == 2  # cumulative
    assert {attributes_of(point)[names.RECORD_KIND]: point.as_int for point in records.sum.data_points} == {
        "session": 1,
        "task": 1,
    }


def test_arguments_win_over_variables(receiver):
    """
    Endpoint and headers; an instance id of one's own is kept.
    """
    run(
        f"""
        ds.configure(endpoint="{receiver.url}/", headers={{"x-tenant": "red"}})
        with ds.session("p"):
            pass
        """,
        OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1",
        OTEL_RESOURCE_ATTRIBUTES="service.instance.id=mine",
        OTEL_SERVICE_NAME="by-variable",
    )

    path, request, headers = next(each for each in receiver.received if each[0] == "/v1/traces")
    assert path == "/v1/traces"
    assert headers["x-tenant"] == "red"
    resource = attributes_of(request.resource_spans[0].resource)
    assert resource[names.SERVICE_INSTANCE_ID] == "mine"
    assert resource[names.SERVICE_NAME] == "by-variable"


def test_a_signal_can_be_switched_off(receiver):
    """
    By the standard variable of each.
    """
    run(
        """
        ds.configure()
        with ds.session("p"):
            pass
        """,
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url,
        OTEL_LOGS_EXPORTER="none",
        OTEL_METRICS_EXPORTER="none",
    )

    assert {path for path, *_ in receiver.received} == {"/v1/traces"}


def test_flush_sends_now(receiver):
    """
    And returns that all went well.
    """
    run(
        f"""
        ds.configure(endpoint="{receiver.url}")
        with ds.session("p"):
            pass
        assert ds.flush() is True
        import os
        os._exit(0)  # so that nothing is sent at exit
        """
    )

    assert {path for path, *_ in receiver.received} == set(REQUESTS)


@pytest.fixture
def dead_endpoint():
    """
    Where nobody answers.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_what_cannot_be_sent_is_told(dead_endpoint, protocol):
    """
    By flush and by shutdown, in time, and by one warning that names the endpoint.
    """
    done = run(
        f"""
        import logging
        logging.getLogger("opentelemetry").propagate = False
        ds.configure(endpoint="{dead_endpoint}", protocol="{protocol}")
        with ds.session("p"):
            pass
        print(ds.flush(1), ds.shutdown(5))
        """,
        OTEL_EXPORTER_OTLP_TIMEOUT="1",
    )

    assert done.stdout == "False False\n"
    warnings = [line for line in done.stderr.splitlines() if "telemetry is lost" in line]
    assert len(warnings) == 1
    assert dead_endpoint in warnings[0]


def test_what_is_refused_is_told(receiver):
    """
    By the flush that met the refusal; a later one that meets none is fine, but the whole was not.
    """
    receiver.status = 400

    done = run(
        f"""
        import urllib.request
        ds.configure(endpoint="{receiver.url}")
        def flush():
            with ds.session("p"):
                pass
            return ds.flush()
        refused = flush()
        urllib.request.urlopen("{receiver.url}/recover")
        print(refused, flush(), ds.shutdown())
        """
    )

    assert done.stdout == "False True False\n"


def test_everything_sent_is_a_good_end(receiver):
    """
    Which shutdown returns.
    """
    done = run(
        f"""
        ds.configure(endpoint="{receiver.url}")
        with ds.session("p"):
            pass
        print(ds.shutdown())
        """
    )

    assert done.stdout == "True\n"


def test_what_is_given_up_at_the_end_is_told(dead_endpoint):
    """
    After the time there is, whatever the exporter is still trying.
    """
    done = run(
        f"""
        ds.configure(endpoint="{dead_endpoint}")
        with ds.session("p"):
            pass
        print(ds.shutdown(0.2))
        """
    )

    assert done.stdout == "False\n"
    assert "telemetry is lost: 2 records, unsent" in done.stderr


@pytest.mark.slow
def test_an_exporter_that_is_down_does_not_hold_the_process(dead_endpoint):
    """
    Work goes on, and the end comes in seconds.
    """
    began = time.monotonic()

    done = run(
        f"""
        ds.configure(endpoint="{dead_endpoint}")
        with ds.session("p"), ds.task("d"):
            print("worked")
        """
    )

    assert done.stdout == "worked\n"
    assert time.monotonic() - began < configure.EXIT_SECONDS + 10


def test_an_unknown_protocol_stops_at_start_up():
    """
    The message names it and what is known; nothing has been set up.
    """
    with pytest.raises(
        ConfigError, match=r"protocol is 'carrier-pigeon'; expected one of http/protobuf, grpc"
    ):
        configure.configure(protocol="carrier-pigeon")
