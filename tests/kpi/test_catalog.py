"""
The catalogue: all KPIs, nothing else, each with its samples.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from droidscope.conventions import metrics
from droidscope.conventions.metrics import KPIS, WINDOWS, samples_of
from droidscope.facts.facts import ScoreSums, SessionsEnded
from droidscope.facts.windows import Windows
from droidscope.kpi.catalog import DROID_KPIS, ORCHESTRATOR_KPIS, PATTERN_KPIS, gauges
from droidscope.units import MINUTE_NS, SECOND_NS
from every_series import UNWEIGHTED
from kpi import test_communication, test_efficiency, test_patterns, test_quality, test_ratios
from kpi.history import FULL, History, Task, histories

NOW = 1_760_000_000_000_000_000
ACME = ("acme", "prod")
IN_FULL = {
    spec: expected
    for family in (test_ratios, test_communication, test_efficiency, test_quality, test_patterns)
    for spec, expected in family.IN_FULL.items()
}
"""
What each KPI must show of the full history.
"""


def windows_of(history, orchestrator=ACME, end_ns=NOW - SECOND_NS):
    """
    Windows into which all of the history has just ended.
    """
    windows = Windows()
    for key, amount in history.facts():
        windows.add(orchestrator, end_ns, key, amount)
    return windows


def seen(windows, now_ns=NOW):
    """
    What a reader sees of windows.
    """
    return windows.snapshot(now_ns, WINDOWS)


def test_every_kpi_is_in_the_catalogue_once_and_nothing_else():
    """
    The three lists are exactly the KPI gauges of the metric catalogue.
    """
    listed = [kpi.spec for kpi in (*ORCHESTRATOR_KPIS, *DROID_KPIS, *PATTERN_KPIS)]

    assert sorted(listed) == sorted(KPIS)


@pytest.mark.parametrize(
    "kpi", [*ORCHESTRATOR_KPIS, *DROID_KPIS, *PATTERN_KPIS], ids=lambda kpi: kpi.spec.name
)
def test_ratios_and_scores_have_samples(kpi):
    """
    Every ratio and score but the weights has a samples sibling; money has none.
    """
    expects_samples = kpi.spec.name.endswith(("_ratio", "_score")) and kpi.spec not in UNWEIGHTED

    assert (kpi.samples is not None) == expects_samples


@pytest.mark.parametrize(
    ("kpis", "labels"),
    [
        (ORCHESTRATOR_KPIS, ("window",)),
        (DROID_KPIS, ("droid", "window")),
        (PATTERN_KPIS, ("pattern", "window")),
    ],
    ids=["orchestrator", "droid", "pattern"],
)
def test_kpis_of_a_subject_have_its_labels(kpis, labels):
    """
    What a list is about is what its metrics are labelled with.
    """
    assert {kpi.spec.labels for kpi in kpis} == {labels}


def test_a_full_history_yields_every_kpi_in_every_window():
    """
    With data for all of them, each KPI and each sibling appears once a window and subject.
    """
    found = [(spec, labels) for spec, labels, _ in gauges(seen(windows_of(FULL)), {"bug-fix": 1.0})]
    full_droid = [(spec, labels) for spec, labels in found if "tester" not in labels]
    subjects = {"droid": ("coder",), "pattern": ("bug-fix",)}
    siblings = [
        samples_of(spec)
        for spec in KPIS
        if spec.name.endswith(("_ratio", "_score")) and spec not in UNWEIGHTED
    ]
    expected = [
        (spec, (*ACME, *subjects.get(spec.labels[0], ()), window))
        for spec in (*KPIS, *siblings)
        for window in WINDOWS
    ]

    assert sorted(full_droid) == sorted(expected)


def test_samples_are_denominators_or_counts():
    """
    Each sibling carries the denominator of its value, else its n; composites carry tasks ended.
    """
    samples = {
        spec.name: value
        for spec, labels, value in gauges(seen(windows_of(FULL)), {"bug-fix": 1.0})
        if labels[-1] == "1h" and "tester" not in labels and spec.name.endswith("_samples")
    }

    assert samples == {
        f"{spec.name}_samples": expected.samples
        for spec, expected in IN_FULL.items()
        if expected.samples is not None
    }


def test_values_of_the_full_history():
    """
    Each metric shows the KPI of its own name.
    """
    values = {
        spec: value
        for spec, labels, value in gauges(seen(windows_of(FULL)), {"bug-fix": 0.5})
        if labels[-1] == "7d" and "tester" not in labels and spec in KPIS
    }

    assert {spec.name for spec in values} == {spec.name for spec in IN_FULL}
    assert values == pytest.approx({spec: expected.value for spec, expected in IN_FULL.items()})


def test_nothing_known_nothing_shown():
    """
    Without facts, and once they are older than a week, the page has no KPI at all.
    """
    windows = windows_of(FULL)

    assert list(gauges(seen(Windows()))) == []
    assert list(gauges(seen(windows, NOW + 8 * 1440 * MINUTE_NS))) == []


def test_a_weight_shows_even_where_the_score_is_withheld():
    """
    A droid of whom only the quality is known: a quarter of the weight, no efficiency.
    """
    history = History(tasks=[Task("", "coder", "testing", "completed", 1, 90.0, None, None)])
    score_only = [(key, amount) for key, amount in history.facts() if isinstance(key, ScoreSums)]
    windows = Windows()
    for key, amount in score_only:
        windows.add(ACME, NOW - 1, key, amount)
    shown = {spec: value for spec, _, value in gauges(seen(windows))}

    assert shown[metrics.DROID_EFFICIENCY_WEIGHT] == 0.25
    assert metrics.DROID_EFFICIENCY_SCORE not in shown


def test_orchestrators_are_kept_apart():
    """
    What one orchestrator does shows under its own labels only.
    """
    windows = windows_of(FULL)
    windows.add(("other", ""), NOW - 1, SessionsEnded(pattern="bug-fix", outcome="lost"), 1)
    success = {
        labels: value
        for spec, labels, value in gauges(seen(windows))
        if spec == metrics.SESSION_SUCCESS_RATIO and labels[-1] == "1h"
    }

    assert success == {(*ACME, "1h"): 1.0, ("other", "", "1h"): 0.0}


@settings(deadline=None)
@given(histories)
def test_whatever_happens_values_stay_on_their_scale(history):
    """
    Ratios within 0 and 1, scores within 0 and 100, samples and money not negative.
    """
    upper = {"ratio": 1, "score": 100}

    for spec, _, value in gauges(seen(windows_of(history)), {"bug-fix": 1.0}):
        assert 0 <= value <= upper.get(spec.name.rsplit("_", 1)[1], float("inf")), spec.name
