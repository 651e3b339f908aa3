"""
Limits of some: each orchestrator and pattern has exactly one, and a file that does not fit says why.
"""

from __future__ import annotations

import re

import promql_parser
import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from droidscope.commands import droidscope
from droidscope.conventions import metrics
from droidscope.conventions.attributes import Severity
from droidscope.conventions.fleet_thresholds import WATCHDOG
from droidscope.conventions.former_names import FORMER_ALERT_NAMES
from droidscope.conventions.thresholds import HIGH_ERROR_RATE, LOW_SUCCESS_RATE, SECURITY_ISSUES
from droidscope.errors import ConfigError
from droidscope.limits import overrides
from droidscope.limits.alert_limits import Adjustment, AlertLimits
from droidscope.rules.alerts import KINDS, Links, alert_groups, alerts_of
from droidscope.rules.promql import matchers
from rendered import ROOT, alert_rules, run

LOW = LOW_SUCCESS_RATE.name


def rules(text):
    """
    The alerting rules under a file of limits.
    """
    document = alert_groups(Links(), overrides.parse(yaml.safe_load(text)))
    return [rule for group in document["groups"] for rule in group["rules"]]


def of(name, found):
    return [rule for rule in found if rule["alert"] == name]


def faults(text):
    with pytest.raises(ConfigError) as caught:
        overrides.parse(yaml.safe_load(text))
    return str(caught.value).splitlines()


# --- what is rendered ---------------------------------------------------------------------------


def test_without_a_file_rules_are_those_that_are_shipped():
    """
    Nothing given changes nothing.
    """
    assert rules("{}") == alert_rules()


def test_some_findings_alone():
    """
    Only those of the severities given raise the alert, for all or for one pattern.
    """
    others, lab = of(
        SECURITY_ISSUES.name,
        rules("""
            OrchestratorSecurityFindingsOpen:
              finding_severities: [critical, high]
              overrides:
              - {pattern: lab, finding_severities: [critical]}
        """),
    )

    assert 'finding_severity=~"critical|high"' in others["expr"]
    assert 'finding_severity=~"critical"' in lab["expr"]


def test_only_findings_have_severities_of_their_own():
    """
    Another alert has none to set.
    """
    (fault,) = faults("OrchestratorSessionsLost: {finding_severities: [low]}")

    assert fault.startswith(
        "OrchestratorSessionsLost.finding_severities is [low]; expected no finding_severities"
    )


def test_a_limit_for_all():
    """
    The expression and the sentence have the new limit, window, minimum, hold and severity.
    """
    (rule,) = of(
        LOW,
        rules(f"{LOW}: {{limit: 0.5, window: 12h, minimum: 8, hold: 1h, severity: critical}}"),
    )

    assert "> 0.5\n" in rule["expr"]
    assert "> 7.5)" in rule["expr"]
    assert "[12h]" in rule["expr"]
    assert "[24h]" not in rule["expr"]
    assert "last 12h; the limit is 50%" in rule["annotations"]["description"]
    assert (rule["for"], rule["labels"]["severity"]) == ("1h", "critical")
    assert "override" not in rule["labels"]


def test_a_limit_of_one_pattern_takes_it_out_of_the_rule_of_the_others():
    """
    One rule for the pattern, one for all others, told apart by a label.
    """
    others, special = of(LOW, rules(f"{LOW}: {{overrides: [{{pattern: research, limit: 0.5}}]}}"))

    assert re.findall(r"pattern!?=\"[^\"]*\"", others["expr"]) == ['pattern!="research"'] * 9
    assert re.findall(r"pattern!?=\"[^\"]*\"", special["expr"]) == ['pattern="research"'] * 9
    assert ("> 0.3\n" in others["expr"], "> 0.5\n" in special["expr"]) == (True, True)
    assert ("override" in others["labels"], special["labels"]["override"]) == (False, "*/research")


def test_the_closer_limit_wins():
    """
    A pattern of an orchestrator goes before the pattern, that before the orchestrator; what a closer one
    leaves open comes from the wider.
    """
    text = f"""
        {LOW}:
          minimum: 6
          overrides:
          - {{orchestrator: atlas, limit: 0.6, hold: 1h}}
          - {{pattern: fix, limit: 0.5}}
          - {{orchestrator: atlas, pattern: fix, limit: 0.4}}
    """
    variants = overrides.parse(yaml.safe_load(text)).variants(LOW_SUCCESS_RATE)

    assert [(one.label, one.threshold.limit, one.threshold.hold) for one in variants] == [
        ("", 0.7, "5m"),
        ("*/fix", 0.5, "5m"),
        ("atlas", 0.6, "1h"),
        ("atlas/fix", 0.4, "1h"),
    ]
    assert {one.threshold.minimum for one in variants} == {6}


