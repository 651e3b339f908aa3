"""
The main job on real servers: an orchestrator reports, Prometheus scrapes, a limit is breached, and who has
to know is told.

Configuration, rules and routes are the shipped ones in copies, in which ports are moved and waiting is
cut to a second: scrape and evaluation intervals, holds, group waits. Expressions, limits and routing
are what is shipped.
"""

from __future__ import annotations

import time
import urllib.request

import pytest

from droidscope.conventions import fleet_thresholds, thresholds
from droidscope.conventions import metrics as m
from e2e.processes import ROOT, Exporter, Orchestrator, settled, until
from sample_orchestrator import ARCHITECT, PATTERN, Plan

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
on_servers = pytest.mark.server("prometheus", "alertmanager")

SERVICES = ("sample-http", "sample-grpc", "atlas")
FAILING = {"orchestrator": "sample-http"}
WAITING = {"orchestrator": "sample-waiting"}
BREACHES = {
    thresholds.LOW_SUCCESS_RATE: {**FAILING, "pattern": PATTERN},
    thresholds.LONG_DURATION: {**WAITING, "pattern": PATTERN},
    thresholds.HIGH_ERROR_RATE: {**FAILING, "droid": Plan.droid},
    thresholds.LOW_CODE_QUALITY: {**WAITING, "droid": Plan.droid},
    thresholds.SECURITY_ISSUES: {
        **FAILING,
        "pattern": PATTERN,
        "droid": Plan.droid,
        "finding_severity": "high",
    },
    thresholds.RESPONSE_TIME_HIGH: {**FAILING, "droid": ARCHITECT, "cause": "unanswered"},
    thresholds.COMMUNICATION_CONFLICTS: {**FAILING, "pattern": PATTERN},
}
"""
Who breaches each limit in the run of the stack: the labels of its alert beside its own.
"""
ALSO_BREACHED = {
    fleet_thresholds.OBJECTIVE_BURNING: {"orchestrator": "sample-grpc"},
    fleet_thresholds.LABEL_LIMIT_NEAR: {"orchestrator": "sprawling", "label": "tool"},
}
"""
Limits of the fleet that the run breaches: half of the sessions fail, and there are too many tools.
"""


# --- from the orchestrator to the exporter ------------------------------------------------------


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_a_decorated_orchestrator_is_counted_exactly(tmp_path, protocol):
    """
    Every series it has a truth of is on the page with that value, and there is no other of these names.
    """
    with (
        Exporter(tmp_path, birth_hold="1ms") as exporter,
        Orchestrator(exporter, "sample", "--fail-every", "2", protocol=protocol) as orchestrator,
    ):
        truth = orchestrator.end()

        assert len(truth) > 50
        assert settled(lambda: exporter.counted(truth), truth, seconds=10) == truth


# --- from the exporter to Prometheus ------------------------------------------------------------


@on_servers
@pytest.mark.parametrize("service", SERVICES)
def test_the_page_is_the_truth(stack, service):
    """
    Three orchestrators at a time, over both transports, with a fourth one running.
    """
    truth = stack.truths[service]

    assert stack.exporter.counted(truth) == truth


@on_servers
@pytest.mark.parametrize("service", SERVICES)
def test_increase_loses_no_first_event(stack, service):
    """
    Each series has begun with a 0 that Prometheus saw, so its increase is its value.

    The tolerance is for float rounding alone: at the time of a sample nothing is extrapolated.
    """
    truth = {(name, stored(labels)): value for (name, labels), value in stack.truths[service].items()}
    increases = {
        (name, labels): value
        for name in {name for name, _ in truth}
        for labels, value in stack.prometheus.query(
            f'increase({name}{{orchestrator="{service}"}}[1h])'
        ).items()
        if value
    }

    assert increases == pytest.approx(truth, rel=1e-9)


def stored(labels):
    """
    To Prometheus an empty label is none.
    """
    return frozenset((name, value) for name, value in labels if value)


@on_servers
def test_prometheus_takes_the_page_as_it_is(stack):
    """
    No error, no sample dropped, exemplars too: they come with OpenMetrics alone.
    """
    healthy = {("droidscope", ""), ("prometheus", ""), ("alertmanager", "")}
    dropped = '{__name__=~"prometheus_target_scrapes_(sample|exceeded)_.+_total"} > 0'

    assert settled(lambda: target_errors(stack), healthy, seconds=10) == healthy
    assert min(stack.prometheus.query('scrape_samples_scraped{job="droidscope"}').values()) > 1000
    assert stack.prometheus.query(dropped) == {}
    assert [line for line in stack.prometheus.log.splitlines() if "scrape" in line] == []
    assert exemplar_labels(stack, m.TASKS.name) == {"trace_id", "session_id"}


def target_errors(stack):
    targets = stack.prometheus.get("targets")["activeTargets"]
    return {(target["labels"]["job"], target["lastError"]) for target in targets}


def exemplar_labels(stack, name):
    """
    Names of the labels that the exemplars of a counter have in Prometheus.
    """
    series = stack.prometheus.get("query_exemplars", query=name, start=0, end=time.time())
    return {label for one in series for exemplar in one["exemplars"] for label in exemplar["labels"]}


@on_servers
def test_who_asks_for_openmetrics_gets_exemplars(stack):
    """
    A trace id at a counter; who does not ask gets the old format without.
    """
    accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
    with urllib.request.urlopen(
        urllib.request.Request(f"{stack.exporter.url}/metrics", headers=accept), timeout=10
    ) as answer:
        page = answer.read().decode()
        content_type = answer.headers["Content-Type"]

    assert content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert page.endswith("\n# EOF\n")
    assert "# {trace_id=" in page


