"""
Every panel of every board on real servers: it has data, and its main values are what the orchestrators did.
"""

from __future__ import annotations

import math
import re
from collections import Counter

import pytest

from droidscope.conventions import metrics as m
from droidscope.kpi.statistics import wilson_interval
from droidscope.rules.alerts import DROIDS_BOARD, OVERVIEW_BOARD, PATTERNS_BOARD
from e2e.conftest import DROID_LIMIT, HISTORY, POINTS_AN_HOUR
from e2e.processes import until
from promql import other_queries, panel_queries, panels, substitute
from rendered import boards
from sample_orchestrator import ARCHITECT, PATTERN, Plan

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.server("prometheus", "alertmanager"),
]

EMPTY: dict[tuple[str, str], str] = {}
"""
Queries that have no answer, by panel and column, with the reason. All others must have one.
"""
SECONDS_SHOWN = 20


# --- every panel has data -----------------------------------------------------------------------


def chosen(stack, board):
    """
    The variables of *board* as Grafana fills them in when every value is ticked, one by one.
    """
    values = {}
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            selector, label = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]).groups()
            selector = substitute(selector, values)
            found = stack.prometheus.get(f"label/{label}/values", **{"match[]": selector})
            values[variable["name"]] = f"({'|'.join(found)})"
    return values


@pytest.mark.parametrize("uid", [OVERVIEW_BOARD, DROIDS_BOARD, PATTERNS_BOARD])
@pytest.mark.parametrize("window", m.WINDOWS)
def test_every_panel_has_data(stack, uid, window):
    """
    With the real orchestrators, patterns and droids ticked, no query fails, hints, or answers NaN, and the
    empty ones are those that are known to be.
    """
    board = boards()[uid]
    variables = {**chosen(stack, board), "window": window}
    titles = [
        (panel["title"], heading(panel, target)) for panel in panels(board) for target in panel["targets"]
    ]
    empty = []
    for title, query in zip(titles, panel_queries(board, variables), strict=True):
        values = answers(stack.prometheus, query)
        assert all(map(math.isfinite, values)), query
        if not values:
            empty.append(title)

    assert all(variables.values())
    assert empty == [title for title in titles if title in EMPTY]


def answers(prometheus, query):
    """
    All values of the answer, of all series and times.
    """
    now = until(prometheus.last_scrape, "a scrape")
    if query.kind == "instant":
        found = prometheus.get("query", query=query.expr, time=now)["result"]
        return [float(one["value"][1]) for one in found]
    times = {"start": now - SECONDS_SHOWN, "end": now, "step": 1}
    found = prometheus.get("query_range", query=query.expr, **times)["result"]
    return [float(value) for one in found for _, value in one["values"]]


@pytest.mark.parametrize("uid", [OVERVIEW_BOARD, DROIDS_BOARD, PATTERNS_BOARD])
def test_annotations_and_variables_have_data(stack, uid):
    """
    Alerts, the new version, and the values to choose from.
    """
    assert [query for query in other_queries(boards()[uid]) if not stack.prometheus.query(query)] == []


@pytest.mark.parametrize("uid", [OVERVIEW_BOARD, DROIDS_BOARD, PATTERNS_BOARD])
def test_nothing_known_is_not_shown_as_nothing_happened(uid):
    """
    No query makes up a value where there is none.
    """
    queries = [query.expr for query in panel_queries(boards()[uid])]

    assert [expr for expr in queries if re.search(r"\bvector\(|\babsent", expr)] == []


# --- and the data are true ----------------------------------------------------------------------


def heading(panel, target):
    """
    What a table calls the column of *target*; its letter elsewhere.
    """
    names = {}
    for transformation in panel.get("transformations") or ():
        names |= transformation["options"].get("renameByName", {})
    # Grafana names the value field after its query only where there are several.
    field = f"Value #{target['refId']}" if len(panel["targets"]) > 1 else "Value"
    return names.get(field, target["refId"])


