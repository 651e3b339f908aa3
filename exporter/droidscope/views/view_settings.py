"""
The settings of whatever is shown.
"""

from __future__ import annotations

from msgspec import Struct, field

from droidscope.limits.alert_limits import AlertLimits


class ViewSettings(Struct, frozen=True):
    """
    How the exporter is configured, as far as pages and API show it.

    *budgets_usd* is what a success may cost, by pattern; *resource_labels* are the names of the labels
    beside `orchestrator`; *droid_limits* is how many attempts a droid may have in flight, by its name;
    *alert_limits* are the limits of alerts.
    """

    budgets_usd: dict[str, float] = field(default_factory=dict)
    resource_labels: tuple[str, ...] = ()
    droid_limits: dict[str, int] = field(default_factory=dict)
    alert_limits: AlertLimits = AlertLimits()
