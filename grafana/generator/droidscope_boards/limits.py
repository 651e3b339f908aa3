"""
The limits that colours and descriptions of panels are made from.
"""

from __future__ import annotations

from typing import NamedTuple

from droidscope.conventions import thresholds
from droidscope.conventions.thresholds import NO_WINDOW, SpecAlertCategory, Threshold
from droidscope.formatting import number
from droidscope.limits.variants import AlertLimits

SpecThreshold = Threshold[SpecAlertCategory]


class BoardLimits(NamedTuple):
    """
    The thresholds of the specification's alerts for all orchestrators: a panel has one colour for a value.

    *off* are names of alerts that nobody has.
    """

    success: SpecThreshold
    duration: SpecThreshold
    errors: SpecThreshold
    quality: SpecThreshold
    security: SpecThreshold
    response: SpecThreshold
    conflicts: SpecThreshold
    off: frozenset[str] = frozenset()

    def note(self, threshold: SpecThreshold) -> str:
        """
        The sentence of a description that names the alert and its limit.
        """
        if threshold.name in self.off:
            return f"The alert {threshold.name} is off."
        volume = f" (from n = {threshold.minimum})" if threshold.minimum else ""
        window = f" over {threshold.window}" if threshold.window != NO_WINDOW else ""
        return f"Alert: {threshold.name}, {threshold.breached} {number(threshold.limit)}{window}{volume}."


def board_limits(limits: AlertLimits) -> BoardLimits:
    """
    What *limits* set for all; limits of some orchestrators or patterns are left out.
    """
    return BoardLimits(
        success=limits.of_orchestrator(thresholds.LOW_SUCCESS_RATE),
        duration=limits.of_orchestrator(thresholds.LONG_DURATION),
        errors=limits.of_orchestrator(thresholds.HIGH_ERROR_RATE),
        quality=limits.of_orchestrator(thresholds.LOW_CODE_QUALITY),
        security=limits.of_orchestrator(thresholds.SECURITY_ISSUES),
        response=limits.of_orchestrator(thresholds.RESPONSE_TIME_HIGH),
        conflicts=limits.of_orchestrator(thresholds.COMMUNICATION_CONFLICTS),
        off=frozenset(threshold.name for threshold in thresholds.ALERTS if not limits.variants(threshold)),
    )
