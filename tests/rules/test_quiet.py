"""
When nothing is wrong nobody is called: at rest, at a first start, while an exporter restarts.
"""

from __future__ import annotations

import os
import re

import pytest
import yaml

from droidscope.conventions import fleet_thresholds, metrics
from droidscope.conventions.metrics import CATALOGUE, KPIS, samples_of
from droidscope.limits.alert_limits import Adjustment, AlertLimits
from droidscope.rules.alerts import DOWN, INSTANCE_DOWN, WATCHDOG, Links, alert_groups
from every_series import samples
from rendered import ROOT, alert_rules, run

MINUTES = 100
NAMES = sorted({rule["alert"] for rule in alert_rules()} - {WATCHDOG})
AT = {"instance": "a:9788", "job": "droidscope"}

WELL = {
    metrics.SESSIONS_SILENT: 0,
    metrics.SESSIONS_STALLED: 0,
    metrics.SESSIONS_OVER_LIMIT: 0,
    metrics.FINDINGS_OPEN: 0,
    metrics.COMPLETENESS: 1,
    metrics.COLLECT_SUCCESS: 1,
    metrics.STORE_FREE_BYTES: 10**11,
    metrics.LABEL_VALUES: 20,
    metrics.LABEL_VALUES_LIMIT: 200,
}
"""
Gauges whose value an alert judges, when all is well.
"""
FROM_ZERO = (metrics.RECEIVED, metrics.REJECTED, metrics.INGEST_DURATION, metrics.FSYNC_DURATION)
"""
Counters of the process: they begin anew with it.
"""
GOOD = {"completed", "succeeded", "accepted", "answered", "integrated", "passed", "stored", None}
NEVER_GOOD = (
    metrics.SESSIONS_RECOVERED,
    metrics.SESSIONS_ENDED_OVER_LIMIT,
    metrics.RETRIES,
    metrics.FAILURES,
    metrics.CONFLICTS,
    metrics.UNPRICED_TOKENS,
    metrics.REJECTED,
    metrics.LATE_RECORDS,
    metrics.LABEL_OVERFLOW,
)
OF_OTHERS = {
    'prometheus_rule_evaluation_failures_total{instance="p", rule_group="rules/alerts.yml;droidscope-cost"}',
    'prometheus_notifications_errors_total{instance="p", alertmanager="m"}',
    'alertmanager_notifications_failed_total{instance="m", integration="webhook"}',
}


def every_series():
    """
    Family, name with labels, whether it rises, and whether what it counts is good.
    """
    for family in (*CATALOGUE, *map(samples_of, KPIS)):
        for name, labels, slope in samples(family):
            pairs = ", ".join(f'{label}="{value}"' for label, value in {**labels, **AT}.items())
            good = labels.get("outcome") in GOOD and family not in NEVER_GOOD
            yield family, f"{name}{{{pairs}}}", slope, good


def gauge(family, start, minutes):
    """
    A gauge from a minute on, for some minutes, with nothing wrong.
    """
    if family is metrics.LAST_RECEIPT:
        return f"{60 * start}+60x{minutes}"
    if family is metrics.SESSION_OLDEST_START:
        return f"{60 * start}x{minutes}"
    return f"{WELL.get(family, 20)}x{minutes}"


def idle():
    """
    Everything there is, long since, and nothing moves.
    """
    yield 'up{job="droidscope", instance="a:9788"}', f"1x{MINUTES}"
    for family, series, slope, _ in every_series():
        yield series, gauge(family, 0, MINUTES) if slope is None else f"700x{MINUTES}"
    yield from ((series, f"7x{MINUTES}") for series in OF_OTHERS)


def first_start():
    """
    A fresh Prometheus waits four minutes for an exporter, which then shows all that its store holds.
    """
    yield 'up{job="droidscope", instance="a:9788"}', f"_x4 1x{MINUTES}"
    for family, series, slope, _ in every_series():
        after = gauge(family, 4, MINUTES) if slope is None else f"77777x{MINUTES}"
        yield series, f"_x4 {after}"
    yield from ((series, f"_x4 7x{MINUTES}") for series in OF_OTHERS)


