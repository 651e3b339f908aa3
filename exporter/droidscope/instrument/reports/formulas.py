"""
The formulas of scores. Definitions: docs/instrumentation.md#reports.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from droidscope.conventions.attributes import Severity

PENALTIES: Final = {Severity.CRITICAL: 30, Severity.HIGH: 20, Severity.MEDIUM: 10, Severity.LOW: 2}
"""
Points of 100 that an open security finding costs.
"""

_ERROR_WEIGHT: Final = 5


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
    Security from 0 to 100: 100 less `PENALTIES` for each open finding.
    """
    return float(max(0, 100 - sum(PENALTIES[severity] * number for severity, number in findings.items())))


def share(part: int, whole: int, scale: float) -> float | None:
    """
    *part* of *whole* on a scale from 0 to *scale*; None of nothing.
    """
    return scale * part / whole if whole > 0 else None
