"""
Usage of tokens, cost and tool calls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from droidscope.conventions import metrics
from droidscope.conventions.attributes import Outcome
from droidscope.conventions.matchers import outcome_is
from droidscope.rules.promql import quotient
from droidscope_boards.droids.scope import DROID, SCOPE, WINDOW
from droidscope_boards.layout import Row
from droidscope_boards.panels import PanelQuery, timeseries_panel
from droidscope_boards.styles import RATIO, SHORT, USD
from droidscope_boards.tables import Column, table_panel

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders import table, timeseries


def row() -> Row:
    """
    The row and its panels, from left to right.
    """
    return Row(104, "Usage", [tokens_timeseries(), cost_timeseries(), tools_table()])


def tokens_timeseries() -> timeseries.Panel:
    """
    Tokens per hour by direction.
    """
    return timeseries_panel(
        50,
        "Tokens per hour",
        "Tokens the chosen droids used in the hour before each point, by direction (input or output).",
        SHORT,
        PanelQuery(SCOPE.increase(metrics.TOKENS, ("direction",), "1h"), "{{direction}}"),
    )


def cost_timeseries() -> timeseries.Panel:
    """
    Cost per hour of each droid.
    """
    return timeseries_panel(
        51,
        "Cost per hour",
        "Cost of each droid in the hour before each point, as reported or priced.",
        USD,
        PanelQuery(SCOPE.increase(metrics.COST, DROID, "1h"), "{{droid}}"),
    )


def tools_table() -> table.Panel:
    """
    Tool calls of each droid.
    """
    by = (*DROID, "tool")
    failed = SCOPE.increase(metrics.TOOL_CALLS, by, WINDOW, outcome_is(Outcome.FAILED))
    calls = SCOPE.judged(metrics.TOOL_CALLS, by, WINDOW)
    return table_panel(
        52,
        "Tools",
        "Tool calls of each droid over the chosen window, and how many of them failed.",
        {"droid": "Droid", "tool": "Tool", "orchestrator": "Orchestrator"},
        [Column("Calls", f"round({calls})", SHORT), Column("Failed", quotient(failed, calls), RATIO)],
        sort="Calls",
    )