class Shown:
    """
    What the panels show of the orchestrators that have ended, and what is true of them.
    """

    def __init__(self, stack):
        self._prometheus = stack.prometheus
        self._services = "|".join(stack.truths)
        self._truth = {key: value for truth in stack.truths.values() for key, value in truth.items()}

    def panel(self, uid, title, column="A", **variables):
        """
        Value by labels of one query, those that are 0 left out.
        """
        (expr,) = [
            target["expr"]
            for panel in panels(boards()[uid])
            for target in panel["targets"]
            if (panel["title"], heading(panel, target)) == (title, column)
        ]
        baselines = {"orchestrator": self._services, "pattern": ".*", "droid": ".*", "window": "24h"}
        text = substitute(expr, {"__range": "24h", **baselines, **variables})
        return {labels: value for labels, value in self._prometheus.query(text).items() if value}

    def one(self, uid, title, column="A", **variables):
        """
        The only value of one query.
        """
        ((_, value),) = self.panel(uid, title, column, **variables).items()
        return value

    def true(self, spec, by=(), part="", **where):
        """
        Sum of *spec* over the series *where*, by the labels *by*; by none of them there is one sum.
        """
        sums = Counter()
        for (name, labels), value in self._truth.items():
            if name == spec.name + part and where.items() <= dict(labels).items():
                # To Prometheus an empty label is none.
                sums[frozenset((k, v) for k, v in labels if k in by and v)] += value
        return dict(sums)

    def true_ratio(self, spec, by, share):
        """
        The part *share* of what of *spec* was not cancelled, by the labels *by*; where it is nothing it is
        left out.
        """
        whole, parts = self.judged(spec, by), self.true(spec, by, **share)
        return {labels: part / whole[labels] for labels, part in parts.items()}

    def judged(self, spec, by):
        """
        What was not cancelled.
        """
        cancelled = self.true(spec, by, outcome="cancelled")
        return {labels: n - cancelled.get(labels, 0) for labels, n in self.true(spec, by).items()}


@pytest.fixture(scope="module")
def shown(stack):
    return Shown(stack)


DROID = ("orchestrator", "droid")
TYPE = (*DROID, "task_type")
IN_PATTERN = ("orchestrator", "pattern")
PHASE = (*IN_PATTERN, "phase")

COUNTS = [
    (OVERVIEW_BOARD, "Completed today", "A", m.SESSIONS, (), {"outcome": "completed"}),
    (DROIDS_BOARD, "Tasks", "A", m.TASKS, (), {}),
    (DROIDS_BOARD, "KPIs of each droid", "Tasks", m.TASKS, DROID, {}),
    (DROIDS_BOARD, "Performance by task type", "Tasks", m.TASKS, TYPE, {}),
    (DROIDS_BOARD, "Tools", "Calls", m.TOOL_CALLS, (*DROID, "tool"), {}),
    (DROIDS_BOARD, "Messages per hour", "A", m.MESSAGES, ("message_type",), {}),
    (DROIDS_BOARD, "Queries per hour", "A", m.QUERIES, ("outcome",), {}),
    (DROIDS_BOARD, "Tokens per hour", "A", m.TOKENS, ("direction",), {}),
    (DROIDS_BOARD, "Cost per hour", "A", m.COST, DROID, {}),
    (
        DROIDS_BOARD,
        "Security findings reported per hour",
        "A",
        m.SECURITY_FINDINGS,
        ("finding_severity",),
        {},
    ),
    (OVERVIEW_BOARD, "Sessions ended per hour", "A", m.SESSIONS, ("outcome",), {}),
    (OVERVIEW_BOARD, "Cost per hour", "A", m.COST, ("orchestrator",), {}),
    (PATTERNS_BOARD, "Failure points", "Failures", m.FAILURES, (*PHASE, "reason"), {}),
    (PATTERNS_BOARD, "Failures per hour", "A", m.FAILURES, ("reason",), {}),
    (PATTERNS_BOARD, "Quality gates", "Evaluated", m.GATE_RESULTS, (*IN_PATTERN, "gate"), {}),
    (PATTERNS_BOARD, "Syntheses per hour", "A", m.SYNTHESES, ("outcome",), {}),
    (PATTERNS_BOARD, "Conflicts per hour", "A", m.CONFLICTS, ("pattern", "conflict_type"), {}),
    (PATTERNS_BOARD, "Assignment effectiveness", "Tasks", m.ASSIGNMENTS, (*IN_PATTERN, "droid"), {}),
    (PATTERNS_BOARD, "Tasks per hour by droid", "A", m.ASSIGNMENTS, ("droid",), {}),
]
"""
Board, panel, column; and what is counted there, by which labels, of which series.
"""


