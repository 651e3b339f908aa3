"""
What a droid produced, as span attributes: declared values, which win, and those of tool reports.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final, TypedDict, cast

from droidscope.conventions import attributes as names
from droidscope.conventions.attributes import Severity
from droidscope.instrument.emission.counts import ClientCounters
from droidscope.instrument.never_raise import warn_once
from droidscope.instrument.reports.formulas import security_score
from droidscope.instrument.reports.measures import Measures, measure
from droidscope.instrument.reports.report_files import Paths
from droidscope.instrument.scores import Score

Values = dict[str, str | int | float | tuple[str, ...]]

ISSUES_LIMIT: Final = 20


class OutputFields(TypedDict, total=False):
    """
    What `output` takes. All of it is optional; what is None counts as not given.

    Counts, tokens and cost add up over the calls in one task or attempt; of the rest the latest stands.

    - *files_created*: how many, from 0.
    - *code_quality*, *test_coverage*, *security*: scores on a declared scale (`percent`, `ratio`, `ten`).
    - *findings*: open security findings by severity; severities left out are zero.
    - *issues*: rule ids, one per occurrence, or the occurrences by rule id; the 20 most frequent are kept.
    - *model*, *input_tokens* (those from and to the cache included), *output_tokens*, *cache_read_tokens*,
      *cache_write_tokens*, *cost_usd*: what the work consumed.
    - *coverage* (coverage.py JSON or Cobertura XML), *sarif*, *junit*, *pylint* (json2), *radon* (`mi -j`):
      paths of reports, one or several each. A declared score wins over a report.
    """

    files_created: int | None
    code_quality: Score | None
    test_coverage: Score | None
    security: Score | None
    findings: Mapping[str, int] | None
    issues: Mapping[str, int] | Iterable[str] | None
    model: str | None
    input_tokens: int | None
    output_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    cost_usd: float | None
    coverage: Paths | None
    sarif: Paths | None
    junit: Paths | None
    pylint: Paths | None
    radon: Paths | None


_SUMMED: Final = (
    ("files_created", names.OUTPUT_FILES_CREATED, int),
    ("input_tokens", names.INPUT_TOKENS, int),
    ("output_tokens", names.OUTPUT_TOKENS, int),
    ("cache_read_tokens", names.CACHE_READ_TOKENS, int),
    ("cache_write_tokens", names.CACHE_WRITE_TOKENS, int),
    ("cost_usd", names.COST_USD, float),
)
_SCORED: Final = (
    ("code_quality", names.OUTPUT_CODE_QUALITY),
    ("test_coverage", names.OUTPUT_TEST_COVERAGE),
    ("security", names.OUTPUT_SECURITY),
)


def describe(given: OutputFields, sums: dict[str, float], counters: ClientCounters) -> Values:
    """
    Attributes for *given*; what cannot be read is left out, logged and counted in *counters*.

    *sums* holds what was given before on the same span, and is brought up to date.
    """
    fields: dict[str, object] = {key: value for key, value in given.items() if value is not None}
    measures = _read_reports(fields, counters)
    return {
        **_report_attributes(measures, counters),
        **_summed_attributes(fields, sums, counters),
        **_declared_attributes(fields, counters),
        **({names.REQUEST_MODEL: str(fields["model"])} if "model" in fields else {}),
    }


def points(name: str, score: object, counters: ClientCounters) -> float | None:
    """
    *score* from 0 to 100; None, logged under *name* and counted, without a declared scale or outside of it.
    """
    if not isinstance(score, Score):
        drop(counters, name, "scale_missing", score, "a declared scale: droidscope.percent, ratio or ten")
        return None
    if score.points is None:
        drop(counters, name, "out_of_range", score, f"a number from 0 to {score.top:g}")
    return score.points


def drop(counters: ClientCounters, name: str, reason: str, value: object, expected: str) -> None:
    """
    Count a value refused for *reason*, and log it the first time.
    """
    counters.add(names.CLIENT_DROPPED, {names.DROP_REASON: reason})
    warn_once(f"drop:{name}:{reason}", "%s is %s; expected %s; dropped", name, value, expected)


def _summed_attributes(
    given: Mapping[str, object], sums: dict[str, float], counters: ClientCounters
) -> Values:
    values: Values = {}
    for key, name, kind in _SUMMED:
        if key not in given:
            continue
        amount = given[key]
        if not _is_amount(amount, kind):
            drop(counters, name, "invalid", amount, f"{kind.__name__} from 0")
            continue
        sums[name] = sums.get(name, kind()) + amount  # type: ignore[operator] # `_is_amount` has seen to it
        values[name] = sums[name]
    return values


def _is_amount(value: object, kind: type) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | kind):
        return False
    return math.isfinite(value) and value >= 0  # type: ignore[arg-type, operator] # kind is int or float


def _declared_attributes(given: Mapping[str, object], counters: ClientCounters) -> Values:
    values: Values = {}
    findings = _declared_findings(given.get("findings"), counters)
    if findings is not None:
        values.update(_finding_attributes(findings))
    if "issues" in given:
        values.update(_issue_attributes(_count_issues(given["issues"])))
    for key, name in _SCORED:
        score = points(name, given[key], counters) if key in given else None
        if score is not None:
            values[name] = score
    return values


def _declared_findings(given: object, counters: ClientCounters) -> dict[Severity, int] | None:
    if given is None:
        return None
    if not isinstance(given, Mapping):
        drop(counters, names.OUTPUT_FINDINGS, "invalid", given, "counts by severity")
        return None
    findings = dict.fromkeys(Severity, 0)
    for severity, number in given.items():
        if severity not in findings or not _is_amount(number, int):
            drop(
                counters,
                f"{names.OUTPUT_FINDINGS}{severity}",
                "invalid",
                number,
                "counts of critical, high, medium, low",
            )
            return None
        findings[Severity(severity)] = number
    return findings


def _finding_attributes(findings: Mapping[Severity, int]) -> Values:
    counts: Values = {
        f"{names.OUTPUT_FINDINGS}{severity.value}": number for severity, number in findings.items()
    }
    return {**counts, names.OUTPUT_SECURITY: security_score(findings)}


def _count_issues(issues: object) -> Counter[str]:
    if isinstance(issues, Mapping):
        return Counter({str(rule): int(number) for rule, number in issues.items()})
    if isinstance(issues, str):
        return Counter([issues])
    return Counter(str(rule) for rule in issues)  # type: ignore[attr-defined] # else the guard logs it


def _issue_attributes(issues: Counter[str]) -> Values:
    frequent = sorted(issues.items(), key=lambda issue: (-issue[1], issue[0]))[:ISSUES_LIMIT]
    return {names.OUTPUT_ISSUES: tuple(f"{rule}:{number}" for rule, number in frequent)}


def _read_reports(given: Mapping[str, object], counters: ClientCounters) -> Measures:
    def refuse(path: str, fault: str) -> None:
        counters.add(names.CLIENT_DROPPED, {names.DROP_REASON: "report"})
        warn_once(f"report:{path}", "report %s is dropped: %s", path, fault)

    # The other keywords of `output` are no formats, and are not looked at.
    return measure(cast("Mapping[str, Paths | None]", given), refuse)


def _report_attributes(measures: Measures, counters: ClientCounters) -> Values:
    values: Values = {}
    if measures.findings is not None:
        values.update(_finding_attributes(measures.findings))
    if measures.issues is not None:
        values.update(_issue_attributes(measures.issues))
    scores = (
        (names.OUTPUT_TEST_COVERAGE, measures.test_coverage, 100),
        (names.OUTPUT_CODE_QUALITY, measures.code_quality, 100),
        (names.OUTPUT_TEST_SUCCESS_RATIO, measures.test_success_ratio, 1),
    )
    for name, score, top in scores:
        if score is None:
            continue
        if 0 <= score <= top:
            values[name] = score
        else:
            drop(counters, name, "out_of_range", score, f"a number from 0 to {top}")
    return values
