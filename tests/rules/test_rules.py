"""
Rules say what the thresholds say, Prometheus takes them, and each alert has its test and its runbook.
"""

from __future__ import annotations

import re

import pytest
import yaml

from droidscope.conventions import fleet_thresholds, thresholds
from droidscope.formatting import number
from droidscope.rules import recordings
from droidscope.rules.alerts import WATCHDOG
from droidscope.rules.recorded_kpis import KPIS
from droidscope.series.label_limits import SeriesLimits
from rendered import RECORDINGS, ROOT, alert_rules, boards, recording_rules, run

RULE_TESTS = sorted((ROOT / "tests/prometheus").glob("*.yml"))
LIMITS = (*thresholds.ALERTS, *fleet_thresholds.FLEET_ALERTS)


def rules_of(name: str) -> list[dict]:
    return [rule for rule in alert_rules() if rule["alert"] == name]


@pytest.mark.server("promtool")
@pytest.mark.parametrize("name", ["prometheus.yml", "compose.yml"])
def test_prometheus_takes_the_configuration(name):
    """
    The configuration loads with its rules, and lint finds nothing.
    """
    done = run("promtool", "check", "config", "--lint=all", "--lint-fatal", ROOT / "prometheus" / name)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.server("promtool")
@pytest.mark.parametrize("path", RULE_TESTS, ids=lambda path: path.stem)
def test_rules_behave_as_their_tests_say(path):
    """
    Every file of rule tests passes.
    """
    done = run("promtool", "test", "rules", path)

    assert done.returncode == 0, done.stdout + done.stderr


def cases_of(rule):
    """
    Of each test that judges the rule's alert: its name, and the minutes at which this rule fires and those at
    which nothing of its name does.
    """
    for document in map(yaml.safe_load, [path.read_text() for path in RULE_TESTS]):
        for test in document["tests"]:
            fires, silent = [], []
            for case in test.get("alert_rule_test", ()):
                if case["alertname"] != rule["alert"]:
                    continue
                minute = int(case["eval_time"].removesuffix("m"))
                said = {alert["exp_annotations"]["summary"] for alert in case.get("exp_alerts", ())}
                if rule["annotations"]["summary"] in said:
                    fires.append(minute)
                if not said:
                    silent.append(minute)
            step = int(document["evaluation_interval"].removesuffix("m"))
            yield test["name"], step, fires, silent


IN_PYTHON = {fleet_thresholds.SERIES_LIMIT_NEAR.name}
"""
Alerts whose tests are in test_quiet: dozens of series are not for writing down.
"""


@pytest.mark.parametrize(
    "rule",
    [rule for rule in alert_rules() if rule["alert"] not in IN_PYTHON],
    ids=lambda rule: rule["annotations"]["summary"],
)
def test_every_alert_is_tested_before_and_after_it_fires(rule):
    """
    Some test has it silent one step before it fires, and some silent again later; idle systems, restarts
    and starts are those of test_quiet.
    """
    cases = list(cases_of(rule))

    if rule["alert"] == WATCHDOG:
        assert any(fires for _, _, fires, _ in cases)
        return
    assert any(minute - step in silent for _, step, fires, silent in cases for minute in fires)
    assert any(min(fires) < max(silent) for _, _, fires, silent in cases if fires and silent)


@pytest.mark.parametrize("limit", [limit for limit in LIMITS if limit.minimum], ids=lambda limit: limit.name)
def test_every_minimum_is_tested(limit):
    """
    A test says what is too few, and nothing of the alert's name fires in it.
    """
    for rule in rules_of(limit.name):
        judged = [(fires, silent) for name, _, fires, silent in cases_of(rule) if "too few" in name]

        assert any(silent for _, silent in judged)


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.name)
def test_severity_action_and_hold_are_those_of_the_threshold(limit):
    """
    Whatever a rule says about urgency, the threshold said first.
    """
    for rule in rules_of(limit.name):
        assert rule["labels"]["severity"] == limit.severity
        assert rule["labels"]["category"] == limit.category
        assert rule["annotations"]["action"] == limit.action
        assert rule.get("for", "0m") == limit.hold
    assert rules_of(limit.name)


