"""
What a droid produced, as span attributes: declared values, which win, and those of tool reports.
"""

from __future__ import annotations

import inspect
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from itertools import islice
from typing import Final, ParamSpec, TypedDict

from droidscope.conventions import attributes as names
from droidscope.conventions.attributes import Severity
from droidscope.instrument.checks.values import (
    LARGEST,
    LONGEST,
    count_dropped,
    identifier,
    real,
    refuse,
    text,
    whole,
)
from droidscope.instrument.never_raise import warn_once
from droidscope.instrument.reports.formulas import security_score
from droidscope.instrument.reports.measures import FORMATS, Measures, measure
from droidscope.instrument.reports.report_files import Paths
from droidscope.instrument.scores import Score

Values = dict[str, str | int | float | tuple[str, ...]]

ISSUES_LIMIT: Final = 20
MOST_ISSUES: Final = 1_000_000
"""
How many are read from an iterable: it may have no end.
"""


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


P = ParamSpec("P")


def takes_output(function: Callable[P, None]) -> Callable[P, None]:
    """
    *function*, which takes `OutputFields` by keyword and says so; it never raises, but for other keywords.
    """
    words = OutputFields.__annotations__.keys()

    @wraps(function)
    def checked(*args: P.args, **given: P.kwargs) -> None:
        for word in given.keys() - words:
            msg = f"{function.__name__}() got an unexpected keyword argument {word!r}"
            raise TypeError(msg)
        if len(args) != len(own):
            msg = f"{function.__name__}() takes keyword arguments only"
            raise TypeError(msg)
        try:
            function(*args, **given)
        except Exception as error:  # noqa: BLE001 - as `never_raise`, but what was given is lost, and counted
            refuse(f"{function.__name__}()", error, "values that can be read")

    own = [each for each in inspect.signature(function).parameters.values() if each.kind != each.VAR_KEYWORD]
    fields = [inspect.Parameter(each, inspect.Parameter.KEYWORD_ONLY, default=None) for each in words]
    checked.__signature__ = inspect.Signature([*own, *fields])  # type: ignore[attr-defined] # functions take it
    return checked


_COUNTED: Final = (
    ("files_created", names.OUTPUT_FILES_CREATED),
    ("input_tokens", names.INPUT_TOKENS),
    ("output_tokens", names.OUTPUT_TOKENS),
    ("cache_read_tokens", names.CACHE_READ_TOKENS),
    ("cache_write_tokens", names.CACHE_WRITE_TOKENS),
)
_SCORED: Final = (
    ("code_quality", names.OUTPUT_CODE_QUALITY),
    ("test_coverage", names.OUTPUT_TEST_COVERAGE),
    ("security", names.OUTPUT_SECURITY),
)


def describe(given: OutputFields, sums: dict[str, float]) -> Values:
    """
    Attributes for *given*; what cannot be read is left out, logged and counted.

    *sums* holds what was given before on the same span, and is brought up to date.
    """
    fields: dict[str, object] = {key: value for key, value in given.items() if value is not None}
    model = text("output(model)", fields.get("model"))
    return {
        **_report_attributes(_read_reports(fields)),
        **_summed_attributes(fields, sums),
        **_declared_attributes(fields),
        **({names.REQUEST_MODEL: model} if model is not None else {}),
    }


def points(name: str, score: object) -> float | None:
    """
    *score* from 0 to 100; None, logged under *name* and counted, without a declared scale or outside of it.
    """
    if score is None:
        return None
    if not isinstance(score, Score):
        refuse(name, score, "a declared scale: droidscope.percent, ratio or ten", "scale_missing")
        return None
    if score.points is None:
        refuse(name, score, f"a number from 0 to {score.top:g}", "out_of_range")
    return score.points


