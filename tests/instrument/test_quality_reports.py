"""
Reports of tools and what they are worth.
"""

import json
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from droidscope.conventions.attributes import Severity
from droidscope.instrument import quality_reports
from droidscope.instrument.quality_reports import Reports, measure

COBERTURA = (
    '<coverage lines-valid="16" lines-covered="10" branches-valid="8" branches-covered="3" line-rate="0.62"/>'
)
COVERAGE_JSON = {
    "totals": {"covered_lines": 10, "num_statements": 16, "covered_branches": 3, "num_branches": 8},
    "files": {"a.py": {"summary": {"num_statements": 16}}},
}
SUITE = '<testsuite tests="10" failures="1" errors="2" skipped="2"/>'


@pytest.fixture
def reports(tmp_path):
    """
    Writes reports by name and measures them; faults would fail the test.
    """

    def measure_all(**contents):
        paths = {}
        for name, several in contents.items():
            listed = several if isinstance(several, list) else [several]
            paths[name] = [tmp_path / f"{name}-{number}" for number in range(len(listed))]
            for path, content in zip(paths[name], listed, strict=True):
                path.write_text(content if isinstance(content, str) else json.dumps(content))
        faults = []
        measures = measure(Reports(**paths), lambda path, fault: faults.append((path, fault)))
        assert not faults
        return measures

    return measure_all


def sarif(tool, results, rules=(), **run):
    """
    A SARIF file with one run.
    """
    driver = {"name": tool, "rules": list(rules)}
    return {"version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": list(results), **run}]}


@pytest.mark.parametrize("report", [COBERTURA, COVERAGE_JSON])
def test_coverage_mixes_lines_and_branches(reports, report):
    """
    100 (10 + 3) / (16 + 8), as coverage.py and Sonar have it.
    """
    assert reports(coverage=report).test_coverage == pytest.approx(54.1667, abs=1e-4)


@pytest.mark.parametrize(
    "report",
    ['<coverage lines-valid="4" lines-covered="3"/>', {"totals": {"covered_lines": 3, "num_statements": 4}}],
)
def test_coverage_without_branches_is_that_of_lines(reports, report):
    """
    A report may know lines only.
    """
    assert reports(coverage=report).test_coverage == 75


def test_coverage_of_nothing_is_unknown(reports):
    """
    An empty project is not covered to 0 or 100.
    """
    assert reports(coverage='<coverage lines-valid="0" lines-covered="0"/>').test_coverage is None


def test_several_coverage_reports_are_one(reports):
    """
    Sums over sums, no mean of ratios.
    """
    small, large = ({"totals": {"covered_lines": c, "num_statements": n}} for c, n in ((1, 1), (0, 9)))

    assert reports(coverage=[small, large]).test_coverage == 10


@pytest.mark.parametrize(
    ("report", "ratio"),
    [
        (SUITE, 5 / 8),
        (f"<testsuites>{SUITE}{SUITE}</testsuites>", 5 / 8),
        ('<testsuite tests="2" skipped="2"/>', None),
    ],
)
def test_skipped_tests_neither_pass_nor_fail(reports, report, ratio):
    """
    (10 - 1 - 2 - 2) / (10 - 2); nothing run is nothing known.
    """
    assert reports(junit=report).test_success_ratio == ratio


def test_pylint_scores_itself(reports):
    """
    Its score of ten, times ten, with its symbols as issues.
    """
    report = {"messages": [{"symbol": "unused-import"}] * 2, "statistics": {"score": 8.75}}

    measures = reports(pylint=report)

    assert measures.code_quality == 87.5
    assert measures.issues == {"unused-import": 2}


def test_pylint_without_a_score_scores_nothing(reports):
    """
    As after a fatal error.
    """
    assert reports(pylint={"messages": [], "statistics": {"score": None}}).code_quality is None


