"""
The kinds of bottlenecks and recommendations and the states of droids, with the texts shown for them.

All are closed sets: labels of series have no other values. The detectors, boards and pages read them from
here; docs/insights.md lists them.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from droidscope.conventions.thresholds import RESPONSE_LIMIT_SECONDS, SUCCESS_TARGET
from droidscope.formatting import exact_duration, exact_percent

BottleneckKind = Literal["phase_duration", "droid_performance", "communication", "integration"]
RecommendationKind = Literal["pattern_optimization", "droid_assignment", "phase_sequencing", "communication"]
DroidStatus = Literal["healthy", "degraded", "overloaded", "offline"]

BOTTLENECK_TITLES: Final[dict[BottleneckKind, str]] = {
    "phase_duration": "Slow phase",
    "droid_performance": "Slow droid",
    "communication": "Slow communication",
    "integration": "Weak integration",
}
"""
The title of each kind of bottleneck.
"""

REMEDIES: Final[dict[BottleneckKind, tuple[str, ...]]] = {
    "phase_duration": (
        "Check the critical path of the slowest sessions: which task delays the phase?",
        "Run the phase's tasks in parallel, or split its longest one.",
        "Give the phase a time limit and a plan.",
    ),
    "droid_performance": (
        "Compare its model, prompts and tools with those of the droids that do the same work.",
        "Assign its tasks to a faster droid, or split them.",
    ),
    "communication": (
        "Set deadlines for queries, and continue without the answer where possible.",
        "Send queries directly to the droid that can answer them.",
    ),
    "integration": (
        "Define interfaces before the phases that use them.",
        "Add a gate that checks for conflicts before the synthesis.",
    ),
}
"""
What helps against each kind of bottleneck.
"""

RECOMMENDATION_TITLES: Final[dict[RecommendationKind, str]] = {
    "pattern_optimization": "Pattern",
    "droid_assignment": "Assignment",
    "phase_sequencing": "Sequence",
    "communication": "Communication",
}
"""
What each kind of recommendation is about.
"""

STATUSES: Final[tuple[DroidStatus, ...]] = ("healthy", "degraded", "overloaded", "offline")
"""
The states of a droid, in the order of their series.
"""


class RecommendationRule(NamedTuple):
    """
    A rule that gives recommendations.

    *id* is the value of the label `rule`. *summary* is what to do, in one sentence, and *condition* when the
    rule applies. *steps* are the details; they may contain {target} and {points}, which the rule fills in.
    """

    id: str
    kind: RecommendationKind
    summary: str
    condition: str
    steps: tuple[str, ...]


REVIEW_FAILURE_POINTS: Final = RecommendationRule(
    id="review_failure_points",
    kind="pattern_optimization",
    summary="Review the pattern's top failure points, and add a gate before the first.",
    condition=f"The success rate of a pattern is below {exact_percent(SUCCESS_TARGET)} with 95% confidence.",
    steps=(
        "Review its top failure points: {points}.",
        "Add a quality gate before {target}.",
        "Consider splitting the pattern, so that the failing part can be retried alone.",
    ),
)
WATCH_FAILURE_POINTS: Final = RecommendationRule(
    id="watch_failure_points",
    kind="pattern_optimization",
    summary="Watch the pattern's failure points.",
    condition=f"The success rate of a pattern is below {exact_percent(SUCCESS_TARGET)}; the difference is "
    "not yet significant.",
    steps=("Watch its failure points: {points}.", "Wait for more sessions before changing it."),
)
REASSIGN_TASKS: Final = RecommendationRule(
    id="reassign_tasks",
    kind="droid_assignment",
    summary="Assign these tasks to the droid that completes the largest share of them.",
    condition="Another droid completes a larger share of the same type of tasks, with 95% confidence.",
    steps=("Assign these tasks to {target}.", "Compare both droids' prompts, tools and models."),
)
RUN_IN_PARALLEL: Final = RecommendationRule(
    id="run_phases_in_parallel",
    kind="phase_sequencing",
    summary="Start phases as soon as their dependencies have ended.",
    condition="Phases wait for other phases that they do not depend on.",
    steps=("Start these phases as soon as their dependencies have ended: {target}.",),
)
BATCH_MESSAGES: Final = RecommendationRule(
    id="batch_messages",
    kind="communication",
    summary="Batch the droid's messages.",
    condition="A droid sends more messages per session than are useful.",
    steps=(
        "Batch its messages.",
        "Put the information that all droids need into the session's shared context.",
    ),
)
SHORTEN_WAITS: Final = RecommendationRule(
    id="shorten_waits",
    kind="communication",
    summary="Send queries before their answers are needed, and continue meanwhile.",
    condition="Phases spend too much of their time waiting for answers.",
    steps=(
        "Send queries before their answers are needed, and continue meanwhile.",
        "Set a deadline for each query.",
    ),
)
ANSWER_QUERIES: Final = RecommendationRule(
    id="answer_queries",
    kind="communication",
    summary="Set a deadline and a fallback for queries to the droid.",
    condition="Queries to a droid remain unanswered.",
    steps=(
        "Set a deadline and a fallback for queries to it.",
        "Route them to a droid that is running.",
    ),
)
SPEED_UP_RESPONSES: Final = RecommendationRule(
    id="speed_up_responses",
    kind="communication",
    summary="Route queries to the droid directly.",
    condition=f"The mean response time of a droid is above {exact_duration(RESPONSE_LIMIT_SECONDS)}.",
    steps=(
        "Route queries to it directly, not through the orchestrator.",
        "Assign it fewer tasks at a time.",
    ),
)

RECOMMENDATION_RULES: Final = (
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
All rules.
"""
