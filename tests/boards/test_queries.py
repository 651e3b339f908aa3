"""
Every rendered query: its names are in the catalogue, it parses, and on a store with each series it answers.
"""

from __future__ import annotations

import json
import math
import re
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

import promql_parser
import pytest

from droidscope.conventions import metrics
from droidscope.rules.promql import Scope, wilson_lower
from every_series import VALUES, samples
from promql import other_queries, panel_queries
from rendered import RECORDINGS, alert_rules, boards, recording_rules

RECORDED = {rule.name: rule.labels for rule in RECORDINGS}
OUTSIDE = {
    "ALERTS": {
        "alertname",
        "alertstate",
        "severity",
        "category",
        "cause",
        "instance",
        "orchestrator",
        "pattern",
        "droid",
        "finding_severity",
    },
    "up": {"job"},
    "prometheus_rule_evaluation_failures_total": {"rule_group"},
    "prometheus_notifications_errors_total": {"alertmanager"},
    "alertmanager_notifications_failed_total": {"integration"},
}
"""
What Prometheus and Alertmanager have of themselves, beside the labels of every target.
"""
ANY_FAMILY = "__name__"
"""
The label by which a query selects series of every name.
"""
SAMPLES = [metrics.samples_of(metric) for metric in (*metrics.KPIS, *metrics.ASSIGNMENTS_JUDGED)]
STEPS = 60
STEP_SECONDS = 60


def catalogue():
    """
    Labels of every series that exists, by name.
    """
    known = dict(RECORDED) | OUTSIDE
    for metric in (*metrics.CATALOGUE, *SAMPLES):
        labels = (
            {*metric.labels, metrics.ORCHESTRATOR}
            if metric.name.startswith("orchestrator_")
            else set(metric.labels)
        )
        if metric.kind in {"histogram", "summary"}:
            known |= {f"{metric.name}_{part}": labels for part in ("sum", "count")}
        if metric.kind == "histogram":
            known[f"{metric.name}_bucket"] = {*labels, "le"}
        if metric.kind in {"counter", "gauge"}:
            known[metric.name] = labels
    return {name: {*labels, "instance"} for name, labels in known.items()}


def rule_queries():
    return [
        (rule.get("alert") or rule["record"], rule["expr"]) for rule in (*alert_rules(), *recording_rules())
    ]


def queries():
    """
    Every query of rules and boards with where it stands.
    """
    found = rule_queries()
    for uid, board in boards().items():
        found += [(f"{uid}: {query.panel}", query.expr) for query in panel_queries(board)]
        found += [(uid, expr) for expr in other_queries(board)]
    return found


def walk(expr):
    """
    Every node of a parsed query.
    """
    nodes = []
    promql_parser.walk(expr, pre_visit=nodes.append)
    return nodes


def selectors(expr):
    """
    Instant selectors of a query, those of ranges too, each once.
    """
    found = []
    for node in walk(expr):
        if isinstance(node, promql_parser.VectorSelector):
            found.append(node)
        if isinstance(node, promql_parser.MatrixSelector):
            found.append(node.vector_selector)
    return {selector.prettify(): selector for selector in found}.values()


def made_labels(expr):
    """
    Labels that label_join and label_replace add.
    """
    calls = [node for node in walk(expr) if isinstance(node, promql_parser.Call)]
    return {node.args[1].val for node in calls if node.func.name in {"label_join", "label_replace"}}


@pytest.mark.parametrize(("place", "text"), queries(), ids=lambda value: value[:60])
def test_names_and_labels_are_in_the_catalogue(place, text):
    """
    A query parses, selects series that exist by labels they have, and groups by labels they have.
    """
    expr = promql_parser.parse(text)
    known = catalogue()

    for selector in selectors(expr):
        matched = {matcher.name for matcher in selector.matchers.matchers}
        if ANY_FAMILY in matched:
            known[selector.name] = {ANY_FAMILY, "job", "instance", metrics.ORCHESTRATOR}
        assert selector.name in known, place
        assert matched <= known[selector.name], place
    for node in walk(expr):
        if isinstance(node, promql_parser.AggregateExpr) and node.modifier is not None:
            kept = set().union(
                *(known[selector.name] for selector in selectors(node.expr)), made_labels(node.expr)
            )
            assert set(node.modifier.labels) <= kept, place