def _summed_attributes(given: Mapping[str, object], sums: dict[str, float]) -> Values:
    values: Values = {}
    for key, name in _COUNTED:
        amount = whole(f"output({key})", given.get(key))
        if amount is None:
            continue
        total = sums.get(name, 0) + amount
        if total > LARGEST:
            refuse(f"output({key})", amount, f"a sum up to {LARGEST}", "out_of_range")
            continue
        values[name] = sums[name] = total
    cost = real("output(cost_usd)", given.get("cost_usd"))
    if cost is not None:
        values[names.COST_USD] = sums[names.COST_USD] = sums.get(names.COST_USD, 0.0) + cost
    return values


def _declared_attributes(given: Mapping[str, object]) -> Values:
    values: Values = {}
    findings = _declared_findings(given.get("findings"))
    if findings is not None:
        values.update(_finding_attributes(findings))
    issues = _count_issues(given["issues"]) if "issues" in given else None
    if issues is not None:
        values.update(_issue_attributes(issues))
    for key, name in _SCORED:
        score = points(f"output({key})", given.get(key))
        if score is not None:
            values[name] = score
    return values


def _declared_findings(given: object) -> dict[Severity, int] | None:
    if given is None:
        return None
    if not isinstance(given, Mapping):
        refuse("output(findings)", given, "counts by severity")
        return None
    findings = dict.fromkeys(Severity, 0)
    for severity, number in given.items():
        if severity not in findings:
            refuse("output(findings)", severity, "counts of critical, high, medium, low")
            return None
        counted = whole(f"output(findings[{severity}])", number)
        if counted is None:
            return None
        findings[Severity(severity)] = counted
    return findings


def _finding_attributes(findings: Mapping[Severity, int]) -> Values:
    counts: Values = {
        f"{names.OUTPUT_FINDINGS}{severity.value}": number for severity, number in findings.items()
    }
    return {**counts, names.OUTPUT_SECURITY: security_score(findings)}


def _count_issues(given: object) -> Counter[str] | None:
    """
    Occurrences by rule, None where *given* is no issues at all.
    """
    name = "output(issues)"
    issues: Counter[str] = Counter()
    if isinstance(given, Mapping):
        for rule, number in given.items():
            known, counted = identifier(name, rule), whole(name, number)
            if known is not None and counted:
                issues[known] = counted
    elif isinstance(given, str):
        issues[given] = 1
    elif isinstance(given, Iterable) and not isinstance(given, bytes):
        several = islice(given, MOST_ISSUES)
        issues.update(rule for each in several if (rule := identifier(name, each)) is not None)
    else:
        refuse(name, given, "rule ids, or counts by rule id")
        return None
    return issues


def _issue_attributes(issues: Counter[str]) -> Values:
    frequent = sorted(issues.items(), key=lambda issue: (-issue[1], issue[0]))[:ISSUES_LIMIT]
    return {names.OUTPUT_ISSUES: tuple(f"{rule}:{number}" for rule, number in frequent)}


def _read_reports(given: Mapping[str, object]) -> Measures:
    def refuse_report(path: str, fault: str) -> None:
        count_dropped("report")
        warn_once(f"report:{path}", "report %s is dropped: %s", path, fault)

    paths = {name: _paths(f"output({name})", given.get(name)) for name in FORMATS}
    return measure(paths, refuse_report)


def _paths(name: str, given: object) -> tuple[str | os.PathLike[str], ...]:
    several = (given,) if isinstance(given, str | os.PathLike) else given
    if several is None:
        return ()
    if not isinstance(several, Iterable) or isinstance(several, bytes):
        refuse(name, given, "a path or several", "report")
        return ()
    paths: list[str | os.PathLike[str]] = []
    for path in islice(several, LONGEST):
        if isinstance(path, str | os.PathLike):
            paths.append(path)
        else:
            refuse(name, path, "a path or several", "report")
    return tuple(paths)


def _report_attributes(measures: Measures) -> Values:
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
            refuse(name, score, f"a number from 0 to {top}", "out_of_range")
    return values
