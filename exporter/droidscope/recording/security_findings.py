"""
The security findings of each droid's latest report in each pattern: what is still open.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from droidscope.conventions.attributes import Severity
from droidscope.model.labels import OrchestratorLabels

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
    When a report was made (Unix nanoseconds) and what it found, by severity.
    """

    time_ns: int
    findings: dict[Severity, int]


class OpenSecurityFindings:
    """
    The newest report by key; reports may arrive in any order.
    """

    def __init__(self) -> None:
        self._latest: OrderedDict[SecurityReportKey, SecurityReport] = OrderedDict()

    def report(self, key: SecurityReportKey, time_ns: int, findings: dict[Severity, int]) -> None:
        """
        Take in a report, unless a newer one is known.
        """
        known = self._latest.get(key)
        if known is None or known.time_ns <= time_ns:
            self._latest[key] = SecurityReport(time_ns, findings)
            self._latest.move_to_end(key)
            if len(self._latest) > REPORTS_LIMIT:
                self._latest.popitem(last=False)

    def __iter__(self) -> Iterator[tuple[SecurityReportKey, SecurityReport]]:
        return iter(self._latest.items())

    def dump(self) -> list[tuple[SecurityReportKey, SecurityReport]]:
        """
        The state for a checkpoint.
        """
        return list(self._latest.items())

    def load(self, dump: list[tuple[SecurityReportKey, SecurityReport]]) -> None:
        """
        Go on from a checkpoint.
        """
        self._latest = OrderedDict(dump)