@on_servers
def test_every_rule_can_be_evaluated(stack):
    """
    Recording rules and alerts, the shipped number of each.
    """
    rules = [rule for group in stack.prometheus.get("rules")["groups"] for rule in group["rules"]]

    assert {rule["health"] for rule in rules} == {"ok"}
    assert {rule["name"] for rule in rules if rule["type"] == "alerting"} >= {
        limit.name for limit in thresholds.ALERTS
    }
    assert [rule["name"] for rule in rules if rule["type"] == "recording"]


# --- from Prometheus to who has to know ---------------------------------------------------------


@on_servers
@pytest.mark.parametrize("limit", thresholds.ALERTS, ids=lambda limit: limit.name)
def test_a_breached_limit_reaches_the_receiver_of_its_severity(stack, limit):
    """
    With exactly the labels that say what is breached by whom, and with what to do about it.
    """
    subject = BREACHES[limit]
    labels = {
        "alertname": limit.name,
        "severity": limit.severity,
        "category": limit.category,
        **subject,
    }

    post, alert = until(lambda: told(stack, limit.name, subject), f"{limit.name} at the webhook", seconds=30)

    assert post["receiver"] == limit.severity
    assert alert["status"] == "firing"
    assert alert["labels"] == labels
    assert_is_useful(alert["annotations"], limit, subject)


@on_servers
@pytest.mark.parametrize("limit", ALSO_BREACHED, ids=lambda limit: limit.name)
def test_a_breached_limit_of_the_fleet_is_told_too(stack, limit):
    """
    To the receiver of its severity, with who, and with a board to open.
    """
    subject = ALSO_BREACHED[limit]

    post, alert = until(lambda: told(stack, limit.name, subject), f"{limit.name} at the webhook", seconds=30)

    assert post["receiver"] == limit.severity
    assert alert["annotations"]["action"] == limit.action
    assert subject["orchestrator"] in alert["annotations"]["description"]
    assert f"var-orchestrator={subject['orchestrator']}" in alert["annotations"]["dashboard_url"]


def assert_is_useful(annotations, limit, subject):
    """
    What to do, where to read, and a sentence with the name of who is meant and no hole in it.
    """
    assert annotations["action"] == limit.action
    assert annotations["runbook_url"] == f"docs/runbooks/{limit.name}.md"
    assert (ROOT / annotations["runbook_url"]).is_file()
    assert annotations["summary"].endswith(".")
    assert subject["orchestrator"] in annotations["description"]
    assert not [hole for hole in ("%!", "<no value>", "{{") if hole in annotations["description"]]
    assert subject.get("droid", subject.get("pattern")) in annotations["description"]
    assert f"var-orchestrator={subject['orchestrator']}" in annotations["dashboard_url"]


@on_servers
def test_what_a_worse_alert_explains_is_not_told(stack):
    """
    Low quality of a droid whose attempts fail and that has findings fires, and is muted.
    """
    low_quality = {"alertname": thresholds.LOW_CODE_QUALITY.name, **FAILING}

    muted = until(
        lambda: [
            one
            for one in stack.alertmanager.alerts()
            if low_quality.items() <= one["labels"].items() and one["status"]["inhibitedBy"]
        ],
        "the muted alert",
    )

    assert [one["status"]["state"] for one in muted] == ["suppressed"]
    assert told(stack, thresholds.LOW_CODE_QUALITY.name, FAILING) is None


@on_servers
def test_the_watchdog_barks_elsewhere_and_nothing_else_speaks(stack):
    """
    Only limits that are breached are told; the watchdog's route has no webhook.
    """
    until(
        lambda: any(
            one["labels"]["alertname"] == "DroidscopeWatchdog" for one in stack.alertmanager.alerts()
        ),
        "the watchdog",
    )

    names = {alert["labels"]["alertname"] for post in stack.webhook.received for alert in post["alerts"]}
    assert names <= {limit.name for limit in (*thresholds.ALERTS, *ALSO_BREACHED)}


@on_servers
def test_an_alert_ends_with_its_cause(stack):
    """
    Two findings are told, and after a report without any that they are gone.
    """
    name, subject = thresholds.SECURITY_ISSUES.name, {"orchestrator": "sample-mended"}

    with Orchestrator(stack.exporter, "sample-mended", "--sessions", "1", "--findings", "2") as careless:
        careless.end()
    _, alert = until(lambda: told(stack, name, subject), "the alert")
    with Orchestrator(stack.exporter, "sample-mended", "--sessions", "1", "--findings", "0") as careful:
        careful.end()
    _, end = until(lambda: told(stack, name, subject, "resolved"), "its end")

    assert alert["annotations"]["description"] == (
        f"2 high finding(s) are open in the latest report of droid {Plan.droid} of sample-mended, "
        f"pattern {PATTERN}; the limit is 0."
    )
    assert end["labels"] == alert["labels"]


def told(stack, name, subject, status="firing"):
    """
    The first post to the webhook with such an alert, and that alert; None if there was none.
    """
    for post in list(stack.webhook.received):
        for alert in post["alerts"]:
            is_it = alert["labels"]["alertname"] == name and alert["status"] == status
            if is_it and subject.items() <= alert["labels"].items():
                return post, alert
    return None
