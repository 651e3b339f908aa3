"""
One stack of real servers for all tests that only look, and orchestrators that have reported to it.
"""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from contextlib import ExitStack
from typing import NamedTuple

import pytest

import builders as b
from e2e.processes import (
    Alertmanager,
    Exporter,
    Fleet,
    Orchestrator,
    Prometheus,
    Webhook,
    settled,
    until,
)
from e2e.receivers import one_webhook
from sample_orchestrator import PATTERN, Plan

BIRTH_HOLD = "3s"
"""
Three scrapes, where the default of a minute is four of those that are shipped.
"""
LOST_AFTER = "1s"
"""
Everybody sends all that is left at once at the end, where the default waits a minute for it.
"""
LABEL_LIMIT = 200
DROID_LIMIT = 4
"""
Attempts that the sample's droid may have in flight.
"""
FINDINGS_SECONDS = 10
"""
What is found is at most as old as this.
"""
HISTORY = "sample-history"
HISTORY_HOURS = 10 * 24
POINTS_AN_HOUR = 0.1
FAILING = ("--sessions", "12", "--fail-every", "2")
COMPRESSED = ("--sessions", "20", "--concurrency", "8", "--seconds-per-minute", "0.005")


class Stack(NamedTuple):
    """
    The servers, and by service what the orchestrators that have ended say they did.

    `sample-waiting` still runs: the last of its sessions is in the middle of an attempt, over its
    time limit.
    """

    exporter: Exporter
    prometheus: Prometheus
    alertmanager: Alertmanager
    webhook: Webhook
    truths: dict[str, dict[tuple[str, frozenset], float]]


@pytest.fixture(scope="package")
def stack(tmp_path_factory):
    """
    A run with all kinds of records, over HTTP and gRPC, that breaches every limit once; Prometheus has seen
    all of it.
    """
    folder = tmp_path_factory.mktemp("stack")
    with ExitStack() as running:
        start = running.enter_context
        webhook = start(Webhook())
        patterns = {"pattern_limits": {PATTERN: "5s"}, "pattern_budgets": {PATTERN: 2.5}}
        limits = {**patterns, "label_limit": LABEL_LIMIT, "droid_limits": {Plan.droid: DROID_LIMIT}}
        settings = {"birth_hold": BIRTH_HOLD, "records_lost_after": LOST_AFTER}
        exporter = start(Exporter(folder / "exporter", **settings, **limits))
        send_history(exporter)  # before the first look at it, as trends are remembered for a minute
        alertmanager = start(Alertmanager(folder / "alertmanager", one_webhook(webhook.url)))
        prometheus = start(Prometheus(folder / "prometheus", exporter, alertmanager.port))
        until(prometheus.last_scrape, "a scrape")
        # Scores of 50: low, but muted where failures and findings speak of the same droid already.
        start(Orchestrator(exporter, "sample-waiting", "--wait", "--findings", "0", "--quality", "5"))
        ending = [
            start(Orchestrator(exporter, "sample-http", "--quality", "5", *FAILING)),
            start(Orchestrator(exporter, "sample-grpc", *FAILING, protocol="grpc")),
            start(Fleet(exporter, "atlas", folder, *COMPRESSED)),
        ]
        send_trouble(exporter)
        truths = {orchestrator.service: orchestrator.end() for orchestrator in ending}
        for truth in truths.values():
            settled(lambda truth=truth: exporter.counted(truth), truth, seconds=20)
        end = time.time() + FINDINGS_SECONDS
        until(lambda: prometheus.last_scrape() > end, "a scrape of everything")
        yield Stack(exporter, prometheus, alertmanager, webhook, truths)


def send_trouble(exporter):
    """
    What is no telemetry, and more tools than the label has room for.
    """
    with pytest.raises(urllib.error.HTTPError):
        post(exporter, b"no protobuf")
    now = {"start": time.time() - b.NOON / b.SECOND}
    calls = [b.span("tool", gen_ai__tool__name=f"tool-{n}", **now) for n in range(LABEL_LIMIT + 5)]
    post(exporter, b.traces(*calls, b.session(**now), service="sprawling"))


def send_history(exporter):
    """
    Ten days of sessions, one an hour, whose code gets better from hour to hour; all of it late.
    """
    now = time.time() - b.NOON / b.SECOND
    for day in range(0, HISTORY_HOURS, 24):
        spans = []
        for hour in range(day, day + 24):
            when = {"session": f"h{hour}", "start": now - 3600 * (HISTORY_HOURS - hour), "seconds": 60}
            score = 65 + POINTS_AN_HOUR * hour + hour % 2
            scored = {"output__code_quality_score": score, **when}
            spans.append(b.task(Plan.droid, id=f"t{hour}", pattern=PATTERN, **scored))
            spans.append(b.span("session", pattern__id=PATTERN, **when))
        post(exporter, b.traces(*spans, service=HISTORY))


def post(exporter, body):
    headers = {"Content-Type": "application/x-protobuf"}
    request = urllib.request.Request(f"{exporter.otlp}/v1/traces", body, headers)
    urllib.request.urlopen(request, timeout=10).close()
