"""
Tables of bottlenecks and recommendations, which several boards have.

Series have ids as labels; the boards show the texts of `conventions.insight_kinds` instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from droidscope.conventions import insight_kinds, metrics
from droidscope.conventions.matchers import Matcher, label_matches
from droidscope.conventions.scoring import SLOW_FACTOR
from droidscope_boards.styles import SHORT, named
from droidscope_boards.tables import Column, table_panel

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders import table

    from droidscope.rules.promql import Scope

OF_PATTERN: Final = label_matches("subject", "$pattern(/.*)?")
"""
The subjects that are a chosen pattern or in one; with all chosen also droids.
"""

_KINDS: Final = named(insight_kinds.BOTTLENECK_TITLES)
_TYPES: Final = named(insight_kinds.RECOMMENDATION_TITLES)
_RECOMMENDATIONS: Final = named({rule.id: rule.summary for rule in insight_kinds.RECOMMENDATION_RULES})
_REASONS: Final = named({rule.id: rule.condition for rule in insight_kinds.RECOMMENDATION_RULES})


def impact(scope: Scope, by: tuple[str, ...], subject: Matcher) -> str:
    """
    Largest impact of the bottlenecks of *subject*, a matcher, by the labels *by*.
    """
    return scope.kpi(metrics.BOTTLENECK_IMPACT, by, "$window", subject)


def bottlenecks_table(id_: int, scope: Scope, subject: Matcher) -> table.Panel:
    """
    Bottlenecks, the largest impact first.
    """
    by = ("orchestrator", "kind", "subject")
    return table_panel(
        id_,
        "Bottlenecks",
        "Bottlenecks of the chosen window. Impact = 100 x the share that is lost: of session time, or of "
        "syntheses. Sessions that show it: /api/v1/bottlenecks. A phase is slow from "
        f"{SLOW_FACTOR:g} times its usual duration.",
        {"kind": "Kind", "subject": "Subject", "orchestrator": "Orchestrator"},
        [Column("Impact", impact(scope, by, subject), SHORT, bar=100)],
        sort="Impact",
        limit=20,
        names={"Kind": _KINDS},
    )


def recommendations_table(
    id_: int, title: str, scope: Scope, subject: Matcher, limit: int = 20
) -> table.Panel:
    """
    Recommendations, the largest impact first.
    """
    by = ("orchestrator", "kind", "subject", "rule")
    advised = scope.kpi(metrics.RECOMMENDATION_IMPACT, by, "$window", subject)
    return table_panel(
        id_,
        title,
        "Recommendations from the chosen window. Impact, 0 to 100, is that of the bottleneck or weakness "
        "behind it: the share of the outcome that is lost. With evidence and expected improvement: "
        "/api/v1/recommendations.",
        {
            "rule": "Recommendation",
            "subject": "Subject",
            "why": "Reason",
            "kind": "Type",
            "orchestrator": "Orchestrator",
        },
        # A column is a label: two texts of the rule need its id twice.
        [Column("Impact", f'label_join({advised}, "why", "", "rule")', SHORT, bar=100)],
        sort="Impact",
        limit=limit,
        names={"Recommendation": _RECOMMENDATIONS, "Reason": _REASONS, "Type": _TYPES},
    )