@pytest.mark.parametrize(("place", "text"), queries(), ids=lambda value: value[:60])
def test_counters_are_only_read_as_rates(place, text):
    """
    What only ever rises says nothing by its height; what also falls has no rate.
    """
    rising = {metric.name for metric in metrics.CATALOGUE if metric.kind == "counter"}
    rising |= {
        f"{metric.name}_{part}"
        for metric in metrics.CATALOGUE
        for part in ("sum", "count", "bucket")
        if metric.kind in {"histogram", "summary"}
    }
    rising |= {name for name in OUTSIDE if name.endswith("_total")}
    expr = promql_parser.parse(text)
    rated = {
        node.args[0].vector_selector.name
        for node in walk(expr)
        if isinstance(node, promql_parser.Call) and node.func.name in {"increase", "rate"}
    }
    is_lookup = isinstance(expr, promql_parser.VectorSelector)

    assert is_lookup or {one.name for one in selectors(expr)} & rising == rated, place


@pytest.mark.parametrize(("place", "text"), queries(), ids=lambda value: value[:60])
def test_outcomes_are_named_or_kept_apart(place, text):
    """
    No query reads "all outcomes but", and none adds outcomes up without naming them: a word that comes
    later, as cancelled and unknown came, is in no ratio and pages nobody.
    """
    expr = promql_parser.parse(text)
    is_lookup = isinstance(expr, promql_parser.VectorSelector)
    apart = {
        selector.prettify()
        for node in walk(expr)
        if isinstance(node, promql_parser.AggregateExpr) and "outcome" in labels_kept(node)
        for selector in selectors(node.expr)
    }

    for selector in selectors(expr):
        matches = [one for one in selector.matchers.matchers if one.name == "outcome"]
        assert {str(one.op) for one in matches} <= {"MatchOp.Equal", "MatchOp.Re"}, place
        assert all(re.fullmatch(r"[a-z_]+(\|[a-z_]+)*", one.value) for one in matches), place
        is_apart = is_lookup or selector.prettify() in apart
        assert matches or is_apart or "outcome" not in catalogue().get(selector.name, ()), place


def labels_kept(aggregate):
    """
    The labels by which an aggregation groups.
    """
    return aggregate.modifier.labels if aggregate.modifier else []


def test_a_sum_over_outcomes_that_nobody_named_is_no_query():
    """
    Neither the builder nor a recorded series adds up what is still to come.
    """
    with pytest.raises(ValueError, match="adds up every outcome"):
        Scope().increase(metrics.TASKS, ("droid",), "1h")


def test_an_unknown_variable_is_an_error():
    """
    A misspelt variable does not pass silently.
    """
    board = {
        "panels": [{"type": "stat", "title": "x", "targets": [{"expr": 'a{b="$patern"}', "instant": True}]}]
    }

    with pytest.raises(KeyError, match="patern"):
        panel_queries(board)


# --- on a real Prometheus -----------------------------------------------------------------------


def gauge_value(name, now):
    return (
        now - 600
        if name.endswith("timestamp_seconds")
        else 1
        if "ratio" in name and "samples" not in name
        else 20
    )


