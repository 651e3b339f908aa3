"""
What may be asked of the API: a filter that is not given lets everything pass.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from droidscope.conventions.attributes import SessionStatus
from droidscope.conventions.insight_kinds import BottleneckKind, RecommendationKind
from droidscope.insights.forecasts import TrendWindow

Window = Literal["1h", "24h", "7d"]
Limit = Annotated[int, Meta(ge=1, le=1000)]


class NoQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """
    No parameters.
    """


class DashboardQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """
    Whose dashboard, and the window of its performance.
    """

    orchestrator: str | None = None
    window: Window = "24h"


class SessionsQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """
    Which sessions, and at most how many.
    """

    orchestrator: str | None = None
    pattern: str | None = None
    state: SessionStatus | None = None
    limit: Limit = 100


class DroidsQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """
    Which droids, at most how many, and the window of their KPIs.
    """

    orchestrator: str | None = None
    droid: str | None = None
    window: Window = "24h"
    limit: Limit = 100


class PatternsQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """
    Which patterns, at most how many, and the window of their KPIs.
    """

    orchestrator: str | None = None
    pattern: str | None = None
    window: Window = "24h"
    limit: Limit = 100


class AlertsQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """
    Which alerts, and at most how many.
    """

    orchestrator: str | None = None
    pattern: str | None = None
    droid: str | None = None
    limit: Limit = 100


class SessionQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """
    Which session; of several with one id the latest.
    """

    session_id: Annotated[str, Meta(min_length=1)]
    orchestrator: str | None = None


class CommunicationQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """
    Between whom: *droid* is either side. And at most how many edges.
    """

    orchestrator: str | None = None
    droid: str | None = None
    limit: Limit = 100


class InsightsQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """
    Whose insights, the window of its facts, and that of its trends: 7d by the hour, 30d by the day.
    """

    orchestrator: str | None = None
    window: Window = "24h"
    trend: TrendWindow = "7d"
    limit: Limit = 100


class BottlenecksQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """
    Which bottlenecks, at most how many, and the window they are sought in.
    """

    orchestrator: str | None = None
    pattern: str | None = None
    droid: str | None = None
    kind: BottleneckKind | None = None
    window: Window = "24h"
    limit: Limit = 100


class RecommendationsQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """
    Which recommendations, at most how many, and the window they rest on.
    """

    orchestrator: str | None = None
    pattern: str | None = None
    droid: str | None = None
    kind: RecommendationKind | None = None
    window: Window = "24h"
    limit: Limit = 100
