"""
Reports of test and analysis tools -> scores: coverage, JUnit, SARIF, pylint, radon.

Formulas: docs/instrumentation.md#reports. What a report does not say stays None, never 0.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from droidscope.conventions.attributes import Severity
from droidscope.errors import DroidscopeError, MissingExtraError

Paths = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]
"""
The path of a report, or several.
"""

SIZE_LIMIT: Final = 64 * 1024 * 1024
"""
Bytes of the largest report that is read.
"""
PENALTIES: Final = {Severity.CRITICAL: 30, Severity.HIGH: 20, Severity.MEDIUM: 10, Severity.LOW: 2}
"""
Points of 100 an open security finding costs.
"""

_ERROR_WEIGHT: Final = 5
_BANDS: Final = ((9.0, Severity.CRITICAL), (7.0, Severity.HIGH), (4.0, Severity.MEDIUM), (0.0, Severity.LOW))
_LEVELS: Final = {"error": Severity.HIGH, "warning": Severity.MEDIUM, "note": Severity.LOW}
_SECURITY_TOOLS: Final = frozenset({
    "bandit", "brakeman", "checkov", "codeql", "gitleaks", "gosec", "grype", "njsscan", "osv-scanner",
    "semgrep", "semgrep oss", "semgrep pro", "snyk code", "snyk open source", "tfsec", "trivy", "trufflehog",
})  # fmt: skip
_RUFF_SECURITY_RULE: Final = re.compile(r"S\d")

T = TypeVar("T")
Refuse = Callable[[str, str], None]
"""
Told the path and the fault of a report that is left out.
"""


class ReportError(DroidscopeError):
    """
    A report cannot be read; the message says why.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Reports:
    """
    Paths of the reports of one output, by format.
    """

    coverage: Paths | None = None
    sarif: Paths | None = None
    junit: Paths | None = None
    pylint: Paths | None = None
    radon: Paths | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """
    What reports say: scores 0..100, the ratio 0..1; None where no report says it.

    *findings* counts open security findings (zeros after a clean report), *issues* occurrences by rule.
    """

    test_coverage: float | None = None
    code_quality: float | None = None
    findings: dict[Severity, int] | None = None
    issues: Counter[str] | None = None
    test_success_ratio: float | None = None


@dataclass(frozen=True, slots=True)
class Coverage:
    """
    Lines and branches to cover and covered; *statements* by file where the report has them.
    """

    covered: int
    valid: int
    lines: int
    statements: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tests:
    """
    Tests by what became of them; skipped ones are not run.
    """

    run: int
    passed: int


@dataclass(frozen=True, slots=True)
class Lint:
    """
    pylint's verdict: its score from 0 to 10 if it gives one, and occurrences by symbol.
    """

    score: float | None
    issues: Counter[str]


@dataclass(slots=True)
class Analysis:
    """
    What one or more SARIF files report, open results only.

    *levels* counts quality findings by level, None where no quality tool has run; *security* counts
    findings by severity, None where no security tool has run. *loc* is bandit's count of lines.
    """

    levels: Counter[str] | None = None
    security: Counter[Severity] | None = None
    issues: Counter[str] = field(default_factory=Counter)
    loc: int = 0


def measure(reports: Reports, refuse: Refuse) -> Measures:
    """
    Measures of all *reports* together; a report that cannot be read goes to *refuse* and is left out.
    """
    coverages = _read(reports.coverage, parse_coverage, refuse)
    tests = _read(reports.junit, parse_junit, refuse)
    lints = _read(reports.pylint, parse_pylint, refuse)
    analysis = Analysis()
    analyses = _read(reports.sarif, lambda content: add_sarif(content, analysis), refuse)
    statements = {file: number for each in coverages for file, number in each.statements.items()}
    indices = _read(reports.radon, lambda content: maintainability(content, statements), refuse)
    lines = sum(each.lines for each in coverages) or analysis.loc
    issues = sum((lint.issues for lint in lints), analysis.issues)
    return Measures(
        test_coverage=_share(
            sum(each.covered for each in coverages), sum(each.valid for each in coverages), 100
        ),
        code_quality=_first(
            quality_score(analysis.levels, lines) if analysis.levels is not None else None,
            *(lint.score * 10 for lint in lints if lint.score is not None),
            *indices,
        ),
        findings=None if analysis.security is None else {each: analysis.security[each] for each in Severity},
        issues=issues if lints or analyses else None,
        test_success_ratio=_share(sum(each.passed for each in tests), sum(each.run for each in tests), 1),
    )


def quality_score(levels: Mapping[str, int], statements: int) -> float | None:
    """
    Code quality from 0 to 100: pylint's formula over findings by SARIF level; None without statements.

    `100 max(0, 1 - (5 error + warning + note) / statements)`
    """
    if statements <= 0:
        return None
    weighted = _ERROR_WEIGHT * levels.get("error", 0) + levels.get("warning", 0) + levels.get("note", 0)
    return 100 * max(0.0, 1 - weighted / statements)