def page(now):
    """
    An hour of every series of the catalogue, of the recorded ones, and of an alert of each severity.
    """
    lines = []
    start = now - STEPS * STEP_SECONDS
    families = (*metrics.CATALOGUE, *SAMPLES)
    alerts = [
        (
            "ALERTS",
            {"alertname": "A", "alertstate": "firing", "severity": severity, "orchestrator": "atlas"},
            None,
        )
        for severity in ("critical", "high", "medium", "low")
    ]
    recorded = [
        (name, {label: VALUES.get(label, [f"some-{label}"])[0] for label in labels}, None)
        for name, labels in RECORDED.items()
    ]
    for name, labels, slope in [*(one for family in families for one in samples(family)), *alerts, *recorded]:
        inside = ",".join(f'{label}="{value}"' for label, value in labels.items())
        for step in range(STEPS + 1):
            value = slope * step if slope is not None else gauge_value(name, now)
            lines.append(f"{name}{{{inside}}} {value} {start + step * STEP_SECONDS}")
    return "\n".join([*lines, "# EOF\n"])


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory):
    """
    Asks a Prometheus that holds the page: (expression, time, range or not) -> the API's answer.
    """
    folder = tmp_path_factory.mktemp("prometheus")
    now = int(time.time())
    (folder / "page.txt").write_text(page(now))
    (folder / "empty.yml").write_text("global: {}\n")
    command = ["promtool", "tsdb", "create-blocks-from", "openmetrics", folder / "page.txt", folder / "data"]
    subprocess.run(command, check=True, capture_output=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [
            "prometheus",
            f"--config.file={folder / 'empty.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def ask(expr, kind="instant"):
        times = {"time": now} if kind == "instant" else {"start": now - 1800, "end": now, "step": 60}
        path = "query" if kind == "instant" else "query_range"
        url = f"http://127.0.0.1:{port}/api/v1/{path}?{urllib.parse.urlencode({'query': expr, **times})}"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            return json.load(error)

    try:
        until_answered(ask, server)
        yield ask
    finally:
        server.terminate()
        server.wait(10)


def until_answered(ask, server):
    """
    Wait for the server's own readiness; it offers nothing to wait on but its port.
    """
    deadline = time.monotonic() + 30
    while server.poll() is None and time.monotonic() < deadline:
        try:
            if ask("1").get("status") == "success":
                return
        except (OSError, ValueError):
            time.sleep(0.05)
    raise AssertionError("prometheus does not answer")


@pytest.mark.slow
@pytest.mark.server("promtool", "prometheus")
def test_every_panel_query_answers_with_numbers(prometheus):
    """
    With each series of the catalogue in the store no panel is empty, NaN or infinite, and ratios are ratios.
    """
    faults = []
    for uid, board in boards().items():
        for panel, expr, kind in panel_queries(board, {"__rate_interval": "4m"}):
            answer = prometheus(expr, kind)
            series = answer.get("data", {}).get("result", [])
            points = [point for one in series for point in one.get("values") or [one["value"]]]
            if (
                not points
                or answer.get("warnings")
                or not all(math.isfinite(float(value)) for _, value in points)
            ):
                faults.append((uid, panel, expr, answer if not points else points[:2]))

    assert not faults


@pytest.mark.slow
@pytest.mark.server("promtool", "prometheus")
def test_every_rule_and_annotation_is_taken_by_the_server(prometheus):
    """
    The server's own parser and engine accept what ours does.
    """
    texts = [expr for _, expr in rule_queries()]
    texts += [expr for board in boards().values() for expr in other_queries(board)]

    assert [text for text in texts if prometheus(text)["status"] != "success"] == []


@pytest.mark.slow
@pytest.mark.server("promtool", "prometheus")
@pytest.mark.parametrize(
    ("ratio", "count", "expected"), [(0.9, 10, 0.596), (1.0, 5, 0.566), (0.0, 5, 0.0), (0.5, 100, 0.404)]
)
def test_wilson_lower_bound_is_the_textbook_one(prometheus, ratio, count, expected):
    """
    Known lower ends of the 95 % interval.
    """
    answer = prometheus(wilson_lower(f"vector({ratio})", f"vector({count})"))

    assert float(answer["data"]["result"][0]["value"][1]) == pytest.approx(expected, abs=5e-4)


def test_today_at_midnight_has_no_range():
    """
    The builder leaves the range to the caller, so a board may use `$__range` and a rule a fixed one.
    """
    assert "[$__range]" in Scope().judged(metrics.SESSIONS, (), "$__range")
    assert "[24h]" in Scope().judged(metrics.SESSIONS, (), "24h")
