"""
The frame all boards share: variables, links, annotations, time, rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from droidscope.conventions import metrics
from droidscope.rules.promql import Scope
from droidscope_boards.panels import DATASOURCE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.models.dashboard import Panel, VariableModel

    from droidscope.conventions.metrics import MetricSpec

TAG: Final = "orchestrator"
RENDERED_BY: Final = "Rendered by `droidscope boards render`; do not edit."

_DEFAULT_WINDOW: Final = "24h"


class Row(NamedTuple):
    """
    A titled row and its panels, laid out from left to right.
    """

    id: int
    title: str
    panels: Sequence[Builder[Panel]]


def board(
    uid: str,
    title: str,
    description: str,
    variables: Sequence[dashboard.QueryVariable],
    rows: Sequence[Row],
) -> dashboard.Dashboard:
    """
    A board: the common variables, then its own, then its rows.
    """
    page = (
        dashboard.Dashboard(f"Orchestrator / {title}")
        .uid(uid)
        .description(f"{description} {RENDERED_BY}")
        .tags([TAG])
        .readonly()
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .time("now-24h", "now")
        .timezone("browser")
        .refresh("30s")
        .link(_boards_link())
        .annotation(_alerts_annotation())
        .annotation(_versions_annotation())
        .variables([_datasource_variable(), _orchestrator_variable(), *variables, _window_variable()])
    )
    for row in rows:
        page = page.with_row(dashboard.Row(row.title).id(row.id))
        for panel in row.panels:
            page = page.with_panel(panel)
    return page


def pattern_variable() -> dashboard.QueryVariable:
    """
    The patterns of the chosen orchestrators.
    """
    return _query_variable("pattern", "Pattern", metrics.SESSIONS_STARTED, Scope(("orchestrator",)))


def droid_variable() -> dashboard.QueryVariable:
    """
    The droids of the chosen orchestrators.
    """
    return _query_variable("droid", "Droid", metrics.TASKS, Scope(("orchestrator",)))


def _orchestrator_variable() -> dashboard.QueryVariable:
    return _query_variable("orchestrator", "Orchestrator", metrics.SESSIONS_STARTED, Scope())


def _query_variable(name: str, label: str, metric: MetricSpec, scope: Scope) -> dashboard.QueryVariable:
    # All is `.*`, since `.+` would drop the series whose label is empty.
    query = f"label_values({scope.select(metric)}, {name})"
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(DATASOURCE)
        .query(query)
        .definition(query)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(VariableOption(selected=True, text="All", value="$__all"))
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
    )


def _datasource_variable() -> Builder[VariableModel]:
    return dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")


def _window_variable() -> Builder[VariableModel]:
    options = [
        VariableOption(selected=name == _DEFAULT_WINDOW, text=name, value=name) for name in metrics.WINDOWS
    ]
    return (
        dashboard.CustomVariable("window")
        .label("KPI window")
        .values(",".join(metrics.WINDOWS))
        .options(options)
        .current(VariableOption(selected=True, text=_DEFAULT_WINDOW, value=_DEFAULT_WINDOW))
    )


def _boards_link() -> dashboard.DashboardLink:
    return (
        dashboard.DashboardLink("Orchestrator")
        .type(DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .as_dropdown(True)
        .keep_time(True)
        .include_vars(True)
    )


def _alerts_annotation() -> dashboard.AnnotationQuery:
    return (
        dashboard.AnnotationQuery()
        .name("Alerts")
        .datasource(DATASOURCE)
        .enable(True)
        .icon_color("red")
        .expr('ALERTS{alertstate="firing", severity!="none", orchestrator=~"$orchestrator|"}')
        .title_format("{{alertname}}")
        .text_format("{{orchestrator}} {{pattern}} {{droid}}")
    )


def _versions_annotation() -> dashboard.AnnotationQuery:
    info = Scope().select(metrics.BUILD_INFO)
    return (
        dashboard.AnnotationQuery()
        .name("Exporter versions")
        .datasource(DATASOURCE)
        .enable(True)
        .icon_color("blue")
        .expr(f"count by (version) ({info}) unless count by (version) ({info} offset 5m)")
        .title_format("droidscope {{version}}")
    )
