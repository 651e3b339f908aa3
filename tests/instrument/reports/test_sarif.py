"""
SARIF files.
"""

import pytest

from droidscope.conventions.attributes import Severity

COBERTURA = (
    '<coverage lines-valid="16" lines-covered="10" branches-valid="8" branches-covered="3" line-rate="0.62"/>'
)


def sarif(tool, results, rules=(), **run):
    """
    A SARIF file with one run.
    """
    driver = {"name": tool, "rules": list(rules)}
    return {"version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": list(results), **run}]}


def test_code_quality_is_pylints_formula_over_any_tool(reports):
    """
    100 (1 - (5 x 1 error + 2 warnings + 1 note) / 16 statements) = 50.
    """
    results = [
        {"ruleId": rule, "level": level} for rule, level in (("a", "error"), ("b", "warning"), ("c", "note"))
    ]

    measures = reports(sarif=sarif("eslint", [*results, {"ruleId": "b"}]), coverage=COBERTURA)

    assert measures.code_quality == 50
    assert measures.issues == {"a": 1, "b": 2, "c": 1}
    assert measures.findings is None


def test_code_quality_needs_statements(reports):
    """
    Ten findings in how much code?
    """
    assert reports(sarif=sarif("eslint", [{"ruleId": "a"}])).code_quality is None


def test_lines_of_bandit_serve_where_there_is_no_coverage(reports):
    """
    Its report knows the size of the code.
    """
    bandit = sarif("Bandit", [], properties={"metrics": {"_totals": {"loc": 20}}})

    assert reports(sarif=[bandit, sarif("eslint", [{"ruleId": "a"}])]).code_quality == 95


def test_a_level_comes_from_the_result_then_its_rule_then_the_standard(reports):
    """
    Semgrep gives it on rules only, by index or by id; bandit leaves out what is a warning.
    """
    rules = [{"id": "r0", "defaultConfiguration": {"level": "error"}}, {"id": "r1"}]
    results = [
        {"ruleId": "r0"},
        {"ruleIndex": 0},
        {"rule": {"id": "r0"}},
        {"ruleId": "r0", "level": "note"},
        {"ruleId": "r1"},
    ]

    findings = reports(sarif=sarif("semgrep", results, rules)).findings

    assert findings == {Severity.CRITICAL: 0, Severity.HIGH: 3, Severity.MEDIUM: 1, Severity.LOW: 1}


@pytest.mark.parametrize(
    ("score", "severity"),
    [
        ("9.8", "critical"),
        ("9.0", "critical"),
        ("8.9", "high"),
        ("7.0", "high"),
        ("6.9", "medium"),
        ("4", "medium"),
        ("3.9", "low"),
    ],
)
def test_security_severity_falls_into_githubs_bands(reports, score, severity):
    """
    Whatever the level is.
    """
    rules = [{"id": "r", "properties": {"security-severity": score}}]

    findings = reports(sarif=sarif("unknown", [{"ruleId": "r", "level": "note"}], rules)).findings

    assert {name: number for name, number in findings.items() if number} == {severity: 1}


@pytest.mark.parametrize("named", [True, False], ids=["by id", "by index alone"])
def test_codeql_declares_its_rules_in_extensions(reports, named):
    """
    Each query pack has its own, counted from 0; the driver has none. By the bands, else by the level.
    """
    injection = {"id": "py/sql-injection", "properties": {"tags": ["security"], "security-severity": "8.8"}}
    unused = {"id": "py/unused-import", "defaultConfiguration": {"level": "note"}}
    packs = [
        {"name": "codeql/python-queries", "rules": [{"id": "py/other"}, injection]},
        {"name": "codeql/python-quality", "rules": [unused]},
    ]
    found = [("py/sql-injection", 1, 0), ("py/unused-import", 0, 1), ("py/unused-import", 0, 1)]
    results = [
        {"rule": {"index": index, "toolComponent": {"index": pack}}, **({"ruleId": id_} if named else {})}
        for id_, index, pack in found
    ]
    report = {"tool": {"driver": {"name": "CodeQL"}, "extensions": packs}, "results": results}

    read = reports(sarif={"version": "2.1.0", "runs": [report]}, coverage=COBERTURA)

    assert {name: number for name, number in read.findings.items() if number} == {
        Severity.HIGH: 1,
        Severity.LOW: 2,
    }
    assert read.issues == {"py/sql-injection": 1, "py/unused-import": 2}


def test_severity_of_bandit_is_its_own_word(reports):
    """
    It stands in the properties of the result.
    """
    results = [{"ruleId": "B1", "level": "error", "properties": {"issue_severity": "LOW"}}]

    assert reports(sarif=sarif("Bandit", results)).findings[Severity.LOW] == 1


def test_security_rules_of_ruff_are_medium(reports):
    """
    It calls everything an error; its other rules are matters of quality.
    """
    measures = reports(
        sarif=sarif("ruff", [{"ruleId": "S101", "level": "error"}, {"ruleId": "SIM102", "level": "error"}]),
        coverage=COBERTURA,
    )

    assert measures.findings == {Severity.CRITICAL: 0, Severity.HIGH: 0, Severity.MEDIUM: 1, Severity.LOW: 0}
    assert measures.code_quality == 100 * (1 - 5 / 16)


def test_a_clean_security_report_is_all_zeros(reports):
    """
    Which is more than no report.
    """
    assert reports(sarif=sarif("bandit", [])).findings == dict.fromkeys(Severity, 0)
    assert reports().findings is None


@pytest.mark.parametrize(
    "closed",
    [
        {"suppressions": [{"kind": "inSource"}]},
        {"suppressions": [{"kind": "external", "status": "accepted"}]},
        {"baselineState": "absent"},
        {"kind": "pass"},
        {"level": "none"},
    ],
)
def test_what_is_not_open_does_not_count(reports, closed):
    """
    Suppressed, gone, or no finding at all.
    """
    measures = reports(sarif=sarif("bandit", [{"ruleId": "B1", **closed}]))

    assert sum(measures.findings.values()) == 0
    assert not measures.issues


def test_a_rejected_suppression_suppresses_nothing(reports):
    """
    Somebody asked for it, and somebody said no.
    """
    result = {"ruleId": "B1", "suppressions": [{"kind": "external", "status": "rejected"}]}

    assert reports(sarif=sarif("bandit", [result])).findings[Severity.MEDIUM] == 1