def security_score(findings: Mapping[Severity, int]) -> float:
    """
    Security from 0 to 100: full marks less `PENALTIES` for each open finding.
    """
    return float(max(0, 100 - sum(PENALTIES[severity] * number for severity, number in findings.items())))


def parse_coverage(content: bytes) -> Coverage:
    """
    Coverage from coverage.py's JSON or Cobertura's XML.
    """
    return _parse_cobertura(content) if content.lstrip()[:1] == b"<" else _parse_coverage_json(content)


def _parse_coverage_json(content: bytes) -> Coverage:
    report = json.loads(content)
    totals = report["totals"]
    lines = _natural(totals["num_statements"])
    return Coverage(
        covered=_natural(totals["covered_lines"]) + _natural(totals.get("covered_branches", 0)),
        valid=lines + _natural(totals.get("num_branches", 0)),
        lines=lines,
        statements={
            str(file): _natural(each["summary"]["num_statements"])
            for file, each in report.get("files", {}).items()
        },
    )


def _parse_cobertura(content: bytes) -> Coverage:
    root = _xml(content)
    if root.tag != "coverage":
        msg = f"root is <{root.tag}>; expected <coverage>"
        raise ReportError(msg)
    lines = _natural(root.attrib["lines-valid"])
    return Coverage(
        covered=_natural(root.attrib["lines-covered"]) + _natural(root.attrib.get("branches-covered", 0)),
        valid=lines + _natural(root.attrib.get("branches-valid", 0)),
        lines=lines,
    )


def parse_junit(content: bytes) -> Tests:
    """
    Tests run and passed from JUnit XML, whose root is one suite or several.
    """
    root = _xml(content)
    if root.tag not in {"testsuite", "testsuites"}:
        msg = f"root is <{root.tag}>; expected <testsuites> or <testsuite>"
        raise ReportError(msg)
    # Only the outermost suites: the counts of a suite include those of the suites inside it.
    suites = [root] if root.tag == "testsuite" else root.findall("testsuite")
    count = {
        name: sum(_natural(suite.attrib.get(name, 0)) for suite in suites)
        for name in ("tests", "failures", "errors", "skipped")
    }
    run = count["tests"] - count["skipped"]
    return Tests(run=run, passed=run - count["failures"] - count["errors"])


def parse_pylint(content: bytes) -> Lint:
    """
    Pylint's score and symbols from its json2 format.
    """
    report = json.loads(content)
    score = report["statistics"]["score"]
    if score is not None and not 0 <= score <= 10:  # noqa: PLR2004 - pylint's own scale
        msg = f"statistics.score is {score}; expected 0 to 10"
        raise ReportError(msg)
    return Lint(score, Counter(str(message["symbol"]) for message in report["messages"]))


def maintainability(content: bytes, statements: Mapping[str, int]) -> float | None:
    """
    Mean maintainability index from 0 to 100 of radon's `mi -j`, weighted by the length of each file.

    The length is its *statements*, else the lines that are not blank where the file can be read; files
    without either are left out (an empty file scores 100), and with no file left the mean is None.
    """
    weighted = total = 0.0
    for file, result in json.loads(content).items():
        if "mi" not in result:  # radon reports a file it cannot parse as {"error": ...}
            continue
        weight = statements.get(file) or _length(file)
        weighted += float(result["mi"]) * weight
        total += weight
    return weighted / total if total else None


def add_sarif(content: bytes, analysis: Analysis) -> None:
    """
    Add the open results of a SARIF 2.1.0 file to *analysis*, which stays as it is if the file is malformed.
    """
    read = Analysis()
    for run in json.loads(content)["runs"]:
        _add_run(run, read)
    if read.levels is not None:
        analysis.levels = (analysis.levels or Counter()) + read.levels
    if read.security is not None:
        analysis.security = (analysis.security or Counter()) + read.security
    analysis.issues += read.issues
    analysis.loc += read.loc


def _add_run(run: dict[str, Any], analysis: Analysis) -> None:
    tool = str(run["tool"]["driver"]["name"]).lower()
    rules = _rules(run)
    if tool in _SECURITY_TOOLS or any(_concerns_security(tool, rule, name) for name, rule in rules.items()):
        analysis.security = analysis.security or Counter()
    else:
        analysis.levels = analysis.levels or Counter()
    metrics = run.get("properties", {}).get("metrics", {})
    analysis.loc += _natural(metrics.get("_totals", {}).get("loc", 0))
    for result in run.get("results") or ():
        if _is_open(result):
            _add_result(tool, result, _rule(run, rules, result), analysis)


