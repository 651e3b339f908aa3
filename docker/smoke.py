#!/usr/bin/env python3
"""
Starts docker-compose.yml, asks everything in it whether it works, and stops it again; for who has an engine.

    make smoke                    the stack with the demo fleet, in a project of its own
    make smoke ARGS=--running     only the questions, to a stack that runs already
    make smoke ARGS=--keep        leave it running at the end

Each question is one line, `ok` or `FAIL`; the exit code is 1 if any failed. The standard library is enough.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import re
import shlex
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

ROOT = Path(__file__).resolve().parents[1]
PROJECT = "droidscope-smoke"
RECEIVERS = {"inbox", "critical", "high", "medium", "low", "watchdog"}
POLL_SECONDS = 1.0

_VARIABLE = re.compile(r"\$(?:\{(\w+)(?::\w+)?\}|(\w+))")


class AnswerError(Exception):
    """
    An answer is not as it should be; the message says which.
    """


class Smoke:
    """
    Asks the servers at *options*' addresses, and counts what failed.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.failures = 0

    def run(self) -> None:
        """
        Every question, from the source of the numbers to the screen.
        """
        o = self.options
        self.ask("exporter is ready", lambda: get(f"{o.exporter}/-/ready"))
        self.ask("Prometheus is ready", lambda: get(f"{o.prometheus}/-/ready"))
        self.ask("Alertmanager is ready", lambda: get(f"{o.alertmanager}/-/ready"))
        self.ask("Grafana is healthy", self.grafana_health)
        self.ask("Prometheus scrapes the exporter", self.exporter_scraped)
        self.ask("Prometheus knows Alertmanager", self.alertmanager_known)
        self.ask("alerts are loaded and evaluated", self.alerts_loaded)
        self.ask("Alertmanager has its receivers", self.receivers)
        self.ask("the watchdog has reached Alertmanager", self.watchdog)
        self.ask("Grafana has the dashboards", self.dashboards)
        for board in boards():
            for panel in panels(board):
                self.ask(
                    f"panel {board['title']} / {panel['title']}",
                    lambda board=board, panel=panel: self.panel(board, panel),
                    patient=False,
                )

    def ask(self, what: str, question: Callable[[], str | None], *, patient: bool = True) -> None:
        """
        Ask until the answer is right, or for long enough if *patient*; print what came of it.
        """
        end = time.monotonic() + (self.options.patience if patient else 0)
        while True:
            try:
                detail = question()
            except (OSError, ValueError, KeyError, AnswerError) as error:
                fault = describe(error)
            else:
                said = " ".join((detail or "").split())
                say(f"ok    {what}{f': {said}' if said else ''}")
                return
            if time.monotonic() >= end:
                self.failures += 1
                say(f"FAIL  {what}: {fault}")
                return
            time.sleep(POLL_SECONDS)

    def prometheus(self, path: str, **parameters: str) -> Any:  # noqa: ANN401 - JSON
        """
        The data of an answer of Prometheus' API.
        """
        query = urllib.parse.urlencode(parameters)
        return json.loads(get(f"{self.options.prometheus}/api/v1/{path}?{query}"))["data"]

    def exporter_scraped(self) -> None:
        """
        The target is up.
        """
        found = self.prometheus("query", query='sum(up{job="droidscope"})')["result"]
        demand(found and float(found[0]["value"][1]) >= 1, "up is not 1")

    def alertmanager_known(self) -> str:
        """
        Prometheus has somebody to send alerts to.
        """
        active = [one["url"] for one in self.prometheus("alertmanagers")["activeAlertmanagers"]]
        demand(active, "no active Alertmanager")
        return ", ".join(active)

    def alerts_loaded(self) -> str:
        """
        Every alert of the rule file is there, and evaluates without a fault.
        """
        text = (self.options.rules).read_text(encoding="utf-8")
        expected = set(re.findall(r"^\s*- alert: (\w+)$", text, re.MULTILINE))
        groups = self.prometheus("rules", type="alert")["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        missing = expected - {rule["name"] for rule in rules}
        demand(expected, f"no alerts in {self.options.rules}")
        demand(not missing, f"not loaded: {', '.join(sorted(missing))}")
        unwell = sorted({rule["name"] for rule in rules if rule["health"] != "ok"})
        demand(not unwell, f"not evaluated: {', '.join(unwell)}")
        return f"{len(rules)} rules"

    def receivers(self) -> None:
        """
        One for each severity, one for the rest, one for the watchdog.
        """
        names = {one["name"] for one in json.loads(get(f"{self.options.alertmanager}/api/v2/receivers"))}
        demand(names >= RECEIVERS, f"missing: {', '.join(sorted(RECEIVERS - names))}")

    def watchdog(self) -> None:
        """
        The way from a rule to Alertmanager works.
        """
        alerts = json.loads(get(f"{self.options.alertmanager}/api/v2/alerts"))
        names = {one["labels"]["alertname"] for one in alerts}
        demand("DroidscopeWatchdog" in names, f"it has {', '.join(sorted(names)) or 'nothing'}")

    def grafana_health(self) -> str:
        """
        Its database answers.
        """
        health = json.loads(get(f"{self.options.grafana}/api/health"))
        demand(health.get("database") == "ok", f"database is {health.get('database')!r}")
        return str(health.get("version", ""))

    def grafana(self, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        """
        An answer of Grafana's API, asked as its admin.
        """
        password = self.options.password_file.read_text(encoding="utf-8").strip()
        login = base64.b64encode(f"admin:{password}".encode()).decode()
        return json.loads(get(f"{self.options.grafana}{path}", body, {"Authorization": f"Basic {login}"}))

    def dashboards(self) -> str:
        """
        Those of the repository are provisioned.
        """
        found = {one["uid"] for one in self.grafana("/api/search?type=dash-db&limit=5000")}
        missing = {board["uid"] for board in boards()} - found
        demand(not missing, f"missing: {', '.join(sorted(missing))}")
        return f"{len(boards())} dashboards"

    def panel(self, board: dict[str, Any], panel: dict[str, Any]) -> str:
        """
        All queries of a panel, as Grafana's own page would ask them; no data is told but is no fault.
        """
        queries = [query_of(target, variables(board)) for target in panel["targets"]]
        answer = self.grafana("/api/ds/query", {"from": "now-1h", "to": "now", "queries": queries})
        rows = 0
        for query in queries:
            result = answer["results"][query["refId"]]
            demand("error" not in result, f"{query['refId']}: {result.get('error')}")
            frames = result.get("frames", ())
            rows += sum(len(values) for frame in frames for values in frame["data"]["values"][:1])
        return f"{rows} rows" if rows else "no data yet"


def boards() -> list[dict[str, Any]]:
    """
    The dashboards of the repository.
    """
    paths = sorted((ROOT / "grafana/dashboards").glob("*.json"))
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths]


def panels(board: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """
    Every panel with queries, those of collapsed rows too.
    """
    for panel in board["panels"]:
        if panel.get("targets"):
            yield panel
        yield from (inner for inner in panel.get("panels") or () if inner.get("targets"))


def variables(board: dict[str, Any]) -> dict[str, str]:
    """
    Value of each variable of a board as it opens: all of what there is, or its default.
    """
    values = {}
    for one in board["templating"]["list"]:
        current = (one.get("current") or {}).get("value", "")
        values[one["name"]] = one.get("allValue") or ".*" if current == "$__all" else current
        if one["type"] == "datasource":
            values[one["name"]] = "prometheus"
    return values


def query_of(target: dict[str, Any], values: dict[str, str]) -> dict[str, Any]:
    """
    A query as the page sends it; `$__range` and the like are filled in by Grafana's backend.
    """
    filled = {
        key: fill(value, values) if isinstance(value, str) else value
        for key, value in target.items()
        if key != "datasource"
    }
    source = {"type": "prometheus", "uid": "prometheus"}
    return {**filled, "datasource": source, "intervalMs": 15_000, "maxDataPoints": 500}


def fill(text: str, values: dict[str, str]) -> str:
    """
    *text* with the variables of a board filled in.
    """
    return _VARIABLE.sub(lambda found: values.get(found[1] or found[2], found[0]), text)


def get(url: str, body: object = None, headers: dict[str, str] | None = None) -> str:
    """
    What *url* answers to a GET, or to a POST of *body* as JSON.
    """
    data = None if body is None else json.dumps(body).encode()
    given = {"Content-Type": "application/json", **(headers or {})}
    with urllib.request.urlopen(urllib.request.Request(url, data, given), timeout=30) as answer:
        return str(answer.read().decode())


def demand(condition: object, fault: str) -> None:
    """
    Raises:
        AnswerError: With *fault*, unless *condition* holds.
    """
    if not condition:
        raise AnswerError(fault)


def describe(error: Exception) -> str:
    """
    An error in one line; of an answer that is an error, what it says.
    """
    if isinstance(error, urllib.error.HTTPError):
        return f"HTTP {error.code} {' '.join(error.read().decode(errors='replace').split())[:300]}"
    return " ".join(f"{type(error).__name__}: {error}".split()).removeprefix("AnswerError: ")


def say(line: str) -> None:
    """
    Print at once, as somebody waits for it.
    """
    print(line, flush=True)


def compose(*arguments: str) -> int:
    """
    Run the compose command of $COMPOSE on the repository's file; its exit code.
    """
    program = shlex.split(os.environ.get("COMPOSE") or "docker compose")
    command = [*program, "--project-name", PROJECT, "--profile", "demo", *arguments]
    say(f"$ {shlex.join(command)}")
    try:
        return subprocess.run(command, cwd=ROOT, check=False).returncode
    except FileNotFoundError:
        say(f"{program[0]} is not installed; say in COMPOSE what is, such as 'podman compose'")
        return 127


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """
    The options.
    """
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--running", action="store_true", help="neither start nor stop anything")
    parser.add_argument("--keep", action="store_true", help="leave the stack running")
    parser.add_argument("--patience", type=float, default=120, metavar="SECONDS", help="for each server")
    parser.add_argument("--exporter", default="http://127.0.0.1:9788", metavar="URL")
    parser.add_argument("--prometheus", default="http://127.0.0.1:9090", metavar="URL")
    parser.add_argument("--alertmanager", default="http://127.0.0.1:9093", metavar="URL")
    parser.add_argument("--grafana", default="http://127.0.0.1:3000", metavar="URL")
    parser.add_argument("--password-file", type=Path, default=ROOT / "secrets/grafana_admin_password")
    parser.add_argument("--rules", type=Path, default=ROOT / "prometheus/rules/alerts.yml", help="alerts")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """
    0 if everything works, else 1.
    """
    options = parsed(arguments)
    smoke = Smoke(options)
    if options.running:
        smoke.run()
    elif not options.password_file.is_file():
        say(f"FAIL  {options.password_file} is missing; `make secrets` makes it")
        smoke.failures += 1
    else:
        try:
            if compose("up", "--build", "--detach") == 0:
                smoke.run()
            else:
                say("FAIL  the stack does not start")
                smoke.failures += 1
        finally:
            if not options.keep:
                compose("down", "--volumes")
    say(f"{smoke.failures} failed" if smoke.failures else "everything works")
    return 1 if smoke.failures else 0


if __name__ == "__main__":
    sys.exit(main())
