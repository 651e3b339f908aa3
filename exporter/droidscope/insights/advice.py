"""
How to go about the advice of each rule, and what helps against each kind of bottleneck.

The rules themselves are a closed set: conventions/insight_kinds.py.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from droidscope.conventions import insight_kinds
from droidscope.conventions.insight_kinds import BottleneckKind, RecommendationKind


class Rule(NamedTuple):
    """
    A rule of advice and how to go about it; a step may name the place with {where}.
    """

    id: str
    kind: RecommendationKind
    what: str
    when: str
    steps: tuple[str, ...]


REVIEW_FAILURE_POINTS: Final = Rule(
    *insight_kinds.REVIEW_FAILURE_POINTS,
    (
        "Review its top failure points: {points}.",
        "Add a quality gate before {where}.",
        "Consider splitting the pattern, so that what fails can be retried alone.",
    ),
)
WATCH_FAILURE_POINTS: Final = Rule(
    *insight_kinds.WATCH_FAILURE_POINTS,
    ("Watch its failure points: {points}.", "Wait for more sessions before changing it."),
)
REASSIGN_TASKS: Final = Rule(
    *insight_kinds.REASSIGN_TASKS,
    ("Give these tasks to {where}.", "Compare both droids' prompts, tools and models."),
)
RUN_IN_PARALLEL: Final = Rule(
    *insight_kinds.RUN_IN_PARALLEL,
    ("Start these as soon as what they depend on has ended: {where}.",),
)
BATCH_MESSAGES: Final = Rule(
    *insight_kinds.BATCH_MESSAGES,
    ("Batch its messages.", "Put what all droids need into the session's shared context."),
)
SHORTEN_WAITS: Final = Rule(
    *insight_kinds.SHORTEN_WAITS,
    ("Ask before the answer is needed, and go on meanwhile.", "Set a deadline for each query."),
)
ANSWER_QUERIES: Final = Rule(
    *insight_kinds.ANSWER_QUERIES,
    ("Set a deadline and a fallback for queries to it.", "Route them to a droid that is running."),
)
SPEED_UP_RESPONSES: Final = Rule(
    *insight_kinds.SPEED_UP_RESPONSES,
    ("Route queries to it directly, not through the orchestrator.", "Give it fewer tasks at once."),
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
