"""
The structs of bottlenecks and recommendations, as the API answers them.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from droidscope.conventions.insight_kinds import BottleneckKind, RecommendationKind

Unit = Literal["ratio", "seconds", "queries", "messages"]


class SessionRef(Struct, frozen=True):
    """
    An example session of an insight; *trace_id* is "" if it is not known.
    """

    session_id: str
    trace_id: str
    time_seconds: float


class Bottleneck(Struct, frozen=True):
    """
    Something that costs a share of the outcome: *impact_score*, 0 to 100.

    *subject* is `pattern/phase`, a droid or a pattern; *pattern*, *phase* and *droid* are its parts.
    *value* is beyond *baseline*, both in *unit*; *n* is the number of phases, tasks, queries or syntheses
    of the window that were examined, *flagged* how many of them are beyond it. *lost_seconds* and
    *excess_percent* are null where a kind has none. *sessions* are at most five examples, the clearest first.
    """

    kind: BottleneckKind
    orchestrator: str
    window: str
    subject: str
    description: str
    impact_score: float
    value: float
    baseline: float
    unit: Unit
    n: int
    flagged: int
    pattern: str | None = None
    phase: str | None = None
    droid: str | None = None
    excess_percent: float | None = None
    lost_seconds: float | None = None
    sessions: list[SessionRef] = []
    recommendations: list[str] = []


class Improvement(Struct, frozen=True):
    """
    The most that following a recommendation can gain, as a change of *metric*, a ratio from 0 to 1.

    The *estimate* lies within its 95 % interval from *low* to *high*, which are null where no interval can
    be computed.
    """

    metric: str
    estimate: float
    low: float | None
    high: float | None
    text: str


class Recommendation(Struct, frozen=True):
    """
    What to change, by a rule of the closed set, with the evidence for it.

    *impact_score* is 0 to 100. *value* and *baseline*, both in *unit*, are the evidence, from *n* sessions,
    tasks, queries or messages of the window. *expected_improvement* is computed from them, null where they
    do not allow it. *subject* is a pattern, a droid, `pattern/phase` or `pattern/task type/droid`.
    """

    kind: RecommendationKind
    rule: str
    orchestrator: str
    window: str
    subject: str
    description: str
    recommendations: list[str]
    impact_score: float
    value: float
    baseline: float
    unit: Unit
    n: int
    expected_improvement: Improvement | None = None
    pattern: str | None = None
    phase: str | None = None
    droid: str | None = None
    sessions: list[SessionRef] = []
