"""
Takes the queries out of rendered boards, with variables filled in, so that tests can run them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

EVERYTHING = {
    "datasource": "prometheus",
    "orchestrator": ".*",
    "pattern": ".*",
    "droid": ".*",
    "window": "24h",
    "__range": "24h",
    "__rate_interval": "1m",
}
"""
Values of the variables when nothing is chosen, as Grafana would fill them in.
"""

_VARIABLE = re.compile(r"\$(?:\{(\w+)(?::\w+)?\}|(\w+))")


class PanelQuery(NamedTuple):
    """
    One query of one panel, as Prometheus would get it.
    """

    panel: str
    expr: str
    kind: Literal["instant", "range"]


def substitute(text: str, variables: Mapping[str, str]) -> str:
    """
    *text* with its variables filled in.

    Raises:
        KeyError: If it names one that is not among *variables*.
    """
    return _VARIABLE.sub(lambda found: variables[found[1] or found[2]], text)


def panels(dashboard: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """
    Every panel but the rows, those inside collapsed rows too.
    """
    for panel in dashboard["panels"]:
        if panel["type"] != "row":
            yield panel
        yield from panel.get("panels") or ()


def panel_queries(
    dashboard: Mapping[str, Any], variables: Mapping[str, str] | None = None
) -> list[PanelQuery]:
    """
    Every query of every panel, *variables* going before the usual values.
    """
    values = {**EVERYTHING, **(variables or {})}
    return [
        PanelQuery(
            panel["title"],
            substitute(target["expr"], values),
            "instant" if target.get("instant") else "range",
        )
        for panel in panels(dashboard)
        for target in panel["targets"]
    ]


def other_queries(dashboard: Mapping[str, Any], variables: Mapping[str, str] | None = None) -> list[str]:
    """
    Queries of annotations, and the selectors whose labels fill the variables.
    """
    values = {**EVERYTHING, **(variables or {})}
    annotations = [one["expr"] for one in dashboard["annotations"]["list"]]
    lookups = [
        re.fullmatch(r"label_values\((.+), \w+\)", variable["query"])[1]
        for variable in dashboard["templating"]["list"]
        if variable["type"] == "query"
    ]
    return [substitute(query, values) for query in (*annotations, *lookups)]