def test_an_alert_can_be_off():
    """
    For all, or for some alone.
    """
    found = rules(f"""
        {HIGH_ERROR_RATE.name}: {{enabled: false}}
        {LOW}: {{overrides: [{{orchestrator: lab, enabled: false}}]}}
    """)

    assert of(HIGH_ERROR_RATE.name, found) == []
    (rule,) = of(LOW, found)
    assert 'orchestrator!="lab"' in rule["expr"]


def test_sessions_without_a_pattern_can_have_limits_of_their_own():
    """
    Their rule has a label of its own, like any other override.
    """
    others, special = of(LOW, rules(f"{LOW}: {{overrides: [{{pattern: '', limit: 0.5}}]}}"))

    assert ("override" in others["labels"], special["labels"]["override"]) == (False, "*/")
    assert 'pattern=""' in special["expr"]


def test_a_merged_key_may_be_changed(tmp_path):
    """
    What repeats a key of YAML's merge is no key given twice.
    """
    (tmp_path / "limits.yml").write_text(
        f"{LOW}: &low {{limit: 0.5, hold: 0s}}\nOrchestratorDroidErrorRateHigh: {{<<: *low, limit: 0.4}}\n"
    )

    limits = overrides.load(tmp_path / "limits.yml").of_orchestrator(HIGH_ERROR_RATE)

    assert (limits.limit, limits.hold) == (0.4, "0s")


def test_names_are_taken_literally():
    """
    A quote, a backslash or a regular expression in a name is part of the name.
    """
    name = '.*"\\'
    limits = overrides.parse({LOW: {"overrides": [{"pattern": name, "limit": 0.5}]}})

    assert matchers(limits.variants(LOW_SUCCESS_RATE)[1]) == ('pattern=".*\\"\\\\"',)


places = st.sampled_from([None, "a", "b", "c"])
specials = st.lists(
    st.tuples(places, places, st.floats(0, 1) | st.none()), unique_by=lambda special: special[:2]
)


@given(specials)
def test_everyone_is_in_exactly_one_variant(chosen):
    """
    Whatever is overridden, each pair of names has one rule, with the limit of the closest override; where
    that is off, none.
    """
    listed = [
        {"orchestrator": orchestrator, "pattern": pattern}
        | ({"enabled": False} if limit is None else {"limit": limit})
        for orchestrator, pattern, limit in chosen
        if orchestrator or pattern
    ]
    variants = overrides.parse({LOW: {"overrides": listed}}).variants(LOW_SUCCESS_RATE)
    given_limits = {(one["orchestrator"], one["pattern"]): one for one in listed}

    for orchestrator in "abcd":
        for pattern in "abcd":
            holding = [one.threshold.limit for one in variants if one.covers(orchestrator, pattern)]
            selecting = [one.threshold.limit for one in variants if selects(one, orchestrator, pattern)]
            changes = {}
            for place in ((orchestrator, None), (None, pattern), (orchestrator, pattern)):
                changes |= given_limits.get(place, {})
            expected = changes.get("limit", LOW_SUCCESS_RATE.limit)
            assert holding == selecting == ([expected] if changes.get("enabled", True) else [])


def selects(variant, orchestrator, pattern):
    names = {"orchestrator": orchestrator, "pattern": pattern}
    for matcher in matchers(variant):
        label, sign, value = re.fullmatch(r'(\w+)(!?=)"(.*)"', matcher).groups()
        if (names[label] == value) != (sign == "="):
            return False
    return True


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.threshold.name)
@pytest.mark.parametrize(
    ("field", "value"),
    [("limit", 7.125), ("minimum", 77), ("window", "5h"), ("finding_severities", (Severity.LOW,))],
)
def test_what_can_be_set_is_what_the_condition_reads(kind, field, value):
    """
    A field that a file may change makes another condition, and one that it may not makes none.
    """
    name = kind.threshold.name
    kinds = [one for one in KINDS if one.threshold.name == name]
    changed = AlertLimits({name: Adjustment({field: value})})

    expressions = [
        [rule.expr for one in kinds for rule in alerts_of(one, limits)] for limits in (AlertLimits(), changed)
    ]

    assert (expressions[0] != expressions[1]) == (field in kind.threshold.settable)


