"""
What the reports of one output contain together, before scores are made of it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from droidscope.conventions.attributes import Severity


@dataclass(slots=True)
class ReportTotals:
    """
    Sums over all reports of one output; each format adds its part, or nothing if a report is malformed.
    """

    covered: int = 0
    """
    Lines and branches that tests reach, of *coverable* ones.
    """
    coverable: int = 0
    statements: int = 0
    """
    Statements by coverage reports; *file_statements* has them by file where the report does.
    """
    file_statements: dict[str, int] = field(default_factory=dict)
    tests_run: int = 0
    """
    Tests that ran, skipped ones left out; *tests_passed* of them neither failed nor ended in an error.
    """
    tests_passed: int = 0
    levels: Counter[str] | None = None
    """
    Open quality findings by SARIF level; None where no quality tool has run.
    """
    security: Counter[Severity] | None = None
    """
    Open security findings by severity; None where no security tool has run.
    """
    issues: Counter[str] | None = None
    """
    Occurrences by rule; None where no report lists any.
    """
    lines_of_code: int = 0
    """
    Lines by bandit's count, for projects without a coverage report.
    """
    quality_scores: list[float] = field(default_factory=list)
    """
    Code quality from 0 to 100 as the tools themselves give it, in the order in which they are preferred.
    """

    def add_issues(self, issues: Counter[str]) -> None:
        """
        Add occurrences by rule; a report without any still makes the issues known.
        """
        if self.issues is None:
            self.issues = Counter()
        self.issues.update(issues)