def test_maintainability_is_weighted_by_length(reports, tmp_path, monkeypatch):
    """
    An empty file's 100 weighs nothing; statements from coverage come before lines of the file.
    """
    monkeypatch.chdir(tmp_path)
    Path("b.py").write_text("x = 1\n\ny = 2\n")
    Path("empty.py").write_text("")
    mi = {
        "a.py": {"mi": 50.0},
        "b.py": {"mi": 86.0},
        "empty.py": {"mi": 100.0},
        "bad.py": {"error": "syntax"},
    }

    assert reports(radon=mi, coverage=COVERAGE_JSON).code_quality == (50 * 16 + 86 * 2) / 18
    assert reports(radon={"gone.py": {"mi": 50.0}}).code_quality is None


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
    Whatever the level says.
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


@given(
    st.fixed_dictionaries({severity: st.integers(0, 50) for severity in Severity}),
    st.sampled_from(list(Severity)),
)
def test_a_further_finding_never_raises_the_security_score(findings, further):
    """
    And the score stays within 0 and 100.
    """
    score = quality_reports.security_score(findings)
    worse = quality_reports.security_score({**findings, further: findings[further] + 1})

    assert 0 <= worse <= score <= 100


def test_worked_security_score():
    """
    100 - 30 - 2 x 20 - 10 - 5 x 2 = 10.
    """
    findings = {Severity.CRITICAL: 1, Severity.HIGH: 2, Severity.MEDIUM: 1, Severity.LOW: 5}

    assert quality_reports.security_score(findings) == 10


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["runs", "results", "tool", "driver", "name", "rules", "id", "totals", "files", "messages",
             "statistics", "num_statements", "covered_lines", "score", "level", "ruleId", "properties",
             "suppressions", "mi"]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=20,
)  # fmt: skip


@given(
    content=JSON.map(json.dumps) | st.text(max_size=50),
    name=st.sampled_from(["coverage", "sarif", "junit", "pylint", "radon"]),
)
def test_no_report_is_too_broken(tmp_path_factory, content, name):
    """
    Whatever the file holds: measures or one fault that names it, never an exception.
    """
    path = tmp_path_factory.getbasetemp() / "report"
    path.write_text(content, encoding="utf-8", errors="replace")
    faults = []

    measures = measure(Reports(**{name: str(path)}), lambda file, _fault: faults.append(file))

    assert faults in ([], [str(path)])
    assert not faults or measures == quality_reports.Measures()


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("coverage", "<html/>", "root is <html>; expected <coverage>"),
        ("junit", "<coverage/>", "root is <coverage>; expected <testsuites> or <testsuite>"),
        ("junit", "<testsuite", "ParseError"),
        ("coverage", '{"totals": {"covered_lines": -1, "num_statements": 4}}', "-1 is negative"),
        (
            "pylint",
            '{"messages": [], "statistics": {"score": 75}}',
            "statistics.score is 75; expected 0 to 10",
        ),
        ("junit", '<!DOCTYPE a [<!ENTITY b "c">]><testsuite tests="1"/>', "EntitiesForbidden"),
    ],
)
def test_faults_say_what_is_wrong(tmp_path, name, content, fault):
    """
    A report of another kind, a broken one, and one that would blow up.
    """
    path = tmp_path / "report"
    path.write_text(content)
    faults = []

    measure(Reports(**{name: path}), lambda _path, said: faults.append(said))

    assert len(faults) == 1
    assert fault in faults[0]


def test_a_missing_or_enormous_file_is_a_fault(tmp_path, monkeypatch):
    """
    Neither is read.
    """
    monkeypatch.setattr(quality_reports, "SIZE_LIMIT", 10)
    (tmp_path / "big").write_text("[" + " " * 20 + "]")
    faults = {}

    measure(
        Reports(radon=[tmp_path / "big", tmp_path / "gone"]),
        lambda path, said: faults.update({Path(path).name: said}),
    )

    assert faults["big"] == "it has 22 bytes; at most 10 are read"
    assert "FileNotFoundError" in faults["gone"]


def test_xml_without_the_extra_names_the_command(tmp_path, monkeypatch):
    """
    The other formats need nothing.
    """
    monkeypatch.setitem(sys.modules, "defusedxml", None)
    path = tmp_path / "junit.xml"
    path.write_text(SUITE)
    faults = []

    measure(Reports(junit=path), lambda _path, said: faults.append(said))

    assert faults == [
        "reading XML reports needs more than the base package: pip install 'droidscope[quality]'"
    ]
