"""
The closed set of rules by which advice is given: each has an id, a kind, and what to do.

A rule's id is the label of `orchestrator_recommendation_impact_score`; docs/insights.md lists them all.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

BottleneckKind = Literal["phase_duration", "droid_performance", "communication", "integration"]
RecommendationKind = Literal["pattern_optimization", "droid_assignment", "phase_sequencing", "communication"]


class Rule(NamedTuple):
    """
    What is advised, when, and how to go about it; a step may name the place with {where}.
    """

    id: str
    kind: RecommendationKind
    when: str
    steps: tuple[str, ...]


REVIEW_FAILURE_POINTS: Final = Rule(
    "review_failure_points",
    "pattern_optimization",
    "A pattern surely succeeds less often than 85 %.",
    (
        "Review its top failure points: {points}.",
        "Add a quality gate before {where}.",
        "Consider splitting the pattern, so that what fails can be retried alone.",
    ),
)
WATCH_FAILURE_POINTS: Final = Rule(
    "watch_failure_points",
    "pattern_optimization",
    "A pattern succeeds less often than 85 %, which may still be chance.",
    ("Watch its failure points: {points}.", "Wait for more sessions before changing it."),
)
REASSIGN_TASKS: Final = Rule(
    "reassign_tasks",
    "droid_assignment",
    "Another droid surely completes more of a kind of task.",
    ("Give these tasks to {where}.", "Compare both droids' prompts, tools and models."),
)
RUN_IN_PARALLEL: Final = Rule(
    "run_phases_in_parallel",
    "phase_sequencing",
    "Phases wait for others that they do not depend on.",
    ("Start these as soon as what they depend on has ended: {where}.",),
)
BATCH_MESSAGES: Final = Rule(
    "batch_messages",
    "communication",
    "A droid sends more messages a session than are of use.",
    ("Batch its messages.", "Put what all droids need into the session's shared context."),
)
SHORTEN_WAITS: Final = Rule(
    "shorten_waits",
    "communication",
    "Phases spend too much of their time waiting for answers.",
    ("Ask before the answer is needed, and go on meanwhile.", "Set a deadline for each query."),
)
ANSWER_QUERIES: Final = Rule(
    "answer_queries",
    "communication",
    "Queries to a droid stay unanswered.",
    ("Set a deadline and a fallback for queries to it.", "Route them to a droid that is running."),
)
SPEED_UP_RESPONSES: Final = Rule(
    "speed_up_responses",
    "communication",
    "A droid takes longer than five minutes to answer.",
    ("Route queries to it directly, not through the orchestrator.", "Give it fewer tasks at once."),
)

RULES: Final = (
    REVIEW_FAILURE_POINTS,
    WATCH_FAILURE_POINTS,
    REASSIGN_TASKS,
    RUN_IN_PARALLEL,
    BATCH_MESSAGES,
    SHORTEN_WAITS,
    ANSWER_QUERIES,
    SPEED_UP_RESPONSES,
)

REMEDIES: Final[dict[BottleneckKind, tuple[str, ...]]] = {
    "phase_duration": (
        "Look at the critical path of the slowest sessions: which task holds the phase?",
        "Run the phase's tasks in parallel, or split its longest one.",
        "Give the phase a time limit and a plan.",
    ),
    "droid_performance": (
        "Compare its model, prompts and tools with those of the droids that do the same work.",
        "Give its tasks to a faster droid, or split them.",
    ),
    "communication": (
        "Set deadlines for queries, and go on without the answer where possible.",
        "Ask the droid that knows directly.",
    ),
    "integration": (
        "Agree on interfaces before the phases that build on them.",
        "Add a gate that checks for conflicts before the synthesis.",
    ),
}
"""
What helps against each kind of bottleneck.
"""