@pytest.mark.parametrize(("uid", "title", "column", "spec", "by", "where"), COUNTS)
def test_counts_are_true(shown, uid, title, column, spec, by, where):
    """
    Not give or take one: at the time of a sample there is nothing to extrapolate.
    """
    assert shown.panel(uid, title, column) == pytest.approx(shown.true(spec, by, **where), rel=1e-9)


def test_sessions_of_a_pattern_are_those_that_were_not_cancelled(shown):
    """
    Those that its success is over; the cancelled ones are among those that ended, on the Overview.
    """
    sessions = shown.judged(m.SESSIONS, IN_PATTERN)

    assert shown.panel(PATTERNS_BOARD, "Pattern efficiency", "Sessions") == pytest.approx(sessions, rel=1e-9)
    assert sum(shown.true(m.SESSIONS, outcome="cancelled").values()) > 0


FAILED, COMPLETED = {"outcome": "failed"}, {"outcome": "completed"}
RATIOS = [
    (OVERVIEW_BOARD, "Success rate today", "A", m.SESSIONS, (), COMPLETED),
    (DROIDS_BOARD, "Task success", "A", m.TASKS, (), COMPLETED),
    (DROIDS_BOARD, "Error rate", "A", m.ATTEMPTS, (), FAILED),
    (DROIDS_BOARD, "KPIs of each droid", "Task success", m.TASKS, DROID, COMPLETED),
    (DROIDS_BOARD, "KPIs of each droid", "Errors", m.ATTEMPTS, DROID, FAILED),
    (DROIDS_BOARD, "Performance by task type", "Task success", m.TASKS, TYPE, COMPLETED),
    (DROIDS_BOARD, "Performance by task type", "Errors", m.ATTEMPTS, TYPE, FAILED),
    (DROIDS_BOARD, "Tools", "Failed", m.TOOL_CALLS, (*DROID, "tool"), FAILED),
    (PATTERNS_BOARD, "Pattern efficiency", "Success", m.SESSIONS, IN_PATTERN, COMPLETED),
    (PATTERNS_BOARD, "Quality gates", "Failed", m.GATE_RESULTS, (*IN_PATTERN, "gate"), FAILED),
    (
        PATTERNS_BOARD,
        "Assignment effectiveness",
        "Task success",
        m.ASSIGNMENTS,
        (*IN_PATTERN, "droid"),
        COMPLETED,
    ),
    (
        PATTERNS_BOARD,
        "Task success by pattern and droid",
        "A",
        m.ASSIGNMENTS,
        ("pattern", "droid"),
        COMPLETED,
    ),
]
"""
Board, panel, column; and what is counted there, by which labels, and which share of it is shown.
"""


TRENDS = [
    (OVERVIEW_BOARD, "Success rate", "A", m.SESSIONS, ("orchestrator",), COMPLETED),
    (OVERVIEW_BOARD, "Error rate", "A", m.ATTEMPTS, ("orchestrator",), FAILED),
    (DROIDS_BOARD, "Error rate over time", "A", m.ATTEMPTS, DROID, FAILED),
    (PATTERNS_BOARD, "Success rate", "A", m.SESSIONS, IN_PATTERN, COMPLETED),
]
"""
The same of recorded series.
"""


