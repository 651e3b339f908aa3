"""
The security findings of each droid's latest report in each pattern: what is still open.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Final

from msgspec import Struct

from droidscope.bounded import BoundedMap
from droidscope.conventions.attributes import Severity
from droidscope.model.labels import OrchestratorLabels, Relabel, unchanged

SecurityReportKey = tuple[OrchestratorLabels, str, str]
"""
An orchestrator's label values, a pattern and a droid.
"""

REPORTS_LIMIT: Final = 10_000
"""
Keys whose latest report is known; the one reported longest ago is forgotten.
"""


class SecurityReport(Struct, frozen=True):
    """
    When a report was made (Unix nanoseconds) and its findings, by severity.
    """

    time_ns: int
    findings: dict[Severity, int]


class OpenSecurityFindings:
    """
    The newest report by key; reports may arrive in any order.
    """

    dump_type: ClassVar = list[tuple[SecurityReportKey, SecurityReport]]

    def __init__(self) -> None:
        self._latest: BoundedMap[SecurityReportKey, SecurityReport] = BoundedMap(REPORTS_LIMIT)

    def report(self, key: SecurityReportKey, time_ns: int, findings: dict[Severity, int]) -> None:
        """
        Take in a report, unless a newer one is known.
        """
        known = self._latest.get(key)
        if known is None or known.time_ns <= time_ns:
            self._latest[key] = SecurityReport(time_ns, findings)

    def __iter__(self) -> Iterator[tuple[SecurityReportKey, SecurityReport]]:
        return iter(self._latest.items())

    def dump(self) -> list[tuple[SecurityReportKey, SecurityReport]]:
        """
        The state for a checkpoint.
        """
        return list(self._latest.items())

    def load(
        self, dump: list[tuple[SecurityReportKey, SecurityReport]], relabel: Relabel = unchanged
    ) -> None:
        """
        Go on from a checkpoint.
        """
        reports = (
            ((relabel(orchestrator), pattern, droid), report)
            for (orchestrator, pattern, droid), report in dump
        )
        self._latest = BoundedMap(REPORTS_LIMIT, reports)
