"""
The closed sets of what the exporter finds by itself, each with the sentence that is said of it.

Rules of advice, series, boards and pages read these; docs/insights.md lists the rules and kinds.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from droidscope.conventions.thresholds import RESPONSE_LIMIT_SECONDS, SUCCESS_TARGET
from droidscope.formatting import percent

BottleneckKind = Literal["phase_duration", "droid_performance", "communication", "integration"]
RecommendationKind = Literal["pattern_optimization", "droid_assignment", "phase_sequencing", "communication"]
DroidStatus = Literal["healthy", "degraded", "overloaded", "offline"]

BOTTLENECKS: Final[dict[BottleneckKind, str]] = {
    "phase_duration": "Slow phase",
    "droid_performance": "Slow droid",
    "communication": "Slow communication",
    "integration": "Weak integration",
}
"""
What each kind of bottleneck is called.
"""

RECOMMENDATIONS: Final[dict[RecommendationKind, str]] = {
    "pattern_optimization": "Pattern",
    "droid_assignment": "Assignment",
    "phase_sequencing": "Sequence",
    "communication": "Communication",
}
"""
What each kind of advice is about.
"""

STATUSES: Final[tuple[DroidStatus, ...]] = ("healthy", "degraded", "overloaded", "offline")
"""
How a droid can be, in the order of its series.
"""


class Advice(NamedTuple):
    """
    A rule by which advice is given: its id, which is the label `rule`, its kind, what to do, and when.
    """

    id: str
    kind: RecommendationKind
    what: str
    when: str


REVIEW_FAILURE_POINTS: Final = Advice(
    "review_failure_points",
    "pattern_optimization",
    "Review the pattern's top failure points, and add a gate before the first.",
    f"A pattern surely succeeds less often than {percent(SUCCESS_TARGET)}.",
)
WATCH_FAILURE_POINTS: Final = Advice(
    "watch_failure_points",
    "pattern_optimization",
    "Watch the pattern's failure points.",
    f"A pattern succeeds less often than {percent(SUCCESS_TARGET)}, which may still be chance.",
)
REASSIGN_TASKS: Final = Advice(
    "reassign_tasks",
    "droid_assignment",
    "Give these tasks to the droid that does them best.",
    "Another droid surely completes more of a kind of task.",
)
RUN_IN_PARALLEL: Final = Advice(
    "run_phases_in_parallel",
    "phase_sequencing",
    "Start phases as soon as what they depend on has ended.",
    "Phases wait for others that they do not depend on.",
)
BATCH_MESSAGES: Final = Advice(
    "batch_messages",
    "communication",
    "Batch the droid's messages.",
    "A droid sends more messages a session than are of use.",
)
SHORTEN_WAITS: Final = Advice(
    "shorten_waits",
    "communication",
    "Ask before the answer is needed, and go on meanwhile.",
    "Phases spend too much of their time waiting for answers.",
)
ANSWER_QUERIES: Final = Advice(
    "answer_queries",
    "communication",
    "Set a deadline and a fallback for queries to the droid.",
    "Queries to a droid stay unanswered.",
)
SPEED_UP_RESPONSES: Final = Advice(
    "speed_up_responses",
    "communication",
    "Route queries to the droid directly.",
    f"A droid takes longer than {RESPONSE_LIMIT_SECONDS:g} s to answer.",
)

ADVICE: Final = (
    REVIEW_FAILURE_POINTS,
    WATCH_FAILURE_POINTS,
    REASSIGN_TASKS,
    RUN_IN_PARALLEL,
    BATCH_MESSAGES,
    SHORTEN_WAITS,
    ANSWER_QUERIES,
    SPEED_UP_RESPONSES,
)
"""
The rules.
"""