@pytest.mark.parametrize(("uid", "title", "column", "spec", "by", "share"), RATIOS)
def test_ratios_are_true(shown, uid, title, column, spec, by, share):
    """
    Of Prometheus' counters and of the exporter's KPIs alike.
    """
    assert shown.panel(uid, title, column) == pytest.approx(shown.true_ratio(spec, by, share), rel=1e-6)


@pytest.mark.parametrize(("uid", "title", "column", "spec", "by", "share"), TRENDS)
def test_trends_are_true(shown, uid, title, column, spec, by, share):
    """
    Nearly: their rules are evaluated between two scrapes, where an increase is extrapolated.
    """
    assert shown.panel(uid, title, column) == pytest.approx(shown.true_ratio(spec, by, share), rel=0.05)


CODER = {"orchestrator": "sample-grpc", "droid": Plan.droid}
ITS_PATTERN = {"orchestrator": "sample-grpc", "pattern": PATTERN}
RUNNING = {"orchestrator": "sample-waiting"}
KNOWN = [
    (DROIDS_BOARD, "Code quality", "A", CODER, 85),
    (DROIDS_BOARD, "Code quality", "A", {**CODER, "droid": ARCHITECT}, 90),
    (DROIDS_BOARD, "KPIs of each droid", "Quality", CODER, 85),
    (DROIDS_BOARD, "Performance by task type", "Quality", CODER, 85),
    (DROIDS_BOARD, "Test coverage", "A", CODER, 94),
    (DROIDS_BOARD, "Security score", "A", CODER, 91),
    (DROIDS_BOARD, "Quality consistency", "A", CODER, 1),
    (DROIDS_BOARD, "Open security findings", "Open", CODER, 1),
    (PATTERNS_BOARD, "Pattern efficiency", "Quality", ITS_PATTERN, (12 * 90 + 6 * 85) / 18),
    (PATTERNS_BOARD, "Pattern efficiency", "Cost per success", ITS_PATTERN, 24 * 0.006 / 6),
    (PATTERNS_BOARD, "Cost per success", "A", ITS_PATTERN, 24 * 0.006 / 6),
    (OVERVIEW_BOARD, "Completeness", "A", {"orchestrator": "sample-grpc"}, 1),
    (OVERVIEW_BOARD, "Completeness", "A", {"orchestrator": "atlas"}, 1),
    (OVERVIEW_BOARD, "Alert level", "A", {"orchestrator": "sample-grpc"}, 4),
    (OVERVIEW_BOARD, "Active sessions", "A", RUNNING, 1),
    (OVERVIEW_BOARD, "Running sessions", "A", RUNNING, 1),
    (OVERVIEW_BOARD, "Running sessions", "D", RUNNING, 1),
    (OVERVIEW_BOARD, "Phases in progress", "A", RUNNING, 1),
    (OVERVIEW_BOARD, "Running now", "Progress", RUNNING, 1 / 3),
    (OVERVIEW_BOARD, "Running now", "Droids", RUNNING, 1),
    (OVERVIEW_BOARD, "Running now", "Conflicts", RUNNING, 1),
    (DROIDS_BOARD, "Attempts in flight", "A", RUNNING, 1),
    (DROIDS_BOARD, "Load", "A", {**RUNNING, "droid": Plan.droid}, 1),
    (DROIDS_BOARD, "Load", "B", {**RUNNING, "droid": Plan.droid}, DROID_LIMIT),
    (DROIDS_BOARD, "KPIs of each droid", "Load", {**RUNNING, "droid": Plan.droid}, 1 / DROID_LIMIT),
    (DROIDS_BOARD, "Code quality trend", "Trend, 7d", {"orchestrator": HISTORY}, 1),
    (DROIDS_BOARD, "Code quality trend", "Trend, 30d", {"orchestrator": HISTORY}, 1),
]
"""
Board, panel, column; variables; and the value that follows from what the sample orchestrator does:
twelve sessions of two tasks, every second one failed after three attempts, and one that still runs.
"""


