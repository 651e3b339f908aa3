"""
The smoke test for who has a container engine, tried without one: real servers, a stand-in for Grafana, and
a compose command that only takes notes.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import urllib.error
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from e2e.processes import ROOT, free_port
from e2e.receivers import Server
from promql import panels
from rendered import alert_rules, boards

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

PASSWORD = "not-the-default"


class Grafana(Server):
    """
    Answers the few requests of the smoke test: queries by way of *prometheus*, dashboards by *uids*.
    """

    def __init__(self, prometheus, uids):
        login = f"Basic {base64.b64encode(f'admin:{PASSWORD}'.encode()).decode()}"
        self.queries = queries = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                if self.path == "/api/health":
                    self.answer({"database": "ok", "version": "13.2.3"})
                elif self.headers["Authorization"] != login:
                    self.answer({"message": "Invalid username or password"}, 401)
                else:
                    self.answer([{"uid": uid} for uid in uids])

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                queries.extend(body["queries"])
                self.answer(
                    {"results": {one["refId"]: result_of(prometheus, one) for one in body["queries"]}}
                )

            def answer(self, content, status=200):
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(content).encode())

            def log_message(self, *_):
                pass

        super().__init__(ThreadingHTTPServer, Handler)
        self.url = f"http://127.0.0.1:{self.port}"


def result_of(prometheus, query):
    """
    A query's result in the form of Grafana's API, its backend's own variables filled in.
    """
    expr = query["expr"]
    for name, value in {"$__range": "1h", "$__rate_interval": "1m", "$__interval": "15s"}.items():
        expr = expr.replace(name, value)
    try:
        found = prometheus.get("query", query=expr)["result"]
    except (AssertionError, urllib.error.HTTPError) as error:
        return {"error": str(error)[:200], "status": 400}
    return {"status": 200, "frames": [{"data": {"values": [[one["value"] for one in found]]}}]}


@pytest.fixture
def smoke(tmp_path):
    """
    Runs the script with options; its exit code and what it printed.
    """

    def smoke(*options, **environment):
        password = tmp_path / "password"
        password.write_text(f"{PASSWORD}\n")
        given = {"--password-file": password, "--patience": 0}
        command = [sys.executable, ROOT / "docker/smoke.py"]
        for option, value in given.items():
            command += [] if option in options else [option, value]
        done = subprocess.run(
            [str(part) for part in (*command, *options)],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, **environment},
        )
        return done.returncode, done.stdout.splitlines()

    return smoke


def addresses(stack, grafana):
    servers = {"exporter": stack.exporter, "prometheus": stack.prometheus, "alertmanager": stack.alertmanager}
    return [f"--{name}={one.url}" for name, one in {**servers, "grafana": grafana}.items()]


@pytest.mark.server("prometheus", "alertmanager")
def test_a_stack_that_works_is_said_to(stack, smoke):
    """
    Each server, each alert, each panel; every variable of a board is filled in.
    """
    with Grafana(stack.prometheus, boards()) as grafana:
        code, lines = smoke("--running", "--patience", 30, *addresses(stack, grafana))
    every = [panel for board in boards().values() for panel in panels(board) if panel.get("targets")]

    assert (code, lines[-1]) == (0, "everything works"), lines
    assert all(line.startswith("ok ") for line in lines[:-1])
    assert len([line for line in lines if " panel " in line]) == len(every)
    assert f"ok    alerts are loaded and evaluated: {len(alert_rules())} rules" in lines
    assert len(grafana.queries) == sum(len(panel["targets"]) for panel in every)
    assert not [query["expr"] for query in grafana.queries if "$" in query["expr"].replace("$__", "")]


@pytest.mark.server("prometheus", "alertmanager")
def test_what_is_missing_is_named(stack, smoke):
    """
    A dashboard that was not provisioned, an alert that was not loaded; the exit code is 1.
    """
    rules = stack.prometheus.directory / "more.yml"
    rules.write_text((ROOT / "prometheus/rules/alerts.yml").read_text() + "  - alert: NeverLoaded\n")
    with Grafana(stack.prometheus, [uid for uid in boards() if not uid.endswith("droids")]) as grafana:
        code, lines = smoke("--running", f"--rules={rules}", *addresses(stack, grafana))

    assert code == 1
    assert "FAIL  Grafana has the dashboards: missing: orchestrator-droids" in lines
    assert "FAIL  alerts are loaded and evaluated: not loaded: NeverLoaded" in lines
    assert lines[-1] == "2 failed"


@pytest.mark.server("prometheus", "alertmanager")
def test_a_wrong_password_is_said_so(stack, smoke, tmp_path):
    """
    As Grafana says it.
    """
    wrong = tmp_path / "wrong"
    wrong.write_text("guess")
    with Grafana(stack.prometheus, boards()) as grafana:
        code, lines = smoke("--running", "--password-file", wrong, *addresses(stack, grafana))

    assert code == 1
    assert any(line.startswith("FAIL  Grafana has the dashboards: HTTP 401") for line in lines)


@pytest.fixture
def engine(tmp_path):
    """
    A compose command that writes down what it is asked and says that it did it.
    """
    notes = tmp_path / "notes"
    script = tmp_path / "compose"
    script.write_text(f'#!/bin/sh\necho "$@" >> {notes}\n')
    script.chmod(0o755)
    return script, notes


def test_a_stack_that_does_not_answer_is_stopped_all_the_same(smoke, engine):
    """
    In a project of its own, volumes and all; each server that is silent is named.
    """
    script, notes = engine
    silent = f"http://127.0.0.1:{free_port()}"
    servers = [f"--{name}={silent}" for name in ("exporter", "prometheus", "alertmanager", "grafana")]

    code, lines = smoke(*servers, COMPOSE=str(script))

    assert code == 1
    assert notes.read_text().splitlines() == [
        "--project-name droidscope-smoke --profile demo up --build --detach",
        "--project-name droidscope-smoke --profile demo down --volumes",
    ]
    for server in ("exporter is ready", "Prometheus is ready", "Alertmanager is ready", "Grafana is healthy"):
        assert any(line.startswith(f"FAIL  {server}: ") and "refused" in line for line in lines), server


def test_without_an_engine_it_says_what_it_needs(smoke):
    """
    And that nothing was tried.
    """
    code, lines = smoke(COMPOSE="no-such-engine compose")

    assert code == 1
    assert "no-such-engine is not installed; say in COMPOSE what is, such as 'podman compose'" in lines
    assert lines[-1] == "1 failed"


def test_without_a_password_it_says_how_to_make_one(smoke, tmp_path, engine):
    """
    Before anything is started.
    """
    script, notes = engine

    code, lines = smoke("--password-file", tmp_path / "none", COMPOSE=str(script))

    assert code == 1
    assert lines == [f"FAIL  {tmp_path}/none is missing; `make secrets` makes it", "1 failed"]
    assert not notes.exists()
