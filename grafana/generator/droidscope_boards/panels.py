"""
Panels of one style: each factory requires id, title, description, unit and queries.

Colours come from the thresholds the alerts are rendered from, and an absent value shows as a dash:
unknown is not zero.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    heatmap,
    nodegraph,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.models.common import (
    BarGaugeDisplayMode,
    BigValueColorMode,
    BigValueGraphMode,
    DataSourceRef,
    GraphThresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    TooltipDisplayMode,
    VisibilityMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import (
    DataTransformerConfig,
    DynamicConfigValue,
    ValueMap,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from droidscope_boards.styles import STATE, plain

if TYPE_CHECKING:
    from collections.abc import Sequence


DATASOURCE: Final = DataSourceRef(type_val="prometheus", uid="${datasource}")
ABSENT: Final = "—"

_P = TypeVar(
    "_P",
    bargauge.Panel,
    heatmap.Panel,
    nodegraph.Panel,
    stat.Panel,
    statetimeline.Panel,
    table.Panel,
    timeseries.Panel,
)


class PanelQuery(NamedTuple):
    """
    One query of a chart and how its series are named.
    """

    expr: str
    legend: str = ""


# --- panels -------------------------------------------------------------------------------------


def stat_panel(id_: int, title: str, description: str, unit: str, query: PanelQuery) -> stat.Panel:
    """
    One number, or one for each series, as of now.
    """
    panel = (
        stat.Panel()
        .with_target(instant_query(query, "A").legend_format(query.legend))
        .thresholds(plain())
        .color_mode(BigValueColorMode.VALUE)
        .graph_mode(BigValueGraphMode.NONE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .height(4)
        .span(4)
    )
    return finished(panel, id_, title, description, unit)


def today_panel(id_: int, title: str, description: str, unit: str, query: PanelQuery) -> stat.Panel:
    """
    One number of the day so far, in the time zone of the board; its query uses `$__range`.
    """
    return stat_panel(id_, title, description, unit, query).time_from("now/d")


def timeseries_panel(
    id_: int, title: str, description: str, unit: str, *queries: PanelQuery
) -> timeseries.Panel:
    """
    Lines over time; gaps are not bridged.
    """
    panel = (
        timeseries.Panel()
        .targets([range_query(query, ref) for query, ref in zip(queries, ref_ids(queries), strict=True)])
        .line_width(1)
        .fill_opacity(10)
        .show_points(VisibilityMode.AUTO)
        .span_nulls(False)
        .legend(
            common.VizLegendOptions()
            .display_mode(LegendDisplayMode.LIST)
            .placement(LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING))
        .min(0)
        .height(8)
        .span(12)
    )
    return finished(panel, id_, title, description, unit)


def state_timeline_panel(
    id_: int, title: str, description: str, query: PanelQuery, names: ValueMap
) -> statetimeline.Panel:
    """
    A band for each series over time, coloured and named by its state.
    """
    panel = (
        statetimeline.Panel()
        .with_target(range_query(query, "A"))
        .mappings([names])
        .thresholds(plain())
        .merge_values(True)
        .show_value(VisibilityMode.AUTO)
        .row_height(0.85)
        .line_width(0)
        .fill_opacity(80)
        .legend(
            common.VizLegendOptions()
            .display_mode(LegendDisplayMode.LIST)
            .placement(LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .height(12)
        .span(12)
    )
    return finished(panel, id_, title, description, STATE)


def dashed(panel: timeseries.Panel, ref: str) -> timeseries.Panel:
    """
    *panel* with the series of one query as dashed lines without an area: limits that differ by series.
    """
    line = DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [8, 6]})
    return panel.override_by_query(ref, [line, DynamicConfigValue("custom.fillOpacity", 0)])


def limited(panel: timeseries.Panel, steps: dashboard.ThresholdsConfig) -> timeseries.Panel:
    """
    *panel* with its limits as dashed lines.
    """
    style = common.GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.DASHED)
    return panel.thresholds(steps).thresholds_style(style)


def bar_gauge_panel(id_: int, title: str, description: str, unit: str, query: PanelQuery) -> bargauge.Panel:
    """
    One horizontal bar for each series, as of now.
    """
    panel = (
        bargauge.Panel()
        .with_target(instant_query(query, "A").legend_format(query.legend))
        .display_mode(BarGaugeDisplayMode.BASIC)
        .orientation(VizOrientation.HORIZONTAL)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .thresholds(plain())
        .min(0)
        .height(8)
        .span(12)
    )
    return finished(panel, id_, title, description, unit)


def heatmap_panel(id_: int, title: str, description: str, unit: str, query: PanelQuery) -> heatmap.Panel:
    """
    Classic buckets over time: a column is an interval, its colour how many fell into a bucket.
    """
    panel = (
        heatmap.Panel()
        .with_target(range_query(PanelQuery(query.expr, "{{le}}"), "A").format(PromQueryFormat.HEATMAP))
        .calculate(False)
        .y_axis(_y_axis(unit))
        .show_legend()
        .height(9)
        .span(12)
    )
    return finished(panel, id_, title, description, unit)


def node_graph_panel(id_: int, title: str, description: str, unit: str, expr: str) -> nodegraph.Panel:
    """
    A graph of the edges *expr*, whose labels are id, source and target.

    A node shows the sum of its incoming edges. The
    panel looks for the field name `mainstat`, and only the alias of a calculated field sets one.
    """
    alias = transformation(
        "calculateField", mode="reduceRow", reduce={"reducer": "sum", "include": ["Value"]}, alias="mainstat"
    )
    panel = (
        nodegraph.Panel()
        .with_target(instant_query(PanelQuery(expr), "A", rows=True))
        .with_transformation(alias)
        .nodes(nodegraph.NodeOptions().main_stat_unit(unit))
        .edges(nodegraph.EdgeOptions().main_stat_unit(unit))
        .height(12)
        .span(12)
    )
    return finished(panel, id_, title, description, unit)


# --- parts of panels ----------------------------------------------------------------------------


def transformation(id_: str, **options: object) -> DataTransformerConfig:
    """
    A transformation of the query results, by its id in Grafana.
    """
    return DataTransformerConfig(id_val=id_, options=options)


def finished(panel: _P, id_: int, title: str, description: str, unit: str) -> _P:
    """
    *panel* with what every panel has: identity, texts, unit, data source, and a dash for no value.
    """
    return (
        panel.id(id_).title(title).description(description).unit(unit).no_value(ABSENT).datasource(DATASOURCE)
    )


def _target(expr: str, ref: str) -> Dataquery:
    return Dataquery().expr(expr).ref_id(ref).datasource(DATASOURCE)


def range_query(query: PanelQuery, ref: str) -> Dataquery:
    """
    *query* over the time range of the board.
    """
    return _target(query.expr, ref).range().legend_format(query.legend)


def instant_query(query: PanelQuery, ref: str, *, rows: bool = False) -> Dataquery:
    """
    *query* at the end of the time range; *rows* gives a row for each series.
    """
    target = _target(query.expr, ref).instant()
    return target.format(PromQueryFormat.TABLE) if rows else target


def ref_ids(queries: Sequence[object]) -> list[str]:
    """
    Ids of the queries of a panel: A, B, ...
    """
    return [chr(ord("A") + index) for index in range(len(queries))]


def _y_axis(unit: str) -> heatmap.YAxisConfig:
    return heatmap.YAxisConfig().unit(unit)
