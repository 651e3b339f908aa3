"""
Rules say what the thresholds say, Prometheus takes them, and each alert has its test and its runbook.
"""

from __future__ import annotations

import re

import pytest
import yaml

from droidscope.conventions import thresholds
from droidscope.mixin import recording
from droidscope.mixin.promql import number
from rendered import ROOT, alert_rules, boards, recording_rules, run

RULE_TESTS = sorted((ROOT / "tests/prometheus").glob("*.yml"))


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


@pytest.mark.parametrize("rule", alert_rules(), ids=lambda rule: rule["alert"])
def test_every_alert_is_tested_firing_and_not_firing(rule):
    """
    The rule tests expect each rule's own summary somewhere, and silence of its name somewhere.
    """
    cases = [
        case
        for path in RULE_TESTS
        for test in yaml.safe_load(path.read_text())["tests"]
        for case in test.get("alert_rule_test", ())
        if case["alertname"] == rule["alert"]
    ]
    summaries = {
        alert["exp_annotations"]["summary"] for case in cases for alert in case.get("exp_alerts", ())
    }

    assert rule["annotations"]["summary"] in summaries
    assert rule["alert"] == "Watchdog" or any(not case.get("exp_alerts") for case in cases)


@pytest.mark.parametrize("limit", thresholds.ALERTS, ids=lambda limit: limit.name)
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
        (thresholds.RESPONSE_TIME_HIGH, number(thresholds.RESPONSE_TIME_HIGH.limit), "5 min"),
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


@pytest.mark.parametrize("limit", thresholds.ALERTS, ids=lambda limit: limit.name)
def test_minimum_volume_has_half_a_unit_of_slack(limit):
    """
    `increase` is fractional, so n >= 5 is written > 4.5.
    """
    rule = rules_of(limit.name)[0]

    assert (limit.minimum == 0) or f"> {number(limit.minimum - 0.5)})" in rule["expr"]


def test_rules_are_the_specified_ones_and_those_about_the_exporter():
    """
    No alert is missing and none is unheard of.
    """
    names = {rule["alert"] for rule in alert_rules()}

    assert names == {limit.name for limit in thresholds.ALERTS} | {
        "DroidscopeDown",
        "DroidscopeInstanceDown",
        "Watchdog",
    }


def test_every_alert_has_a_runbook_and_every_runbook_an_alert():
    """
    Pages and alerts correspond, and the link leads to the page.
    """
    pages = {path.stem: path.read_text() for path in (ROOT / "docs/runbooks").glob("*.md")}

    assert set(pages) == {rule["alert"] for rule in alert_rules()}
    for rule in alert_rules():
        assert (ROOT / rule["annotations"]["runbook_url"]).is_file()
        assert pages[rule["alert"]].startswith(f"# {rule['alert']}\n")


def test_every_alert_links_to_a_board_that_has_its_variables():
    """
    The link of an alert opens an existing board and sets variables this board has.
    """
    known = boards()
    for rule in alert_rules():
        url = rule["annotations"]["dashboard_url"]
        uid = re.search(r"/d/([\w-]+)", url)[1]
        variables = {variable["name"] for variable in known[uid]["templating"]["list"]}

        assert set(re.findall(r"var-(\w+)=", url)) <= variables


@pytest.mark.parametrize("rule", alert_rules(), ids=lambda rule: rule["alert"])
def test_sentences_name_only_labels_the_expression_keeps(rule):
    """
    A label that the aggregation drops would read as nothing.
    """
    named = set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
    kept = set(re.findall(r"\w+", " ".join(re.findall(r"by \(([^)]*)\)", rule["expr"]))))

    assert named <= kept | {"instance"}
    assert "$" not in rule["annotations"]["summary"]


def test_only_recorded_series_that_a_board_reads_are_kept():
    """
    A recording rule nobody reads is dropped.
    """
    read = "".join(str(board) for board in boards().values())

    assert [rule["record"] for rule in recording_rules()] == [rule.name for rule in recording.RECORDINGS]
    for rule in recording_rules():
        assert rule["record"] in read
        assert re.fullmatch(r"[a-z_]+:[a-z_]+:[a-z0-9_]+", rule["record"])
