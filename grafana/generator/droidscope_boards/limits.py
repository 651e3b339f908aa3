"""
Limits in colours and descriptions of panels: the defaults, or those of a user's file.
"""

from __future__ import annotations

from typing import NamedTuple

from droidscope.conventions import thresholds
from droidscope.conventions.attributes import Severity
from droidscope.conventions.thresholds import NO_WINDOW, SpecAlertCategory, Threshold
from droidscope.formatting import exact_duration, number
from droidscope.limits.alert_limits import AlertLimits


class PanelLimit(NamedTuple):
    """
    The limit of one alert, as it holds wherever no orchestrator or pattern has its own.

    *is_enabled* is whether the alert can fire there, *has_overrides* whether some have limits of their own:
    a panel has one set of colours, so those are only named.
    """

    threshold: Threshold[SpecAlertCategory]
    is_enabled: bool = True
    has_overrides: bool = False

    @property
    def limit(self) -> float:
        """
        The limit, in the unit of its alert.
        """
        return self.threshold.limit

    @property
    def note(self) -> str:
        """
        The sentence of a description that names the alert and its limit.
        """
        return self.note_with()

    def note_with(self, addition: str = "") -> str:
        """
        The note, with a further sentence about when the alert fires; without that where it is off.
        """
        name, own = self.threshold.name, " Some have limits of their own." if self.has_overrides else ""
        if not self.is_enabled:
            return f"Alert: {name}, switched off.{own}"
        volume = f" (from n = {self.threshold.minimum})" if self.threshold.minimum else ""
        window = f" over {self.threshold.window}" if self.threshold.window != NO_WINDOW else ""
        limit = f"{self.threshold.breached} {self._limit_text}"
        return f"Alert: {name}, {limit}{window}{volume}.{own} {addition}".rstrip()

    @property
    def _limit_text(self) -> str:
        if self.threshold.name == thresholds.LONG_DURATION.name:
            default = exact_duration(self.limit)
            return f"the settings session_limit and pattern_limits ({default} by default)"
        severities = self.threshold.finding_severities
        if severities and len(severities) < len(Severity):
            return f"{number(self.limit)} of severity {' or '.join(severities)}"
        return number(self.limit)


class PanelLimits(NamedTuple):
    """
    The limits that the boards show.
    """

    success: PanelLimit
    duration: PanelLimit
    errors: PanelLimit
    quality: PanelLimit
    findings: PanelLimit
    response: PanelLimit
    conflicts: PanelLimit


def panel_limits(limits: AlertLimits | None = None) -> PanelLimits:
    """
    What the boards show under *limits*, those of `overrides.load`, or by default.
    """
    adjusted = limits or AlertLimits()
    return PanelLimits(
        success=_panel_limit(adjusted, thresholds.LOW_SUCCESS_RATE),
        duration=_panel_limit(adjusted, thresholds.LONG_DURATION),
        errors=_panel_limit(adjusted, thresholds.HIGH_ERROR_RATE),
        quality=_panel_limit(adjusted, thresholds.LOW_CODE_QUALITY),
        findings=_panel_limit(adjusted, thresholds.SECURITY_ISSUES),
        response=_panel_limit(adjusted, thresholds.RESPONSE_TIME_HIGH),
        conflicts=_panel_limit(adjusted, thresholds.COMMUNICATION_CONFLICTS),
    )


def _panel_limit(limits: AlertLimits, threshold: Threshold[SpecAlertCategory]) -> PanelLimit:
    return PanelLimit(
        limits.of_orchestrator(threshold),
        is_enabled=limits.is_enabled(threshold),
        has_overrides=limits.has_overrides(threshold),
    )
