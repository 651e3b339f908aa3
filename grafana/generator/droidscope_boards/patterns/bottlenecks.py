"""
Bottlenecks of patterns, and recommendations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from droidscope_boards.insight_panels import OF_PATTERN, bottlenecks_table, impact, recommendations_table
from droidscope_boards.layout import Row
from droidscope_boards.panels import PanelQuery, timeseries_panel
from droidscope_boards.patterns.scope import SCOPE
from droidscope_boards.styles import SHORT

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders import table, timeseries


def row() -> Row:
    """
    The row and its panels, from left to right.
    """
    return Row(
        103,
        "Bottlenecks and opportunities",
        [bottlenecks_of_patterns(), impact_timeseries(), opportunities_table()],
    )


def bottlenecks_of_patterns() -> table.Panel:
    """
    The bottlenecks of the chosen patterns.
    """
    return bottlenecks_table(30, SCOPE, OF_PATTERN).span(12)


def impact_timeseries() -> timeseries.Panel:
    """
    The worst bottleneck of each kind over time.
    """
    return timeseries_panel(
        31,
        "Worst bottleneck of each kind",
        "Largest impact of each kind of bottleneck, each point over the chosen window before it, "
        "0 to 100: 100 x the share of the outcome that is lost.",
        SHORT,
        PanelQuery(impact(SCOPE, ("orchestrator", "kind"), OF_PATTERN), "{{orchestrator}} {{kind}}"),
    ).height(9)


def opportunities_table() -> table.Panel:
    """
    The recommendations for the chosen patterns.
    """
    return recommendations_table(32, "Optimisation opportunities", SCOPE, OF_PATTERN)
