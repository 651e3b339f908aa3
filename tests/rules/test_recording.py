"""
Every recording rule has a value that was worked out by hand, over each window, from two exporters.
"""

from __future__ import annotations

import os
import re

import pytest
import yaml

from droidscope.rules import recordings
from droidscope.rules.recorded_kpis import KPIS
from rendered import RECORDINGS, ROOT, run

EVENTS = {
    'sessions_total{instance="a", pattern="p", outcome="completed"}': 6,
    'sessions_total{instance="b", pattern="p", outcome="failed"}': 1,
    'sessions_total{instance="b", pattern="p", outcome="lost"}': 3,
    'sessions_recovered_total{instance="b", pattern="p", outcome="completed"}': 2,
    'session_duration_seconds_sum{instance="a", pattern="p", outcome="completed"}': 3600,
    'session_duration_seconds_sum{instance="a", pattern="p", outcome="failed"}': 99,
    'session_duration_seconds_count{instance="a", pattern="p", outcome="completed"}': 6,
    'session_duration_seconds_count{instance="a", pattern="p", outcome="failed"}': 1,
    'session_duration_seconds_bucket{instance="a", pattern="p", outcome="completed", le="300.0"}': 0,
    'session_duration_seconds_bucket{instance="a", pattern="p", outcome="completed", le="600.0"}': 3,
    'session_duration_seconds_bucket{instance="a", pattern="p", outcome="completed", le="900.0"}': 6,
    'session_duration_seconds_bucket{instance="a", pattern="p", outcome="completed", le="+Inf"}': 6,
    'conflicts_total{instance="a", pattern="p", phase="build", conflict_type="schema"}': 2,
    'syntheses_total{instance="a", pattern="p", outcome="integrated"}': 3,
    'syntheses_total{instance="b", pattern="p", outcome="conflict"}': 1,
    'cost_usd_total{instance="a", pattern="p", droid="coder", model="opus"}': 9,
    'cost_usd_total{instance="b", pattern="p", droid="coder", model="haiku"}': 3,
    'phases_total{instance="a", pattern="p", phase="build", outcome="completed"}': 9,
    'phases_total{instance="a", pattern="p", phase="build", outcome="failed"}': 1,
    'phases_total{instance="a", pattern="p", phase="build", outcome="skipped"}': 5,
    'phases_total{instance="a", pattern="p", phase="build", outcome="blocked"}': 2,
    'phase_duration_seconds_sum{instance="a", pattern="p", phase="build"}': 900,
    'phase_duration_seconds_count{instance="a", pattern="p", phase="build"}': 9,
    'phase_duration_seconds_bucket{instance="a", pattern="p", phase="build", le="60.0"}': 0,
    'phase_duration_seconds_bucket{instance="a", pattern="p", phase="build", le="120.0"}': 9,
    'phase_duration_seconds_bucket{instance="a", pattern="p", phase="build", le="+Inf"}': 9,
    'tasks_total{instance="a", droid="coder", task_type="x", outcome="completed"}': 6,
    'tasks_total{instance="b", droid="coder", task_type="y", outcome="failed"}': 4,
    'task_duration_seconds_sum{instance="a", droid="coder", task_type="x"}': 240,
    'task_duration_seconds_count{instance="a", droid="coder", task_type="x"}': 4,
    'task_duration_seconds_bucket{instance="a", droid="coder", task_type="x", le="15.0"}': 0,
    'task_duration_seconds_bucket{instance="a", droid="coder", task_type="x", le="60.0"}': 2,
    'task_duration_seconds_bucket{instance="a", droid="coder", task_type="x", le="120.0"}': 4,
    'task_duration_seconds_bucket{instance="a", droid="coder", task_type="x", le="+Inf"}': 4,
    'attempts_total{instance="a", droid="coder", task_type="x", outcome="succeeded"}': 16,
    'attempts_total{instance="b", droid="coder", task_type="y", outcome="failed"}': 4,
    'retries_total{instance="b", droid="coder", task_type="y"}': 6,
    'queries_total{instance="a", droid="coder", outcome="answered"}': 3,
    'queries_total{instance="b", droid="coder", outcome="unanswered"}': 1,
    'query_response_credit_total{instance="a", droid="coder"}': 2.4,
    'query_response_seconds_sum{instance="a", droid="coder"}': 90,
    'query_response_seconds_count{instance="a", droid="coder"}': 3,
    'test_coverage_score_sum{instance="a", droid="coder"}': 160,
    'test_coverage_score_count{instance="a", droid="coder"}': 2,
    'security_score_sum{instance="a", droid="coder"}': 180,
    'security_score_count{instance="a", droid="coder"}': 2,
    'code_quality_score_sum{instance="a", pattern="p", droid="coder", task_type="x"}': 120,
    'code_quality_score_count{instance="a", pattern="p", droid="coder", task_type="x"}': 2,
    'code_quality_score_sum{instance="b", pattern="p", droid="coder", task_type="y"}': 90,
    'code_quality_score_count{instance="b", pattern="p", droid="coder", task_type="y"}': 1,
    'messages_total{instance="a", sender="coder", message_type="status", outcome="accepted"}': 12,
    'messages_total{instance="b", sender="coder", message_type="query", outcome="answered"}': 4,
    'messages_total{instance="b", sender="coder", message_type="query", outcome="late"}': 2,
    'messages_total{instance="b", sender="coder", message_type="query", outcome="unanswered"}': 1,
    'messages_total{instance="b", sender="coder", message_type="status", outcome="rejected"}': 1,
    'model_requests_total{instance="a", model="opus", outcome="succeeded"}': 18,
    'model_requests_total{instance="b", model="opus", outcome="failed"}': 2,
    'model_request_duration_seconds_sum{instance="a", model="opus"}': 100,
    'model_request_duration_seconds_count{instance="a", model="opus"}': 20,
}
"""
What happened in the third minute, by counter: `orchestrator_` goes before each name.
"""

