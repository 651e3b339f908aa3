"""
The tables of what the exporter finds by itself, as they stand on all boards: bottlenecks, and advice.

Series carry ids; the boards say them in the words of `conventions.findings`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from droidscope.conventions import insight_kinds, metrics
from droidscope.conventions.scoring import SLOW_FACTOR
from droidscope_boards.panels import SHORT, Column, named, table_panel

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders import table

    from droidscope.rules.promql import Scope

OF_PATTERN: Final = 'subject=~"$pattern(/.*)?"'
"""
The subjects that are a chosen pattern or in one; with all chosen also droids.
"""

_KINDS: Final = named(insight_kinds.BOTTLENECKS)
_ABOUT: Final = named(insight_kinds.RECOMMENDATIONS)
_WHAT: Final = named({rule.id: rule.what for rule in insight_kinds.ADVICE})
_WHEN: Final = named({rule.id: rule.when for rule in insight_kinds.ADVICE})


def impact(scope: Scope, by: tuple[str, ...], subject: str) -> str:
    """
    Impact of the bottlenecks of *subject*, of each by the labels *by* the worst.
    """
    return scope.kpi(metrics.BOTTLENECK_IMPACT, by, "$window", subject)


def bottlenecks_table(id_: int, scope: Scope, subject: str) -> table.Panel:
    """
    What costs most, by impact.
    """
    by = ("orchestrator", "kind", "subject")
    return table_panel(
        id_,
        "Bottlenecks",
        "What slows the work down over the chosen window. Impact = 100 x the share of the outcome that it "
        "costs, time lost of session time or syntheses not integrated of all; sessions that show it: "
        f"/api/v1/bottlenecks. A phase is slow from {SLOW_FACTOR:g} times what is usual for it.",
        {"kind": "Kind", "subject": "Subject", "orchestrator": "Orchestrator"},
        [Column("Impact", impact(scope, by, subject), SHORT, bar=100)],
        sort="Impact",
        limit=20,
        names={"Kind": _KINDS},
    )


def recommendations_table(id_: int, title: str, scope: Scope, subject: str, limit: int = 20) -> table.Panel:
    """
    What to do and why, what matters most first.
    """
    by = ("orchestrator", "kind", "subject", "rule")
    advised = scope.kpi(metrics.RECOMMENDATION_IMPACT, by, "$window", subject)
    return table_panel(
        id_,
        title,
        "What would help most over the chosen window, and why. Impact, 0 to 100, is that of the finding "
        "behind it: the share of the outcome that is lost; each with its evidence and the improvement to "
        "expect: /api/v1/recommendations.",
        {
            "rule": "What to do",
            "subject": "Subject",
            "why": "Why",
            "kind": "About",
            "orchestrator": "Orchestrator",
        },
        # A column is a label: the rule's id is said in two ways, so it is there twice.
        [Column("Impact", f'label_join({advised}, "why", "", "rule")', SHORT, bar=100)],
        sort="Impact",
        limit=limit,
        names={"What to do": _WHAT, "Why": _WHEN, "About": _ABOUT},
    )
