"""
Findings of analysis tools: SARIF 2.1.0, open results only.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from droidscope.conventions.attributes import Severity
from droidscope.instrument.reports.report_files import natural_number
from droidscope.instrument.reports.report_totals import ReportTotals

_BANDS: Final = ((9.0, Severity.CRITICAL), (7.0, Severity.HIGH), (4.0, Severity.MEDIUM), (0.0, Severity.LOW))
_LEVELS: Final = {"error": Severity.HIGH, "warning": Severity.MEDIUM, "note": Severity.LOW}
_SECURITY_TOOLS: Final = frozenset({
    "bandit", "brakeman", "checkov", "codeql", "gitleaks", "gosec", "grype", "njsscan", "osv-scanner",
    "semgrep", "semgrep oss", "semgrep pro", "snyk code", "snyk open source", "tfsec", "trivy", "trufflehog",
})  # fmt: skip
_RUFF_SECURITY_RULE: Final = re.compile(r"S\d")


def add(content: bytes, totals: ReportTotals) -> None:
    """
    Add the findings of a file to *totals*, which stay as they are if it is malformed.
    """
    report = ReportTotals()
    for run in json.loads(content)["runs"]:
        _add_run(run, report)
    if report.levels is not None:
        totals.levels = (totals.levels or Counter()) + report.levels
    if report.security is not None:
        totals.security = (totals.security or Counter()) + report.security
    totals.add_issues(report.issues or Counter())
    totals.lines_of_code += report.lines_of_code


def _add_run(run: dict[str, Any], totals: ReportTotals) -> None:
    tool = str(run["tool"]["driver"]["name"]).lower()
    rules = _rules(run)
    if tool in _SECURITY_TOOLS or any(_concerns_security(tool, rule, name) for name, rule in rules.items()):
        totals.security = totals.security or Counter()
    else:
        totals.levels = totals.levels or Counter()
    metrics = run.get("properties", {}).get("metrics", {})
    totals.lines_of_code += natural_number(metrics.get("_totals", {}).get("loc", 0))
    for result in run.get("results") or ():
        if _is_open(result):
            _add_result(tool, result, _rule(run, rules, result), totals)


def _add_result(tool: str, result: dict[str, Any], rule: dict[str, Any], totals: ReportTotals) -> None:
    name = _rule_id(result) or str(rule.get("id", ""))
    level = result.get("level") or rule.get("defaultConfiguration", {}).get("level") or "warning"
    if level not in _LEVELS:  # "none": the rule was checked and no problem was found
        return
    if name:
        totals.add_issues(Counter([name]))
    if tool in _SECURITY_TOOLS or _concerns_security(tool, rule, name):
        totals.security = totals.security or Counter()
        totals.security[_severity(tool, result, rule, level)] += 1
    else:
        totals.levels = totals.levels or Counter()
        totals.levels[level] += 1


def _is_open(result: dict[str, Any]) -> bool:
    suppressions = result.get("suppressions") or ()
    is_suppressed = bool(suppressions) and all(
        suppression.get("status", "accepted") == "accepted" for suppression in suppressions
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
    extension = reference.get("toolComponent", {}).get("index", -1)
    extensions = run["tool"].get("extensions", ())
    component = extensions[extension] if 0 <= extension < len(extensions) else run["tool"]["driver"]
    declared = component.get("rules") or ()
    return dict(declared[index]) if 0 <= index < len(declared) else {}


def _rule_id(result: dict[str, Any]) -> str:
    return str(result.get("ruleId") or result.get("rule", {}).get("id", ""))


def _concerns_security(tool: str, rule: dict[str, Any], name: str) -> bool:
    properties = rule.get("properties", {})
    if "security-severity" in properties or "security" in properties.get("tags", ()):
        return True
    return tool == "ruff" and _RUFF_SECURITY_RULE.match(name) is not None


def _severity(tool: str, result: dict[str, Any], rule: dict[str, Any], level: str) -> Severity:
    points = result.get("properties", {}).get("security-severity")
    points = rule.get("properties", {}).get("security-severity") if points is None else points
    if points is not None:
        return next((severity for limit, severity in _BANDS if float(points) >= limit), Severity.LOW)
    bandit_severity = str(result.get("properties", {}).get("issue_severity", "")).lower()
    if bandit_severity in {Severity.HIGH, Severity.MEDIUM, Severity.LOW}:
        return Severity(bandit_severity)
    # ruff calls every result an error, whatever the rule.
    return Severity.MEDIUM if tool == "ruff" else _LEVELS[level]