WHO = {
    "orchestrator": "",
    "pattern": ', pattern="p"',
    "pattern_phase": ', pattern="p", phase="build"',
    "pattern_droid": ', droid="coder", pattern="p"',
    "droid": ', droid="coder"',
    "model": ', model="opus"',
}
"""
The one subject of each level.
"""

EXPECTED = {
    "pattern:sessions:increase": 10,
    "pattern:sessions_unsuccessful:increase": 2,  # one failed, three lost, two of them came back
    "pattern:session_duration_seconds_sum:increase": 3600,
    "pattern:session_duration_seconds_count:increase": 6,
    "pattern:conflicts:increase": 2,
    "pattern:syntheses:increase": 4,
    "pattern:syntheses_integrated:increase": 3,
    "pattern:cost_usd:increase": 12,
    "pattern_phase:phases:increase": 10,
    "pattern_phase:phases_completed:increase": 9,
    "pattern_phase:phase_duration_seconds_sum:increase": 900,
    "pattern_phase:phase_duration_seconds_count:increase": 9,
    "droid:tasks:increase": 10,
    "droid:tasks_completed:increase": 6,
    "droid:task_duration_seconds_sum:increase": 240,
    "droid:task_duration_seconds_count:increase": 4,
    "droid:attempts:increase": 20,
    "droid:attempts_failed:increase": 4,
    "droid:retries:increase": 6,
    "droid:queries:increase": 4,
    "droid:query_response_credit:increase": 2.4,
    "droid:query_response_seconds_sum:increase": 90,
    "droid:query_response_seconds_count:increase": 3,
    "droid:test_coverage_score_sum:increase": 160,
    "droid:test_coverage_score_count:increase": 2,
    "droid:security_score_sum:increase": 180,
    "droid:security_score_count:increase": 2,
    "pattern_droid:code_quality_score_sum:increase": 210,
    "pattern_droid:code_quality_score_count:increase": 3,
    "orchestrator:messages:increase": 20,
    "orchestrator:messages_delivered:increase": 16,
    "model:model_requests:increase": 20,
    "model:model_requests_failed:increase": 2,
    "model:model_request_duration_seconds_sum:increase": 100,
    "model:model_request_duration_seconds_count:increase": 20,
    "orchestrator:task_completion:ratio_increase": 0.6,
    "orchestrator:session_success:ratio_increase": 0.8,
    "orchestrator:phase_success:ratio_increase": 0.9,
    "orchestrator:error:ratio_increase": 0.2,
    "orchestrator:retry:ratio_increase": 0.3,
    "orchestrator:integration_success:ratio_increase": 0.75,
    "orchestrator:communication_success:ratio_increase": 0.8,
    "orchestrator:communication_conflict:ratio_increase": 0.1,
    "orchestrator:communication_efficiency:ratio_increase": 0.72,  # 0.8 x (1 - 0.1)
    "orchestrator:session_duration_seconds:mean_increase": 600,
    "orchestrator:phase_duration_seconds:mean_increase": 100,
    "orchestrator:task_duration_seconds:mean_increase": 60,
    "droid:task_completion:ratio_increase": 0.6,
    "droid:error:ratio_increase": 0.2,
    "droid:retry:ratio_increase": 0.3,
    "droid:response_score:mean_increase": 60,  # 100 x 2.4 / 4
    "droid:code_quality_score:mean_increase": 70,
    "droid:test_coverage_score:mean_increase": 80,
    "droid:security_score:mean_increase": 90,
    "droid:task_duration_seconds:mean_increase": 60,
    "droid:query_response_seconds:mean_increase": 30,
    "pattern:session_success:ratio_increase": 0.8,
    "pattern:cost_per_success_usd:ratio_increase": 1.5,  # 12 dollars, 8 successes
    "pattern:code_quality_score:mean_increase": 70,
    "pattern:session_duration_seconds:mean_increase": 600,
    "pattern_phase:phase_duration_seconds:mean_increase": 100,
    "model:model_request_failure:ratio_increase": 0.1,
    "model:model_request_duration_seconds:mean_increase": 5,
    "pattern:session_duration_seconds:p50_increase": 600,  # the third of six is the last of its bucket
    "pattern:session_duration_seconds:p95_increase": 870,
    "pattern_phase:phase_duration_seconds:p50_increase": 90,
    "pattern_phase:phase_duration_seconds:p95_increase": 117,
    "droid:task_duration_seconds:p50_increase": 60,
    "droid:task_duration_seconds:p95_increase": 114,
}
"""
Values by name, without `orchestrator_` and the window.
"""


