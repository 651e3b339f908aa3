"""
Scores from all reports of one output. Definitions: docs/instrumentation.md#reports.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from droidscope.conventions.attributes import Severity
from droidscope.instrument.reports import coverage, junit, pylint, radon, sarif
from droidscope.instrument.reports.formulas import quality_score, share
from droidscope.instrument.reports.report_files import Paths, Refuse, read_reports
from droidscope.instrument.reports.report_totals import ReportTotals


class AddReport(Protocol):
    """
    What the module of each format has.
    """

    def __call__(self, content: bytes, totals: ReportTotals) -> None:
        """
        Add what a report contains to *totals*; raise, and add nothing, if it is malformed.
        """


FORMATS: Final[Mapping[str, AddReport]] = {
    "coverage": coverage.add,
    "junit": junit.add,
    "sarif": sarif.add,
    "pylint": pylint.add,
    "radon": radon.add,
}
"""
By keyword of `output`. In order: radon weighs by the statements of coverage, and pylint's score is
preferred to radon's index.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """
    Scores from 0 to 100 and a ratio from 0 to 1; None where no report gives them.

    *findings* counts open security findings (zeros after a clean report), *issues* occurrences by rule.
    """

    test_coverage: float | None = None
    code_quality: float | None = None
    findings: dict[Severity, int] | None = None
    issues: Counter[str] | None = None
    test_success_ratio: float | None = None


def measure(paths: Mapping[str, Paths | None], refuse: Refuse) -> Measures:
    """
    Measures of all reports together.

    Args:
        paths: The paths of reports, by format; see `FORMATS`.
        refuse: Called with the path and the fault of each report that cannot be read, which is left out.
    """
    totals = ReportTotals()
    for name, add in FORMATS.items():
        read_reports(paths.get(name), partial(add, totals=totals), refuse)
    security = totals.security
    return Measures(
        test_coverage=share(totals.covered, totals.coverable, 100),
        code_quality=_code_quality(totals),
        findings=None if security is None else {severity: security[severity] for severity in Severity},
        issues=totals.issues,
        test_success_ratio=share(totals.tests_passed, totals.tests_run, 1),
    )


def _code_quality(totals: ReportTotals) -> float | None:
    """
    From findings where their number of statements is known, else the first score that a tool gives.
    """
    score = None
    if totals.levels is not None:
        score = quality_score(totals.levels, totals.statements or totals.lines_of_code)
    return next(iter(totals.quality_scores), None) if score is None else score