def _add_result(tool: str, result: dict[str, Any], rule: dict[str, Any], analysis: Analysis) -> None:
    name = _rule_id(result) or str(rule.get("id", ""))
    level = result.get("level") or rule.get("defaultConfiguration", {}).get("level") or "warning"
    if level not in _LEVELS:  # "none": nothing to be found fault with
        return
    if name:
        analysis.issues[name] += 1
    if tool in _SECURITY_TOOLS or _concerns_security(tool, rule, name):
        analysis.security = analysis.security or Counter()
        analysis.security[_severity(tool, result, rule, level)] += 1
    else:
        analysis.levels = analysis.levels or Counter()
        analysis.levels[level] += 1


def _is_open(result: dict[str, Any]) -> bool:
    suppressions = result.get("suppressions") or ()
    is_suppressed = bool(suppressions) and all(
        each.get("status", "accepted") == "accepted" for each in suppressions
    )
    return (
        not is_suppressed and result.get("baselineState") != "absent" and result.get("kind", "fail") == "fail"
    )


def _rules(run: dict[str, Any]) -> dict[str, dict[str, Any]]:
    components = [run["tool"]["driver"], *run["tool"].get("extensions", ())]
    return {str(rule["id"]): rule for component in components for rule in component.get("rules") or ()}


def _rule(run: dict[str, Any], rules: Mapping[str, dict[str, Any]], result: dict[str, Any]) -> dict[str, Any]:
    name = _rule_id(result)
    if name in rules:
        return rules[name]
    reference = result.get("rule", {})
    index = result.get("ruleIndex", reference.get("index", -1))
    # CodeQL declares the rules of each query pack in an extension, and counts them there.
    extension, extensions = (
        reference.get("toolComponent", {}).get("index", -1),
        run["tool"].get("extensions", ()),
    )
    owner = extensions[extension] if 0 <= extension < len(extensions) else run["tool"]["driver"]
    declared = owner.get("rules") or ()
    return dict(declared[index]) if 0 <= index < len(declared) else {}


def _rule_id(result: dict[str, Any]) -> str:
    return str(result.get("ruleId") or result.get("rule", {}).get("id", ""))


def _concerns_security(tool: str, rule: dict[str, Any], name: str) -> bool:
    properties = rule.get("properties", {})
    if "security-severity" in properties or "security" in properties.get("tags", ()):
        return True
    return tool == "ruff" and _RUFF_SECURITY_RULE.match(name) is not None


def _severity(tool: str, result: dict[str, Any], rule: dict[str, Any], level: str) -> Severity:
    stated = result.get("properties", {}).get("security-severity")
    stated = rule.get("properties", {}).get("security-severity") if stated is None else stated
    if stated is not None:
        return next((band for limit, band in _BANDS if float(stated) >= limit), Severity.LOW)
    of_bandit = str(result.get("properties", {}).get("issue_severity", "")).lower()
    if of_bandit in {Severity.HIGH, Severity.MEDIUM, Severity.LOW}:
        return Severity(of_bandit)
    # ruff calls every result an error, whatever the rule.
    return Severity.MEDIUM if tool == "ruff" else _LEVELS[level]


def _read(paths: Paths | None, parse: Callable[[bytes], T], refuse: Refuse) -> list[T]:
    if paths is None:
        return []
    several = [paths] if isinstance(paths, str | os.PathLike) else paths
    return [parsed for path in several for parsed in _read_one(Path(path), parse, refuse)]


def _read_one(path: Path, parse: Callable[[bytes], T], refuse: Refuse) -> list[T]:
    try:
        size = path.stat().st_size
        if size > SIZE_LIMIT:
            refuse(str(path), f"it has {size} bytes; at most {SIZE_LIMIT} are read")
            return []
        return [parse(path.read_bytes())]
    except Exception as error:  # noqa: BLE001 - a report may be broken in any way; none may break the user's work
        fault = str(error) if isinstance(error, DroidscopeError) else f"{type(error).__name__}: {error}"
        refuse(str(path), fault)
        return []


def _xml(content: bytes) -> Any:  # noqa: ANN401 - an Element, of a library that may be missing
    try:
        from defusedxml import ElementTree  # noqa: PLC0415 - an extra
    except ImportError:
        raise MissingExtraError("reading XML reports", "quality") from None
    return ElementTree.fromstring(content, forbid_dtd=False)


def _length(file: str) -> int:
    try:
        return sum(bool(line.strip()) for line in Path(file).read_bytes().splitlines())
    except OSError:
        return 0


def _natural(value: object) -> int:
    number = int(value)  # type: ignore[call-overload] # what is no number raises, as it should
    if number < 0:
        msg = f"{value!r} is negative"
        raise ReportError(msg)
    return int(number)


def _share(part: int, whole: int, scale: float) -> float | None:
    return scale * part / whole if whole > 0 else None


def _first(*values: float | None) -> float | None:
    return next((value for value in values if value is not None), None)