OF_HISTORY = {"orchestrator": HISTORY, "droid": Plan.droid}
GRPC = {"orchestrator": "sample-grpc", "pattern": PATTERN}
NEARLY = [
    (DROIDS_BOARD, "Code quality trend", "Points a week, 7d", OF_HISTORY, 168 * POINTS_AN_HOUR),
    (DROIDS_BOARD, "Code quality trend", "Points a week, 30d", OF_HISTORY, 168 * POINTS_AN_HOUR),
    # Differences go from -0.9 to 1.1 and back, so their deviation is 1.
    (DROIDS_BOARD, "Code quality trend", "Volatility, 7d", OF_HISTORY, 1 / math.sqrt(2)),
]
"""
The same where a sum of parts, or the hour of the day, leaves something open.
"""


@pytest.mark.parametrize(("uid", "title", "column", "variables", "value"), NEARLY)
def test_values_are_nearly_true(shown, uid, title, column, variables, value):
    """
    Slopes and deviations of medians.
    """
    assert shown.one(uid, title, column, **variables) == pytest.approx(value, rel=0.03)


def test_bottlenecks_are_those_of_the_sample(shown):
    """
    It leaves queries unanswered, and integrates four of its six results.
    """
    found = shown.panel(PATTERNS_BOARD, "Bottlenecks", "Impact", **GRPC)
    said = {(dict(labels)["kind"], dict(labels)["subject"]): impact for labels, impact in found.items()}

    assert said["integration", PATTERN] == pytest.approx(100 * 2 / 6)
    assert ("integration", PATTERN) in said
    assert {kind for kind, _ in said} <= {"integration", "phase_duration", "communication"}


def test_recommendations_are_those_of_the_sample(shown):
    """
    Every second session fails, so the failure points are named: surely, from twelve.
    """
    found = shown.panel(OVERVIEW_BOARD, "Recommendations", "Impact", **GRPC)
    said = {(dict(labels)["rule"], dict(labels)["subject"]): impact for labels, impact in found.items()}

    assert said["review_failure_points", PATTERN] == pytest.approx(100 * (0.85 - 0.5) / 0.85)
    assert all(dict(labels)["why"] == dict(labels)["rule"] for labels in found)


def test_assignments_are_judged_as_they_went(shown):
    """
    The architect completes all of its twelve tasks, the other droid half of them.
    """
    lower_bounds = {ARCHITECT: wilson_interval(12, 12)[0], Plan.droid: wilson_interval(6, 12)[0]}
    expected = {ARCHITECT: 1, Plan.droid: 0.5}

    for title, values in (("Effectiveness", lower_bounds), ("Expected success", expected)):
        found = shown.panel(PATTERNS_BOARD, f"{title} by pattern and droid", **GRPC)
        cells = {(dict(labels)["row"], dict(labels)["droid"]): value for labels, value in found.items()}
        assert cells == pytest.approx(
            {(f"sample-grpc / {PATTERN}", droid): value for droid, value in values.items()}
        )


@pytest.mark.parametrize("status", ["Status over time", "KPIs of each droid"])
def test_a_droids_status_is_the_true_one(shown, status):
    """
    Half of what the sample's droid tries fails: degraded.
    """
    column = "A" if status == "Status over time" else "Status"

    assert shown.one(DROIDS_BOARD, status, column, **CODER) == 3


@pytest.mark.parametrize(("uid", "title", "column", "variables", "value"), KNOWN)
def test_values_are_true(shown, uid, title, column, variables, value):
    """
    Means, prices, states: what no counter of the truth says.
    """
    assert shown.one(uid, title, column, **variables) == pytest.approx(value, rel=1e-6)
