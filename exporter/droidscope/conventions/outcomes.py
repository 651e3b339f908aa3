"""
Outcomes that ratios are over, of each kind of record, and of each family that counts them.

Every other outcome is counted and decides nothing: cancelled, unknown, skipped, and whatever word comes
later. So nothing selects by `outcome!=`, and no ratio is over all outcomes of a family.

Definition: docs/kpis.md#entities-and-outcomes
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from droidscope.conventions import metrics as m
from droidscope.conventions.attributes import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from droidscope.conventions.metrics import MetricSpec

SESSION_ENDS: Final = (Outcome.COMPLETED, Outcome.FAILED, Outcome.LOST)
SESSION_FAILURES: Final = (Outcome.FAILED, Outcome.LOST)
UNJUDGED_SESSION_ENDS: Final = (Outcome.CANCELLED, Outcome.UNKNOWN)
"""
What a session that was lost may have become after all, and then is in no ratio any more.
"""
WORK_ENDS: Final = (Outcome.COMPLETED, Outcome.FAILED)
"""
Of phases and tasks.
"""
TIMED_PHASE_ENDS: Final = (*WORK_ENDS, Outcome.BLOCKED, Outcome.SKIPPED)
"""
Of phases whose time is time of work, or of waiting for others.
"""
TRIES: Final = (Outcome.SUCCEEDED, Outcome.FAILED)
"""
Of attempts, tool calls and model requests.
"""
VERDICTS: Final = (Outcome.PASSED, Outcome.FAILED)
SYNTHESIS_ENDS: Final = (Outcome.INTEGRATED, Outcome.CONFLICT, Outcome.GATE_FAILED)
QUERY_ENDS: Final = (Outcome.ANSWERED, Outcome.LATE, Outcome.UNANSWERED, Outcome.REJECTED)
MESSAGE_ENDS: Final = (Outcome.ACCEPTED, *QUERY_ENDS)

JUDGED: Final[Mapping[MetricSpec, tuple[Outcome, ...]]] = {
    m.SESSIONS: SESSION_ENDS,
    m.PHASES: WORK_ENDS,
    m.TASKS: WORK_ENDS,
    m.ASSIGNMENTS: WORK_ENDS,
    m.ATTEMPTS: TRIES,
    m.TOOL_CALLS: TRIES,
    m.MODEL_REQUESTS: TRIES,
    m.MESSAGES: MESSAGE_ENDS,
    m.QUERIES: QUERY_ENDS,
    m.SYNTHESES: SYNTHESIS_ENDS,
    m.GATE_RESULTS: VERDICTS,
}
"""
Outcomes that a ratio over this family is over.
"""
