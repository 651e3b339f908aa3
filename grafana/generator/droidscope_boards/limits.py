"""
Limits in colours and descriptions of panels: the defaults, or those of a user's file.
"""

from __future__ import annotations

from typing import NamedTuple

from msgspec.structs import replace

from droidscope.conventions import thresholds
from droidscope.conventions.thresholds import SpecAlertCategory, Threshold
from droidscope.rules.promql import number
from droidscope.rules.rule_variants import Adjustment, RuleLimits


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
        name, own = self.threshold.name, " Some have limits of their own." if self.has_overrides else ""
        if not self.is_enabled:
            return f"Alert: {name}, switched off.{own}"
        volume = f" (from n = {self.threshold.minimum})" if self.threshold.minimum else ""
        window = f" over {self.threshold.window}" if self.threshold.window != "0s" else ""
        limit = f"{self.threshold.breached} {number(self.limit)}"
        return f"Alert: {name}, {limit}{window}{volume}.{own}"


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


def panel_limits(limits: RuleLimits | None = None) -> PanelLimits:
    """
    What the boards show under *limits*, those of `overrides.load`, or by default.
    """
    adjusted = limits or RuleLimits()
    return PanelLimits(
        success=_panel_limit(adjusted, thresholds.LOW_SUCCESS_RATE),
        duration=_panel_limit(adjusted, thresholds.LONG_DURATION),
        errors=_panel_limit(adjusted, thresholds.HIGH_ERROR_RATE),
        quality=_panel_limit(adjusted, thresholds.LOW_CODE_QUALITY),
        findings=_panel_limit(adjusted, thresholds.SECURITY_ISSUES),
        response=_panel_limit(adjusted, thresholds.RESPONSE_TIME_HIGH),
        conflicts=_panel_limit(adjusted, thresholds.COMMUNICATION_CONFLICTS),
    )


def _panel_limit(limits: RuleLimits, threshold: Threshold[SpecAlertCategory]) -> PanelLimit:
    everywhere, overrides = limits.adjustments.get(threshold.name, Adjustment())
    changes = dict(everywhere)
    is_enabled = changes.pop("enabled", True)
    return PanelLimit(replace(threshold, **changes), is_enabled, bool(overrides))