@pytest.mark.parametrize(
    "kind",
    [kind for kind in KINDS if "orchestrator" in kind.threshold.by],
    ids=lambda kind: kind.threshold.name,
)
def test_every_alert_of_an_orchestrator_can_have_limits_of_some(kind):
    """
    Each selector of the special rule is narrowed, so that nothing of others gets in.
    """
    chosen = {label: "x" for label in ("orchestrator", "pattern") if label in kind.threshold.by}
    limits = overrides.parse({kind.threshold.name: {"overrides": [{**chosen, "hold": "3h"}]}})

    special = alerts_of(kind, limits)[-1]

    assert special.threshold.hold == "3h"
    for selector in selectors(promql_parser.parse(special.expr)):
        if selector.name not in OF_NOBODY:
            matchers = {(one.name, one.value) for one in selector.matchers.matchers}
            assert set(chosen.items()) <= matchers


OF_NOBODY = {metrics.LABEL_VALUES_LIMIT.name, "up"}
"""
Series that are no orchestrator's and are read beside those that are.
"""


def selectors(expr):
    """
    Instant selectors of a query, those of ranges too.
    """
    nodes = []
    promql_parser.walk(expr, pre_visit=nodes.append)
    ranges = [node.vector_selector for node in nodes if isinstance(node, promql_parser.MatrixSelector)]
    return [*ranges, *(node for node in nodes if isinstance(node, promql_parser.VectorSelector))]


# --- what does not fit --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            "SessionSuccesRateLow: {limit: 0.5}",
            "SessionSuccesRateLow is no alert; expected one of Orchestrator",
        ),
        (f"{LOW}: {{limit: 70}}", f"{LOW}.limit is 70; expected a ratio from 0 to 1"),
        (f"{LOW}: {{limit: high}}", f"{LOW}.limit is 'high'; input should be a valid number"),
        (f"{LOW}: {{limit: -1}}", f"{LOW}.limit is -1; input should be greater than or equal to 0"),
        (f"{LOW}: {{limit: .nan}}", f"{LOW}.limit is nan; input should be a finite number"),
        (f"{LOW}: {{minimum: 0}}", f"{LOW}.minimum is 0; input should be greater than or equal to 1"),
        (f"{LOW}: {{minimum: 2.5}}", f"{LOW}.minimum is 2.5; input should be a valid integer"),
        (f"{LOW}: {{hold: 5 min}}", f"{LOW}.hold is '5 min'; expected a duration in whole s, m, h or d"),
        (f"{LOW}: {{severity: page}}", f"{LOW}.severity is 'page'; input should be 'critical', 'high'"),
        (f"{LOW}: {{enabled: 'no'}}", f"{LOW}.enabled is 'no'; input should be a valid boolean"),
        (
            f"{LOW}: {{threshold: 0.5}}",
            f"{LOW}.threshold is 0.5; expected one of the keys enabled, ",
        ),
        (f"{LOW}: 0.5", f"{LOW} is 0.5; "),
        (
            "OrchestratorDroidCodeQualityLow: {limit: 101}",
            "OrchestratorDroidCodeQualityLow.limit is 101; expected points from 0 to",
        ),
        (
            f"{LOW}: {{overrides: [{{limit: 0.5}}]}}",
            f"{LOW}.overrides[0] names nobody; expected orchestrator, pattern or both",
        ),
        (
            f"{LOW}: {{overrides: [{{pattern: p, limit: 0.5}}, {{pattern: p, minimum: 9}}]}}",
            f"{LOW}.overrides[1] names p again; expected each place once",
        ),
        (
            f"{LOW}: {{overrides: [{{droid: coder, limit: 0.5}}]}}",
            f"{LOW}.overrides[0].droid is 'coder'; expected one of the keys enabled, finding_",
        ),
        (
            "OrchestratorDroidErrorRateHigh: {overrides: [{pattern: p, limit: 0.5}]}",
            (
                "OrchestratorDroidErrorRateHigh.overrides[0].pattern is 'p'; "
                "expected no pattern, since the alert is judged"
            ),
        ),
        (
            "DroidscopeDown: {overrides: [{orchestrator: atlas, hold: 1h}]}",
            "DroidscopeDown.overrides[0].orchestrator is 'atlas'; expected no orchestrator, since the alert",
        ),
        (
            "OrchestratorSessionDurationLong: {limit: 60}",
            (
                "OrchestratorSessionDurationLong.limit is 60; "
                "expected no limit, since this alert has none to set"
            ),
        ),
        (
            "OrchestratorSpendingHigh: {window: 6h}",
            "OrchestratorSpendingHigh.window is '6h'; expected no window, since this alert has none to set",
        ),
        (f"{LOW}: {{window: 0s}}", f"{LOW}.window is '0s'; expected a duration above zero"),
        (
            "OrchestratorSessionDurationLong: {window: 0m}",
            "OrchestratorSessionDurationLong.window is '0m'; expected a duration above zero",
        ),
        (
            "OrchestratorSpendingHigh: {hold: 99999999999d}",
            "OrchestratorSpendingHigh.hold is '99999999999d'; expected at most 30d",
        ),
        (
            "OrchestratorSessionsLost: {window: 200000d}",
            "OrchestratorSessionsLost.window is '200000d'; expected at most 30d",
        ),
        (
            f"{LOW}: {{overrides: [{{pattern: '', hold: 1h}}, {{orchestrator: '', hold: 2h}}]}}",
            f"{LOW}.overrides[1].orchestrator is ''; expected a name",
        ),
        (
            f"{LOW}: {{overrides: [{{pattern: '', hold: 1h}}, {{pattern: '', hold: 2h}}]}}",
            f"{LOW}.overrides[1] names the sessions without a pattern again; expected each place once",
        ),
        (
            f"{LOW}: {{overrides: [{{orchestrator: a/b, hold: 1h}}, {{orchestrator: a, pattern: b}}]}}",
            f"{LOW}.overrides makes two rules with the label 'a/b'; expected names that make one",
        ),
        (f"{LOW}:", f"{LOW} is empty; expected a mapping of keys, such as {{severity: low}}"),
        ("a: 1", "a is no alert; expected one of Orchestrator"),
        (
            f"{LOW}: {{overrides: [7]}}",
            f"{LOW}.overrides[0] is 7; expected a mapping of keys, such as {{severity: low}}",
        ),
        (
            f"{SECURITY_ISSUES.name}: {{finding_severities: []}}",
            f"{SECURITY_ISSUES.name}.finding_severities is []; expected at least one of critical",
        ),
    ],
)
def test_a_file_that_does_not_fit(text, fault):
    """
    One line names the key, the value and what was expected.
    """
    (line,) = faults(text)

    assert line.startswith(fault)