def restart():
    """
    A busy exporter at which all goes well is away for three minutes.
    """
    yield 'up{job="droidscope", instance="a:9788"}', "1x39 0x2 1x60"
    for family, series, slope, good in every_series():
        rise = 0 if not good else 180 if family.name.endswith("_score") and "_sum{" in series else slope
        if slope is None:
            yield series, f"{gauge(family, 0, 39)} stale _x2 {gauge(family, 43, 60)}"
        elif family in FROM_ZERO:
            yield series, f"500+{rise}x39 stale _x2 0+{rise}x60"
        else:
            yield series, f"500+{rise}x39 stale _x2 {500 + 40 * rise}+{rise}x60"


@pytest.mark.server("promtool")
@pytest.mark.parametrize("scenario", [idle, first_start, restart])
def test_no_alert(scenario, tmp_path):
    """
    No alert but the watchdog, in any of a hundred minutes.
    """
    judge(
        tmp_path,
        {
            "name": scenario.__name__,
            "interval": "1m",
            "input_series": [{"series": series, "values": values} for series, values in scenario()],
            "alert_rule_test": [
                {"eval_time": f"{minute}m", "alertname": name} for minute in range(MINUTES) for name in NAMES
            ],
        },
    )


@pytest.mark.server("promtool")
def test_too_many_series(tmp_path):
    """
    41 series of a metric alert after a quarter of an hour, and 40 no longer do.

    With a limit of 40, since promtool refuses queries of thousands of series.
    """
    name = fleet_thresholds.SERIES_LIMIT_NEAR.name
    rules = alert_groups(Links(), AlertLimits({name: Adjustment({"limit": 40})}))
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(rules))
    rule = next(rule for rule in alert_rules() if rule["alert"] == name)
    expected = {
        "exp_labels": {"orchestrator": "atlas", "family": "orchestrator_tasks_total", **rule["labels"]},
        "exp_annotations": {
            **rule["annotations"],
            "description": "orchestrator_tasks_total of atlas has 41 series; the limit is 40, 80% of "
            "where the rest is counted under `other`.",
            "dashboard_url": "http://127.0.0.1:3000/d/orchestrator-overview?var-orchestrator=atlas",
        },
    }
    series = 'orchestrator_tasks_total{job="droidscope", orchestrator="atlas", droid="d%s"}'
    judge(
        tmp_path,
        {
            "name": "many series",
            "interval": "1m",
            "input_series": [
                {"series": series % n, "values": "1x60" if n else "1x30 stale"} for n in range(41)
            ],
            "alert_rule_test": [
                {"eval_time": "14m", "alertname": name},
                {"eval_time": "15m", "alertname": name, "exp_alerts": [expected]},
                {"eval_time": "50m", "alertname": name},
            ],
        },
        tmp_path / "rules.yml",
    )


SHIPPED = tuple(ROOT / "prometheus/rules" / name for name in ("alerts.yml", "recording.yml"))
"""
All rules but those of the week, which no alert reads.
"""


def judge(folder, test, *files):
    """
    Let promtool run one test of these rule files, or of those that are shipped.
    """
    document = {
        "rule_files": [os.path.relpath(path, folder) for path in files or SHIPPED],
        "evaluation_interval": "1m",
        "tests": [test],
    }
    path = folder / "test.yml"
    path.write_text(yaml.safe_dump(document))

    done = run("promtool", "test", "rules", path)

    assert done.returncode == 0, (done.stdout + done.stderr)[:4000]


def test_everything_is_quiet_about_everything():
    """
    The scenarios ask about every alert, and show every metric that any reads.
    """
    assert {DOWN, INSTANCE_DOWN, *(limit.name for limit in fleet_thresholds.FLEET_ALERTS)} <= set(NAMES)
    for scenario in (idle, first_start):
        shown = {series.partition("{")[0] for series, _ in scenario()}
        for rule in alert_rules():
            read = set(
                re.findall(
                    r"\b(?:orchestrator|droidscope|prometheus|alertmanager)_\w+(?=[{\[)])", rule["expr"]
                )
            )
            assert read <= shown, rule["alert"]