def short(name):
    """
    A recorded name without what all have in common.
    """
    return re.sub(r"(1h|24h|7d)$", "", name.replace(":orchestrator_", ":", 1))


def judge(folder, expectations):
    """
    Let promtool evaluate all recording rules on the events, and compare.
    """
    document = {
        "rule_files": [
            os.path.relpath(ROOT / "prometheus/rules" / name, folder)
            for name in ("recording.yml", "recording-week.yml")
        ],
        "evaluation_interval": "1m",
        "group_eval_order": [group.name for group in recordings.GROUPS],
        "tests": [
            {
                "interval": "1m",
                "input_series": [
                    {
                        "series": "orchestrator_" + series.replace("{", '{orchestrator="atlas", '),
                        "values": f"0 0 {amount}x200",
                    }
                    for series, amount in EVENTS.items()
                ],
                "promql_expr_test": expectations,
            }
        ],
    }
    path = folder / "test.yml"
    path.write_text(yaml.safe_dump(document))

    done = run("promtool", "test", "rules", path)

    assert done.returncode == 0, (done.stdout + done.stderr)[:4000]


@pytest.mark.server("promtool")
def test_values(tmp_path):
    """
    An hour after everything happened all windows say the same.

    To a millionth, since promtool compares floating-point numbers to the last bit.
    """
    # What is 0 cannot be divided by: EVENTS needs one that makes it something else.
    assert [name for name, value in EXPECTED.items() if not value] == []
    judge(
        tmp_path,
        [
            {
                "expr": f"abs({rule.name} / {EXPECTED[short(rule.name)]} - 1) < bool 1e-6",
                "eval_time": "60m",
                "exp_samples": [
                    {
                        "labels": f'{{orchestrator="atlas"{WHO[rule.name.partition(":")[0]]}}}',
                        "value": 1,
                    }
                ],
            }
            for rule in RECORDINGS
        ],
    )


@pytest.mark.server("promtool")
def test_an_hour_is_over_after_an_hour(tmp_path):
    """
    Two hours later nothing is known of the last hour: absent, not 0 and not NaN. A day and a week remember.
    """
    ratios = [kpi.rule for kpis in KPIS.values() for kpi in kpis]
    judge(
        tmp_path,
        [
            {
                "expr": f"count({rule.name})",
                "eval_time": "130m",
                "exp_samples": [] if rule.name.endswith("1h") else [{"labels": "{}", "value": 1}],
            }
            for rule in ratios
        ],
    )


def test_every_rule_has_a_value():
    """
    And no value is of a rule that does not exist.
    """
    assert {short(rule.name) for rule in RECORDINGS} == set(EXPECTED)