@pytest.mark.parametrize(
    ("former", "name"),
    [(former, name) for former, name in FORMER_ALERT_NAMES.items() if name != WATCHDOG],
)
def test_a_former_name_is_an_error_with_the_new_one(former, name):
    """
    Nothing is changed under a name that no alert has any more, and nobody has to search for the new one.
    """
    (line,) = faults(f"{former}: {{severity: low}}")

    assert line == f"{former} is called {name} now; expected its new name"


@pytest.mark.parametrize("name", ["Watchdog", "DroidscopeWatchdog"])
def test_the_watchdog_has_nothing_to_set(name):
    """
    Neither name leads to the other and then nowhere.
    """
    (line,) = faults(f"{name}: {{enabled: false}}")

    assert "has nothing to set, since it always fires" in line
    assert "expected one of" not in line


def test_faults_of_every_kind_are_told_at_once():
    """
    A value of the wrong type hides no other mistake.
    """
    told = faults(f"{LOW}: {{limit: high}}\nNobody: 1\nOrchestratorSessionsLost: {{window: 6h, limit: -1}}")

    assert [line.split()[0] for line in told] == [
        f"{LOW}.limit",
        "Nobody",
        "OrchestratorSessionsLost.limit",
    ]


def test_all_faults_are_told_at_once():
    """
    Nobody has to render three times to learn of three mistakes.
    """
    told = faults(f"{LOW}: {{limit: 7}}\nNobody: {{limit: 1}}\nDroidscopeWatchdog: {{enabled: false}}")

    assert [line.split()[0] for line in told] == [f"{LOW}.limit", "Nobody", "DroidscopeWatchdog"]


# --- the command --------------------------------------------------------------------------------


def render(folder, *options):
    return CliRunner().invoke(droidscope, ["rules", "render", "--root", str(folder), *options])