@pytest.mark.parametrize(
    ("limit", "compared", "spoken"),
    [
        (thresholds.LOW_SUCCESS_RATE, number(1 - thresholds.LOW_SUCCESS_RATE.limit), "70%"),
        (thresholds.HIGH_ERROR_RATE, number(thresholds.HIGH_ERROR_RATE.limit), "25%"),
        (thresholds.LOW_CODE_QUALITY, number(thresholds.LOW_CODE_QUALITY.limit), "60"),
        (thresholds.SECURITY_ISSUES, number(thresholds.SECURITY_ISSUES.limit), "0"),
        (thresholds.RESPONSE_TIME_HIGH, number(thresholds.RESPONSE_TIME_HIGH.limit), "5m"),
        (thresholds.COMMUNICATION_CONFLICTS, number(thresholds.COMMUNICATION_CONFLICTS.limit + 0.5), "0"),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_expression_and_sentence_have_the_limit(limit, compared, spoken):
    """
    The number compared is the threshold's, and the sentence gives it in the human unit.
    """
    rule = rules_of(limit.name)[0]

    assert re.search(rf"[<>] {re.escape(compared)}(\s|$)", rule["expr"])
    assert (
        f"the limit is {spoken}" in rule["annotations"]["description"]
        or f"of {spoken})" in (rule["annotations"]["description"])
    )


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.name)
def test_minimum_volume_has_half_a_unit_of_slack(limit):
    """
    `increase` is fractional, so n >= 5 is written > 4.5.
    """
    rule = rules_of(limit.name)[0]

    assert limit.minimum == 0 or re.search(rf"> {number(limit.minimum - 0.5)}\b", rule["expr"])


def test_rules_are_those_of_the_two_tables():
    """
    No alert is missing and none is unheard of; rules of one name are told apart by their cause.
    """
    rules = [(rule["alert"], rule["labels"].get("cause")) for rule in alert_rules()]

    assert {name for name, _ in rules} == {limit.name for limit in LIMITS} | {WATCHDOG}
    assert len(rules) == len(set(rules))


@pytest.mark.parametrize("rule", alert_rules(), ids=lambda rule: rule["annotations"]["summary"])
def test_every_alert_compares_and_absence_waits(rule):
    """
    An expression without a comparison fires on anything; what is absent for a moment is no outage.
    """
    expr = re.sub(r"\{[^}]*\}", "", rule["expr"])

    assert rule["alert"] == WATCHDOG or re.search(r"[<>]|==", expr)
    assert "absent(" not in expr or rule["for"]
    assert "irate(" not in expr


def test_the_objective_can_be_missed_that_fast():
    """
    The burn rate times the budget is below 1, or a total outage would not fire.
    """
    assert fleet_thresholds.OBJECTIVE_BURNING.limit == pytest.approx(
        fleet_thresholds.BURN_RATE * (1 - fleet_thresholds.SUCCESS_OBJECTIVE)
    )
    assert fleet_thresholds.OBJECTIVE_BURNING.limit < 1


def test_the_limit_of_series_is_four_fifths_of_the_exporters():
    """
    The alert comes before the exporter's default lumps together what exceeds it.
    """
    assert fleet_thresholds.SERIES_LIMIT_NEAR.limit == 0.8 * SeriesLimits().series


def test_every_alert_has_a_runbook_and_every_runbook_an_alert():
    """
    Pages and alerts correspond, and the link leads to the page.
    """
    pages = {path.stem: path.read_text() for path in (ROOT / "docs/runbooks").glob("*.md")}

    assert set(pages) == {rule["alert"] for rule in alert_rules()}
    for rule in alert_rules():
        assert (ROOT / rule["annotations"]["runbook_url"]).is_file()
        page = pages[rule["alert"]]
        assert page.startswith(f"# {rule['alert']}\n")
        for part in ("Meaning.", "First look.", "Likely causes", "What to do.", "Silence."):
            assert f"**{part}" in page, rule["alert"]
        assert rule["alert"] == WATCHDOG or f"`{rule['annotations']['action']}`" in " ".join(page.split())


def test_the_table_of_alerts_is_complete():
    """
    docs/alerts.md has each alert once, with its severity, its hold, its action and a link to its page.
    """
    rows = re.findall(
        r"^\| \[(\w+)\]\(runbooks/(\w+)\.md\) \| .+ \| (\w+) \| ([\w ]+) \| `(\w+)` \|$",
        (ROOT / "docs/alerts.md").read_text(),
        re.MULTILINE,
    )
    expected = {
        (
            rule["alert"],
            rule["alert"],
            rule["labels"]["severity"],
            rule.get("for", "at once"),
            rule["annotations"]["action"],
        )
        for rule in alert_rules()
    }

    assert set(rows) == expected
    assert len(rows) == len(expected)


def test_every_alert_links_to_a_board_that_has_its_variables():
    """
    The link of an alert opens an existing board and sets variables this board has.
    """
    known = boards()
    for rule in alert_rules():
        url = rule["annotations"]["dashboard_url"]
        uid = re.search(r"/d/([\w-]+)", url)[1]
        variables = {variable["name"] for variable in known[uid]["templating"]["list"]}

        asked = set(re.findall(r"var-(\w+)=", url))
        assert asked <= variables
        assert "orchestrator" in asked or "$labels.orchestrator" not in rule["annotations"]["description"]


@pytest.mark.parametrize("rule", alert_rules(), ids=lambda rule: rule["alert"])
def test_sentences_name_only_labels_the_expression_keeps(rule):
    """
    A label that the aggregation drops would read as nothing.
    """
    named = set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
    kept = set(re.findall(r"\w+", " ".join(re.findall(r"by \(([^)]*)\)", rule["expr"]))))
    kept = kept.union(*(one.labels for one in RECORDINGS if one.name in rule["expr"]))

    assert named <= kept | {"instance"}
    assert "$" not in rule["annotations"]["summary"]


def test_recorded_series_have_standard_names_and_a_reader():
    """
    Each is a KPI or a quantile, or is read by a board, an alert or another rule: one nobody reads is dropped.
    """
    kpis = {kpi.rule.name for window in KPIS.values() for kpi in window}
    texts = [
        *map(str, boards().values()),
        *(rule["expr"] for rule in (*alert_rules(), *recording_rules())),
    ]
    read = set(re.findall(r"\b[a-z_]+:[a-z_]+:[a-z0-9_]+\b", "".join(texts)))

    assert [rule["record"] for rule in recording_rules()] == [rule.name for rule in RECORDINGS]
    for rule in recording_rules():
        name = rule["record"]
        assert re.fullmatch(
            r"[a-z_]+:(orchestrator_[a-z_]+):(increase|(ratio|mean|p50|p95)_increase)(1h|24h|7d)", name
        )
        assert name in kpis or ":p" in name or name in read


def test_rule_files_have_no_key_that_an_older_prometheus_refuses():
    """
    Groups with labels, limits or offsets do not load in 2.42.
    """
    for path in (ROOT / "prometheus/rules").glob("*.yml"):
        for group in yaml.safe_load(path.read_text())["groups"]:
            assert set(group) <= {"name", "interval", "rules"}
            for rule in group["rules"]:
                assert set(rule) <= {
                    "alert",
                    "record",
                    "expr",
                    "for",
                    "keep_firing_for",
                    "labels",
                    "annotations",
                }


def test_a_group_is_evaluated_before_its_series_go_stale():
    """
    A series is gone five minutes after its last sample.
    """
    seconds = {"s": 1, "m": 60}

    for group in recordings.GROUPS:
        assert int(group.interval[:-1]) * seconds[group.interval[-1]] <= 150
