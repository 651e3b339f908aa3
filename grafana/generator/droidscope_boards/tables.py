"""
Tables: rows by label, columns by query, and their transformations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from grafana_foundation_sdk.builders import dashboard, table
from grafana_foundation_sdk.models.dashboard import DataTransformerConfig, DynamicConfigValue, ValueMap

from droidscope_boards.panels import PanelQuery, finished, instant_query, ref_ids, transformation
from droidscope_boards.styles import BAR, SHORT, STATE, plain, steps

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Column(NamedTuple):
    """
    One computed column of a table; *steps* colours its text, or the bar that it is drawn as up to *bar*;
    *names* are texts for its values.
    """

    heading: str
    expr: str
    unit: str
    steps: dashboard.ThresholdsConfig | None = None
    bar: float | None = None
    names: ValueMap | None = None


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

    Rows meet by the labels that all queries share; one query may know a label more. *names* are texts for the
    labels under some headings.
    """
    refs = ref_ids(columns)
    value = _value_names(refs)
    renamed = {**keys, **{value[ref]: column.heading for ref, column in zip(refs, columns, strict=True)}}
    panel = (
        table.Panel()
        .targets(
            [
                instant_query(PanelQuery(column.expr), ref, rows=True)
                for ref, column in zip(refs, columns, strict=True)
            ]
        )
        .with_transformation(transformation("merge"))
        .with_transformation(organize(renamed))
        .with_transformation(sort_by(sort, descending=descending))
        .height(9)
        .span(24)
    )
    if limit is not None:
        panel = panel.with_transformation(transformation("limit", limitField=limit))
    for heading, words in (names or {}).items():
        panel = panel.override_by_name(heading, _words(words))
    for column in columns:
        panel = panel.override_by_name(column.heading, _cell(column))
    return finished(panel, id_, title, description, SHORT)


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
        .with_target(instant_query(PanelQuery(expr), "A", rows=True))
        .with_transformation(organize(keys, exclude=("Time", "Value")))
        .height(8)
        .span(12)
    )
    for heading, words in (names or {}).items():
        panel = panel.override_by_name(heading, _words(words))
    return finished(panel, id_, title, description, STATE)


def matrix_panel(
    id_: int, title: str, description: str, unit: str, expr: str, row: str, column: str
) -> table.Panel:
    """
    A table of *row* by *column* labels whose cells are coloured by value.
    """
    cell = DynamicConfigValue("custom.cellOptions", {"type": "color-background", "mode": "gradient"})
    panel = (
        table.Panel()
        .with_target(instant_query(PanelQuery(expr), "A", rows=True))
        .with_transformation(
            transformation("groupingToMatrix", rowField=row, columnField=column, valueField="Value")
        )
        .override_by_field_type("number", [cell])
        .thresholds(plain())
        .height(9)
        .span(12)
    )
    return finished(panel, id_, title, description, unit)


def linked(panel: table.Panel, heading: str, board: str, variable: str) -> table.Panel:
    """
    *panel* whose column *heading* leads to another board, with its value as *variable* there.
    """
    kept = "${orchestrator:queryparam}&${datasource:queryparam}&${__url_time_range}"
    link = {"title": f"Open in {board}", "url": f"/d/{board}?var-{variable}=${{__value.raw}}&{kept}"}
    return panel.override_by_name(heading, [DynamicConfigValue("links", [link])])


# --- transformations ----------------------------------------------------------------------------


def organize(names: Mapping[str, str], exclude: Sequence[str] = ("Time",)) -> DataTransformerConfig:
    """
    Rename fields to headings, in that order, and leave out *exclude*.
    """
    return transformation(
        "organize",
        excludeByName=dict.fromkeys(exclude, True),
        indexByName={name: index for index, name in enumerate(names)},
        renameByName=dict(names),
    )


def sort_by(heading: str, *, descending: bool) -> DataTransformerConfig:
    """
    Order the rows by one column.
    """
    return transformation("sortBy", fields={}, sort=[{"field": heading, "desc": descending}])


def cumulative(heading: str, alias: str) -> DataTransformerConfig:
    """
    A further column: the cumulative sum of another.
    """
    return transformation(
        "calculateField",
        mode="cumulativeFunctions",
        cumulative={"field": heading, "reducer": "sum"},
        alias=alias,
    )


# --- cells --------------------------------------------------------------------------------------


def _value_names(refs: Sequence[str]) -> dict[str, str]:
    # Grafana names the value field after its query only where there are several.
    return {ref: f"Value #{ref}" if len(refs) > 1 else "Value" for ref in refs}


def _cell(column: Column) -> list[DynamicConfigValue]:
    properties = [DynamicConfigValue("unit", column.unit)]
    cell: dict[str, object] | None = None
    colours = column.steps
    if column.names is not None:
        properties.append(DynamicConfigValue("mappings", [column.names]))
        cell = {"type": "color-text"}
    if column.bar is not None:
        properties += [DynamicConfigValue("min", 0), DynamicConfigValue("max", column.bar)]
        cell = {"type": "gauge", "mode": "basic", "valueDisplayMode": "text"}
        colours = colours or steps((None, BAR))
    if colours is not None:
        properties.append(DynamicConfigValue("thresholds", colours.build()))
        cell = cell or {"type": "color-text"}
    if cell is not None:
        properties.append(DynamicConfigValue("custom.cellOptions", cell))
    return properties


def _words(names: ValueMap) -> list[DynamicConfigValue]:
    is_coloured = any(name.color is not None for name in names.options.values())
    cell = {"type": "color-text" if is_coloured else "auto", "wrapText": True}
    return [DynamicConfigValue("mappings", [names]), DynamicConfigValue("custom.cellOptions", cell)]