def test_the_command_renders_and_checks_with_the_file(tmp_path):
    """
    What was rendered with a file is up to date with it, and out of date without.
    """
    limits = tmp_path / "limits.yml"
    limits.write_text(f"{LOW}: {{overrides: [{{pattern: research, limit: 0.5}}]}}\n")

    assert render(tmp_path, "--thresholds", str(limits)).exit_code == 0
    assert "override: '*/research'" in (tmp_path / "prometheus/rules/alerts.yml").read_text()
    assert render(tmp_path, "--thresholds", str(limits), "--check").exit_code == 0
    assert render(tmp_path, "--check").exit_code == 1


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("[1]", "holds list; expected a mapping of alert names"),
        ("a: {", "is not YAML"),
        (
            "1: {limit: 2}",
            "limits.yml has the key 1, which is no text; expected a mapping of alert names",
        ),
        (f"{LOW}: {{limit: 0.5}}\n{LOW}: {{}}", f"has the key {LOW} again in line 2; expected it once"),
        (f"{LOW}:\n  limit: 0.5\n  limit: 0.6", "has the key limit again in line 3; expected it once"),
        (f"{LOW}: {{limit: 7}}", f"{LOW}.limit is 7; expected a ratio from 0 to 1"),
    ],
)
def test_the_command_says_what_is_wrong_and_writes_nothing(tmp_path, content, fault):
    """
    A file that does not fit leaves no half-rendered rules behind.
    """
    limits = tmp_path / "limits.yml"
    limits.write_text(content)

    done = render(tmp_path, "--thresholds", str(limits))

    assert (done.exit_code, fault in done.output) == (1, True)
    assert not (tmp_path / "prometheus").exists()


def test_an_empty_file_changes_nothing(tmp_path):
    """
    A file of comments is a file of no changes.
    """
    (tmp_path / "limits.yml").write_text("# nothing yet\n")

    assert overrides.load(tmp_path / "limits.yml") == AlertLimits()


def test_a_file_that_is_not_there(tmp_path):
    """
    The message names it.
    """
    with pytest.raises(ConfigError, match=r"none\.yml cannot be read: No such file"):
        overrides.load(tmp_path / "none.yml")


@pytest.mark.server("promtool")
def test_prometheus_takes_rules_with_limits_of_some(tmp_path):
    """
    Lint finds no two rules alike, and each pattern is judged by its own limit.
    """
    limits = tmp_path / "limits.yml"
    limits.write_text(
        f"{LOW}: {{overrides: [{{pattern: research, limit: 0.5}}, {{orchestrator: lab, pattern: wild, "
        "enabled: false}]}\n"
    )
    render(tmp_path, "--thresholds", str(limits))
    series = 'orchestrator_sessions_total{orchestrator="%s", pattern="%s", outcome="%s"}'
    cases = [("lab", "research"), ("lab", "wild"), ("lab", "fix"), ("atlas", "wild")]
    test = {
        "rule_files": ["prometheus/rules/alerts.yml"],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [
                    {"series": series % (*case, outcome), "values": f"0 {n}x20"}
                    for case in cases
                    for outcome, n in (("completed", 6), ("failed", 4))
                ],
                "promql_expr_test": [
                    {
                        "expr": f'count by (orchestrator, pattern) (ALERTS{{alertname="{LOW}"}})',
                        "eval_time": "9m",
                        "exp_samples": [
                            {"labels": f'{{orchestrator="{who}", pattern="{pattern}"}}', "value": 1}
                            for who, pattern in (("lab", "fix"), ("atlas", "wild"))
                        ],
                    }
                ],
            }
        ],
    }
    (tmp_path / "test.yml").write_text(yaml.safe_dump(test))

    lint = run("promtool", "check", "rules", "--lint=all", "--lint-fatal", *rule_files(tmp_path))
    done = run("promtool", "test", "rules", tmp_path / "test.yml")

    assert lint.returncode == 0, lint.stdout + lint.stderr
    assert done.returncode == 0, done.stdout + done.stderr


def rule_files(folder):
    return sorted((folder / "prometheus/rules").glob("*.yml"))


def test_the_example_in_the_documentation_fits():
    """
    docs/alerts.md shows a file; it is one.
    """
    (example,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/alerts.md").read_text(), re.DOTALL)

    assert len(rules(example)) > len(alert_rules())
