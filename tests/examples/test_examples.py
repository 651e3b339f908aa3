"""
Each of examples/ runs as its reader runs it, and the exporter shows exactly what it says.
"""

from __future__ import annotations

import gzip
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from e2e.processes import fetch_json, free_port, settled
from examples.example_runs import EXAMPLES, expected, run_example, shown, shown_at_last

pytestmark = pytest.mark.slow

ALONE = ("plain", "asyncio_tasks", "threads", "processes", "mixin", "callbacks")
"""
Those that need nothing but the exporter, and of which the counters say everything.
"""
QUEUES = ("with_celery", "with_rq")
OTHERS = {"with_fastapi", "with_langgraph", "with_pydantic_ai", "with_pytest"}
SPANS_OF_THE_SERVICE = "service"
REQUESTS = 40


def orchestrator_of(name):
    """
    The service name of an example: `example-` and its subject.
    """
    subject = {"asyncio_tasks": "asyncio"}.get(name, name.removeprefix("with_"))
    return f"example-{subject.replace('_', '-')}"


def sessions_of(exporter, name):
    """
    The state of each session of an example, by its id, as the API lists them.
    """
    url = f"{exporter.url}/api/v1/sessions?orchestrator={orchestrator_of(name)}&limit=500"
    return {session["session_id"]: session["state"] for session in fetch_json(url)["sessions"]}


class OtherBackend:
    """
    Receives the traces that a service sends to somebody else: the scopes of its spans.
    """

    def __init__(self):
        self.scopes = []
        scopes = self.scopes

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                    scopes.extend(scope.scope.name for scope in resource.scope_spans for _ in scope.spans)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1/traces"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()


def test_each_example_is_run():
    """
    A new one needs a place here.
    """
    assert {path.stem for path in EXAMPLES.glob("*.py")} == {*ALONE, *QUEUES, *OTHERS}


@pytest.mark.parametrize("name", ALONE)
def test_the_exporter_shows_what_the_example_says(exporter, name):
    """
    Sessions, tasks, attempts, retries, tools and tokens, and nothing beside them.
    """
    told = expected(run_example(exporter, name, quiet=True))

    assert told
    assert shown(exporter, orchestrator_of(name), told) == told


@pytest.mark.server("redis-server")
@pytest.mark.parametrize("name", QUEUES)
def test_deliveries_of_a_queue_are_attempts_at_one_task(exporter, redis_url, name):
    """
    With a server and workers of its own: forked, recycled, and ended by SIGTERM.
    """
    told = expected(run_example(exporter, name, REDIS_URL=redis_url))

    assert shown(exporter, orchestrator_of(name), told) == told


def test_a_service_keeps_its_own_backend(exporter):
    """
    The other backend gets the service's spans and none of droidscope's; SIGTERM loses nothing of either.
    """
    with OtherBackend() as other:
        output = run_example(exporter, "with_fastapi", OTHER_BACKEND=other.url, PORT=str(free_port()))
    told = expected(output)

    assert shown(exporter, orchestrator_of("with_fastapi"), told) == told
    assert set(other.scopes) <= {SPANS_OF_THE_SERVICE}
    assert len(other.scopes) < REQUESTS  # their sampler's one in ten, as before


def test_an_interrupted_graph_waits(exporter):
    """
    A session that waits has not ended, and is the same one when it goes on.
    """
    told = expected(run_example(exporter, "with_langgraph"))

    assert shown_at_last(exporter, orchestrator_of("with_langgraph"), told) == told
    states = {"article-1": "completed", "article-2": "completed", "article-3": "waiting"}
    assert settled(lambda: sessions_of(exporter, "with_langgraph"), states, seconds=10) == states


def test_a_framework_adds_what_its_models_used(exporter):
    """
    From its own spans, or from its results; what is in both counts once.
    """
    told = expected(run_example(exporter, "with_pydantic_ai", quiet=True))

    assert shown_at_last(exporter, orchestrator_of("with_pydantic_ai"), told) == told


def test_the_tests_of_an_instrumentation_need_no_exporter(exporter):
    """
    They pass, and send nothing.
    """
    assert "2 passed" in run_example(exporter, "with_pytest")


def test_the_tests_need_no_plugin_of_the_products_own():
    """
    In a clone, by pytest itself.
    """
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:asyncio",
        "-p",
        "no:timeout",
        "examples/with_pytest.py",
    ]
    done = subprocess.run(command, cwd=EXAMPLES.parent, capture_output=True, text=True, check=False)

    assert "2 passed" in done.stdout, done.stdout + done.stderr


def test_the_page_says_what_each_example_needs():
    """
    Each has its row.
    """
    page = (EXAMPLES / "README.md").read_text("utf-8")

    assert set(re.findall(r"^\| \[(\w+)\.py\]", page, re.MULTILINE)) == {*ALONE, *QUEUES, *OTHERS}
