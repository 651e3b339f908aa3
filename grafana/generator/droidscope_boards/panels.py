"""
Panels in the house style: each factory demands id, title, description, unit and queries.

Colours come from the thresholds the alerts are rendered from, and an absent value shows as a dash:
nothing known is not zero.
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
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
)
from grafana_foundation_sdk.models.dashboard import Threshold as Step
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


DATASOURCE: Final = DataSourceRef(type_val="prometheus", uid="${datasource}")
ABSENT: Final = "—"

SHORT: Final = "short"
RATIO: Final = "percentunit"
SECONDS: Final = "s"
USD: Final = "currencyUSD"
STATE: Final = "none"

RED: Final = "red"
ORANGE: Final = "orange"
YELLOW: Final = "yellow"
GREEN: Final = "green"
QUIET: Final = "text"
_BAR: Final = "blue"

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
_Value = TypeVar("_Value", bound=str)


class PanelQuery(NamedTuple):
    """
    One query of a chart and how its series are named.
    """

    expr: str
    legend: str = ""


class Column(NamedTuple):
    """
    One computed column of a table; *steps* colours its text, or the bar that it is drawn as up to *bar*;
    *names* says its values in words.
    """

    heading: str
    expr: str
    unit: str
    steps: dashboard.ThresholdsConfig | None = None
    bar: float | None = None
    names: ValueMap | None = None


# --- colours and sentences from thresholds ------------------------------------------------------


def low_is_bad(limit: float, target: float | None = None) -> dashboard.ThresholdsConfig:
    """
    Red below *limit*, orange below *target* where there is one, else green.
    """
    if target is None:
        return _steps((None, RED), (limit, GREEN))
    return _steps((None, RED), (limit, ORANGE), (target, GREEN))


def high_is_bad(limit: float) -> dashboard.ThresholdsConfig:
    """
    Green up to *limit*, red from there.
    """
    return _steps((None, GREEN), (limit, RED))


def named(names: Mapping[_Value, str | tuple[str, str]]) -> ValueMap:
    """
    Words for values, or words and a colour.
    """
    options: dict[str, ValueMappingResult] = {}
    for value, name in names.items():
        text, color = (name, None) if isinstance(name, str) else name
        options[value] = ValueMappingResult(text=text, color=color)
    return ValueMap(options=options)


def plain() -> dashboard.ThresholdsConfig:
    """
    One colour: there is no limit to judge by.
    """
    return _steps((None, QUIET))


def _steps(*steps: tuple[float | None, str]) -> dashboard.ThresholdsConfig:
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps([Step(*step) for step in steps])


# --- panels -------------------------------------------------------------------------------------


def stat_panel(id_: int, title: str, description: str, unit: str, query: PanelQuery) -> stat.Panel:
    """
    One number, or one a series, as of now.
    """
    panel = (
        stat.Panel()
        .with_target(_instant(query, "A").legend_format(query.legend))
        .thresholds(plain())
        .color_mode(BigValueColorMode.VALUE)
        .graph_mode(BigValueGraphMode.NONE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .height(4)
        .span(4)
    )
    return _dress(panel, id_, title, description, unit)


def today_panel(id_: int, title: str, description: str, unit: str, query: PanelQuery) -> stat.Panel:
    """
    One number of the day so far, in the time zone of the board; its query uses `$__range`.
    """
    return stat_panel(id_, title, description, unit, query).time_from("now/d")


def timeseries_panel(
    id_: int, title: str, description: str, unit: str, *queries: PanelQuery
) -> timeseries.Panel:
    """
    Lines over time; a gap is a gap.
    """
    panel = (
        timeseries.Panel()
        .targets([_range(query, ref) for query, ref in zip(queries, _refs(queries), strict=True)])
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
    return _dress(panel, id_, title, description, unit)


def state_timeline_panel(
    id_: int, title: str, description: str, query: PanelQuery, names: ValueMap
) -> statetimeline.Panel:
    """
    A band a series over time, coloured and named by its state.
    """
    panel = (
        statetimeline.Panel()
        .with_target(_range(query, "A"))
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
    return _dress(panel, id_, title, description, STATE)


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


def linked(panel: table.Panel, heading: str, board: str, variable: str) -> table.Panel:
    """
    *panel* whose column *heading* leads to another board, with its value as *variable* there.
    """
    kept = "${orchestrator:queryparam}&${datasource:queryparam}&${__url_time_range}"
    link = {"title": f"Open in {board}", "url": f"/d/{board}?var-{variable}=${{__value.raw}}&{kept}"}
    return panel.override_by_name(heading, [DynamicConfigValue("links", [link])])


def bar_gauge_panel(id_: int, title: str, description: str, unit: str, query: PanelQuery) -> bargauge.Panel:
    """
    One horizontal bar a series, as of now.
    """
    panel = (
        bargauge.Panel()
        .with_target(_instant(query, "A").legend_format(query.legend))
        .display_mode(BarGaugeDisplayMode.BASIC)
        .orientation(VizOrientation.HORIZONTAL)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .thresholds(plain())
        .min(0)
        .height(8)
        .span(12)
    )
    return _dress(panel, id_, title, description, unit)


def table_panel(
    id_: int,
    title: str,
    description: str,
    keys: Mapping[str, str],
    columns: Sequence[Column],
    *,
    sort: str,
    descending: bool = True,
    limit: int | None = None,
    names: Mapping[str, ValueMap] | None = None,
) -> table.Panel:
    """
    A row for each set of labels: *keys* are the labels and their headings, then one *column* a query.

    Rows meet by the labels that all queries share; one query may know a label more. *names* says the
    labels under some headings in words.
    """
    refs = _refs(columns)
    value = _value_names(refs)
    renamed = {**keys, **{value[ref]: column.heading for ref, column in zip(refs, columns, strict=True)}}
    panel = (
        table.Panel()
        .targets(
            [
                _instant(PanelQuery(column.expr), ref, rows=True)
                for ref, column in zip(refs, columns, strict=True)
            ]
        )
        .with_transformation(_transformation("merge"))
        .with_transformation(organize(renamed))
        .with_transformation(sort_by(sort, descending=descending))
        .height(9)
        .span(24)
    )
    if limit is not None:
        panel = panel.with_transformation(_transformation("limit", limitField=limit))
    for heading, words in (names or {}).items():
        panel = panel.override_by_name(heading, _words(words))
    for column in columns:
        panel = panel.override_by_name(column.heading, _cell(column))
    return _dress(panel, id_, title, description, SHORT)


def label_table_panel(
    id_: int,
    title: str,
    description: str,
    keys: Mapping[str, str],
    expr: str,
    names: Mapping[str, ValueMap] | None = None,
) -> table.Panel:
    """
    A table of labels alone, the value left out: one row a series; *names* as for `table_panel`.
    """
    panel = (
        table.Panel()
        .with_target(_instant(PanelQuery(expr), "A", rows=True))
        .with_transformation(organize(keys, exclude=("Time", "Value")))
        .height(8)
        .span(12)
    )
    for heading, words in (names or {}).items():
        panel = panel.override_by_name(heading, _words(words))
    return _dress(panel, id_, title, description, STATE)


def matrix_panel(
    id_: int, title: str, description: str, unit: str, expr: str, row: str, column: str
) -> table.Panel:
    """
    A table of *row* by *column* labels whose cells are coloured by value.
    """
    cell = DynamicConfigValue("custom.cellOptions", {"type": "color-background", "mode": "gradient"})
    panel = (
        table.Panel()
        .with_target(_instant(PanelQuery(expr), "A", rows=True))
        .with_transformation(
            _transformation("groupingToMatrix", rowField=row, columnField=column, valueField="Value")
        )
        .override_by_field_type("number", [cell])
        .thresholds(plain())
        .height(9)
        .span(12)
    )
    return _dress(panel, id_, title, description, unit)


def heatmap_panel(id_: int, title: str, description: str, unit: str, query: PanelQuery) -> heatmap.Panel:
    """
    Classic buckets over time: a column is an interval, its colour how many fell into a bucket.
    """
    panel = (
        heatmap.Panel()
        .with_target(_range(PanelQuery(query.expr, "{{le}}"), "A").format(PromQueryFormat.HEATMAP))
        .calculate(False)
        .y_axis(_y_axis(unit))
        .show_legend()
        .height(9)
        .span(12)
    )
    return _dress(panel, id_, title, description, unit)


def node_graph_panel(id_: int, title: str, description: str, unit: str, expr: str) -> nodegraph.Panel:
    """
    A graph of the edges *expr*, whose labels are id, source and target; a node shows what comes in.

    The panel looks for the field name `mainstat`, and only the alias of a calculated field sets one.
    """
    alias = _transformation(
        "calculateField", mode="reduceRow", reduce={"reducer": "sum", "include": ["Value"]}, alias="mainstat"
    )
    panel = (
        nodegraph.Panel()
        .with_target(_instant(PanelQuery(expr), "A", rows=True))
        .with_transformation(alias)
        .nodes(nodegraph.NodeOptions().main_stat_unit(unit))
        .edges(nodegraph.EdgeOptions().main_stat_unit(unit))
        .height(12)
        .span(12)
    )
    return _dress(panel, id_, title, description, unit)


# --- transformations ----------------------------------------------------------------------------


def organize(names: Mapping[str, str], exclude: Sequence[str] = ("Time",)) -> DataTransformerConfig:
    """
    Rename fields to headings, in that order, and leave out *exclude*.
    """
    return _transformation(
        "organize",
        excludeByName=dict.fromkeys(exclude, True),
        indexByName={name: index for index, name in enumerate(names)},
        renameByName=dict(names),
    )


def sort_by(heading: str, *, descending: bool) -> DataTransformerConfig:
    """
    Order the rows by one column.
    """
    return _transformation("sortBy", fields={}, sort=[{"field": heading, "desc": descending}])


def cumulative(heading: str, alias: str) -> DataTransformerConfig:
    """
    A further column: the running total of another.
    """
    return _transformation(
        "calculateField",
        mode="cumulativeFunctions",
        cumulative={"field": heading, "reducer": "sum"},
        alias=alias,
    )


def _transformation(id_: str, **options: object) -> DataTransformerConfig:
    return DataTransformerConfig(id_val=id_, options=options)


# --- private parts ------------------------------------------------------------------------------


def _dress(panel: _P, id_: int, title: str, description: str, unit: str) -> _P:
    return (
        panel.id(id_).title(title).description(description).unit(unit).no_value(ABSENT).datasource(DATASOURCE)
    )


def _target(expr: str, ref: str) -> Dataquery:
    return Dataquery().expr(expr).ref_id(ref).datasource(DATASOURCE)


def _range(query: PanelQuery, ref: str) -> Dataquery:
    return _target(query.expr, ref).range().legend_format(query.legend)


def _instant(query: PanelQuery, ref: str, *, rows: bool = False) -> Dataquery:
    target = _target(query.expr, ref).instant()
    return target.format(PromQueryFormat.TABLE) if rows else target


def _refs(queries: Sequence[object]) -> list[str]:
    return [chr(ord("A") + index) for index in range(len(queries))]


def _value_names(refs: Sequence[str]) -> dict[str, str]:
    # Grafana names the value field after its query only where there are several.
    return {ref: f"Value #{ref}" if len(refs) > 1 else "Value" for ref in refs}


def _cell(column: Column) -> list[DynamicConfigValue]:
    properties = [DynamicConfigValue("unit", column.unit)]
    cell: dict[str, object] | None = None
    steps = column.steps
    if column.names is not None:
        properties.append(DynamicConfigValue("mappings", [column.names]))
        cell = {"type": "color-text"}
    if column.bar is not None:
        properties += [DynamicConfigValue("min", 0), DynamicConfigValue("max", column.bar)]
        cell = {"type": "gauge", "mode": "basic", "valueDisplayMode": "text"}
        steps = steps or _steps((None, _BAR))
    if steps is not None:
        properties.append(DynamicConfigValue("thresholds", steps.build()))
        cell = cell or {"type": "color-text"}
    if cell is not None:
        properties.append(DynamicConfigValue("custom.cellOptions", cell))
    return properties


def _words(names: ValueMap) -> list[DynamicConfigValue]:
    is_coloured = any(name.color is not None for name in names.options.values())
    cell = {"type": "color-text" if is_coloured else "auto", "wrapText": True}
    return [DynamicConfigValue("mappings", [names]), DynamicConfigValue("custom.cellOptions", cell)]


def _y_axis(unit: str) -> heatmap.YAxisConfig:
    return heatmap.YAxisConfig().unit(unit)
