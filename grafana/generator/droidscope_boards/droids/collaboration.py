"""
Messages between droids, and response times.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from droidscope.conventions import metrics
from droidscope.conventions.matchers import label_is_not
from droidscope_boards.droids.scope import SCOPE
from droidscope_boards.layout import Row
from droidscope_boards.panels import PanelQuery, heatmap_panel, limited, node_graph_panel, timeseries_panel
from droidscope_boards.states import QUERY_OUTCOMES, coloured
from droidscope_boards.styles import SECONDS, SHORT, high_is_bad
from droidscope_boards.tables import matrix_panel

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders import heatmap, nodegraph, table, timeseries

    from droidscope_boards.limits import PanelLimits


def row(limits: PanelLimits) -> Row:
    """
    The row and its panels, from left to right.
    """
    return Row(
        102,
        "Collaboration",
        [
            messages_graph(),
            messages_matrix(),
            messages_timeseries(),
            queries_timeseries(limits),
            response_heatmap(),
            response_timeseries(limits),
        ],
    )


def messages_graph() -> nodegraph.Panel:
    """
    Messages by sender and receiver, as a graph.
    """
    joined = f'label_join({_edges()}, "id", "->", "source", "target")'
    return node_graph_panel(
        30,
        "Collaboration network",
        "Messages between droids over the time shown: an edge's figure is how many, a node's how many it "
        "received. At most 500 edges an orchestrator.",
        SHORT,
        joined,
    )


def messages_matrix() -> table.Panel:
    """
    The network as a table.
    """
    return matrix_panel(
        31,
        "Messages by sender and receiver",
        "Messages over the time shown, the sender in the row, the receiver in the column: the "
        "network as a table.",
        SHORT,
        _edges(),
        "source",
        "target",
    ).height(12)


def messages_timeseries() -> timeseries.Panel:
    """
    Messages per hour by type.
    """
    return timeseries_panel(
        32,
        "Messages per hour",
        "Messages sent in the hour before each point, by type; the variable droid does not apply.",
        SHORT,
        PanelQuery(SCOPE.judged(metrics.MESSAGES, ("message_type",), "1h"), "{{message_type}}"),
    )


def queries_timeseries(limits: PanelLimits) -> timeseries.Panel:
    """
    Queries per hour by outcome.
    """
    panel = timeseries_panel(
        33,
        "Queries per hour",
        "Queries to the chosen droids in the hour before each point, by outcome; answered means in time, and "
        "cancelled ones are in no ratio. "
        + limits.response.note_with("It also fires on any query left unanswered."),
        SHORT,
        PanelQuery(SCOPE.increase(metrics.QUERIES, ("outcome",), "1h"), "{{outcome}}"),
    )
    return coloured(panel, QUERY_OUTCOMES)


def response_heatmap() -> heatmap.Panel:
    """
    Distribution of response times.
    """
    return heatmap_panel(
        34,
        "Response times",
        "Response times of answered queries; the colour is the number of answers.",
        SECONDS,
        PanelQuery(SCOPE.increase(metrics.QUERY_RESPONSE, ("le",), "$__rate_interval", part="bucket")),
    )


def response_timeseries(limits: PanelLimits) -> timeseries.Panel:
    """
    Response time: mean, p50, p95.
    """
    panel = timeseries_panel(
        35,
        "Response time",
        "Response time of queries to the chosen droids, each point over the hour before it; quantiles "
        "from buckets. " + limits.response.note,
        SECONDS,
        PanelQuery(SCOPE.mean(metrics.QUERY_RESPONSE, (), "1h"), "mean"),
        PanelQuery(SCOPE.quantile(0.5, metrics.QUERY_RESPONSE, (), "1h"), "p50"),
        PanelQuery(SCOPE.quantile(0.95, metrics.QUERY_RESPONSE, (), "1h"), "p95"),
    )
    return limited(panel.height(9), high_is_bad(limits.response.limit))


def _edges() -> str:
    # The graph looks for labels called source and target; joining one label copies it.
    sent = SCOPE.increase(
        metrics.MESSAGE_EDGES,
        ("sender", "receiver"),
        "$__range",
        label_is_not("sender", ""),
        label_is_not("receiver", ""),
    )
    renamed = f'label_join(label_join({sent} > 0, "source", "", "sender"), "target", "", "receiver")'
    return f"round(sum by (source, target) ({renamed}))"
