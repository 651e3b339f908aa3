"""
Outcomes that ratios are not over change no rule: the same happens to two orchestrators, and to one of them
also what was cancelled, is unknown, waits, or has an outcome that nobody knows yet.
"""

from __future__ import annotations

import os

import pytest
import yaml

from droidscope.conventions import metrics
from droidscope.conventions.metrics import CATALOGUE
from droidscope.rules import recordings
from every_series import OUTCOMES, samples
from rendered import RECORDINGS, ROOT, alert_rules, run

MINUTES = 100
OTHERS = ("cancelled", "unknown", "waiting", "xyzzy")
BAD = {"failed", "lost", "unanswered", "rejected", "conflict", "gate_failed"}
SCENARIOS = {"well": 0, "badly": 1}
"""
How fast what is bad rises, beside everything else.
"""


def domain_families():
    return [family for family in CATALOGUE if family.name.startswith("orchestrator_")]


def text(name, labels):
    pairs = ", ".join(f'{label}="{value}"' for label, value in labels.items())
    return f"{name}{{{pairs}}}"


def judged_series(orchestrator, share):
    """
    Everything there is with outcomes that are judged; *share* is how fast what is bad rises.
    """
    for family in domain_families():
        for name, labels, slope in samples(family):
            if slope is None or labels.get("outcome") in OTHERS:
                continue
            rise = slope * share if labels.get("outcome") in BAD else slope
            yield text(name, {**labels, "orchestrator": orchestrator}), f"0+{rise}x{MINUTES}"


def other_series(orchestrator):
    """
    A great deal of every other outcome. What was lost and then cancelled leaves the lost ones: it is none of
    these, and is left to the next test.
    """
    for family in domain_families():
        if "outcome" not in family.labels:
            continue
        words = OTHERS if family is not metrics.SESSIONS_RECOVERED else ("waiting", "xyzzy")
        first = OUTCOMES[family][0]
        for name, labels, slope in samples(family):
            if labels["outcome"] == first:
                for word in words:
                    other = {**labels, "orchestrator": orchestrator, "outcome": word}
                    yield text(name, other), f"0+{1000 * slope}x{MINUTES}"


def same_for_both(expr):
    """
    That a series is the same of both orchestrators, where one has it at all.
    """
    plain, mixed = (expr.replace("WHO", who) for who in ("plain", "mixed"))
    yield {"expr": f"({plain}) unless ignoring (orchestrator) ({mixed})", "exp_samples": []}
    yield {"expr": f"({mixed}) unless ignoring (orchestrator) ({plain})", "exp_samples": []}
    yield {"expr": f"({plain}) != ignoring (orchestrator) ({mixed})", "exp_samples": []}


def some(expr):
    return {"expr": f"count({expr}) > bool 0", "exp_samples": [{"labels": "{}", "value": 1}]}


def judge(folder, series, expectations):
    """
    Let promtool evaluate all rules on *series*, and compare at the end of each ten minutes.
    """
    files = ("recording.yml", "recording-week.yml", "alerts.yml")
    document = {
        "rule_files": [os.path.relpath(ROOT / "prometheus/rules" / name, folder) for name in files],
        "evaluation_interval": "1m",
        "group_eval_order": [group.name for group in recordings.GROUPS],
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in series],
                "promql_expr_test": [
                    {**one, "eval_time": f"{minute}m"} for minute in (70, 85, MINUTES) for one in expectations
                ],
            }
        ],
    }
    path = folder / "test.yml"
    path.write_text(yaml.safe_dump(document))

    done = run("promtool", "test", "rules", path)

    assert done.returncode == 0, (done.stdout + done.stderr)[:4000]


@pytest.mark.server("promtool")
@pytest.mark.parametrize("share", SCENARIOS.values(), ids=SCENARIOS)
def test_other_outcomes_change_no_rule(share, tmp_path):
    """
    The same recorded series with the same values, and the same alerts, firing and pending.
    """
    series = [*judged_series("plain", share), *judged_series("mixed", share), *other_series("mixed")]
    expectations = [
        one
        for rule in RECORDINGS
        for one in (*same_for_both(f'{rule.name}{{orchestrator="WHO"}}'), some(rule.name))
        if not rule.name.endswith("7d")
    ]
    names = "|".join(sorted({rule["alert"] for rule in alert_rules()}))
    alerts = f'ALERTS{{alertname=~"{names}", orchestrator="WHO"}}'
    expectations += same_for_both(alerts)
    if share:
        expectations.append(some(alerts.replace("WHO", "plain")))

    judge(tmp_path, series, expectations)


@pytest.mark.server("promtool")
def test_what_was_lost_and_is_cancelled_in_truth_is_in_no_ratio(tmp_path):
    """
    It leaves the lost ones and the ended ones; of four that remain, one failed.
    """
    counts = {
        ("orchestrator_sessions_total", "completed"): 3,
        ("orchestrator_sessions_total", "failed"): 1,
        ("orchestrator_sessions_total", "lost"): 5,
        ("orchestrator_sessions_total", "cancelled"): 7,
        ("orchestrator_sessions_total", "unknown"): 9,
        ("orchestrator_sessions_recovered_total", "cancelled"): 5,
    }
    series = [
        (text(name, {"orchestrator": "atlas", "pattern": "p", "outcome": outcome}), f"0 {n}x{MINUTES}")
        for (name, outcome), n in counts.items()
    ]

    judge(
        tmp_path,
        series,
        [
            {
                "expr": "round(100 * pattern:orchestrator_session_success:ratio_increase24h)",
                "exp_samples": [{"labels": '{orchestrator="atlas", pattern="p"}', "value": 75}],
            },
            {"expr": 'ALERTS{alertname="OrchestratorSessionsLost"}', "exp_samples": []},
        ],
    )
