"""
Communication: success, conflicts and waits of messages, and the collaboration score of droids.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from droidscope.conventions.thresholds import MESSAGES_PLATEAU
from droidscope.kpi.composites import composite
from droidscope.kpi.statistics import clip, median_of_counts, ratio
from droidscope.units import NANO

if TYPE_CHECKING:
    from droidscope.kpi.message_totals import MessageTotals, QueryTotals
    from droidscope.kpi.totals import DroidTotals


def success_ratio(traffic: MessageTotals) -> float | None:
    """
    Queries answered in time and other messages accepted, of messages, 0 to 1; None without any.

    Definition: docs/kpis.md#communication-per-orchestrator
    """
    return ratio(traffic.messages_delivered, traffic.messages)


def conflict_ratio(traffic: MessageTotals) -> float | None:
    """
    Conflicts per message, at most 1; None without messages.

    Definition: docs/kpis.md#communication-per-orchestrator
    """
    conflicts = ratio(traffic.conflicts, traffic.messages)
    return None if conflicts is None else clip(conflicts)


def efficiency_ratio(traffic: MessageTotals) -> float | None:
    """
    Success ratio x (1 - conflict ratio), 0 to 1; None without messages.

    Definition: docs/kpis.md#communication-per-orchestrator
    """
    success, conflicts = success_ratio(traffic), conflict_ratio(traffic)
    return None if success is None or conflicts is None else success * (1 - conflicts)


def wait_ratio(traffic: MessageTotals) -> float | None:
    """
    Phase time covered by waiting queries, of phase time, 0 to 1; None without phase time.

    Definition: docs/kpis.md#communication-per-orchestrator
    """
    return ratio(traffic.wait_ns, traffic.phase_ns)


def response_score(queries: QueryTotals) -> float | None:
    """
    100 x the mean response credit of the queries sent to a droid; None without queries.

    Each second costs a third of a point, so that answers after five minutes score 0; late, unanswered
    and rejected queries score 0, too.

    Definition: docs/kpis.md#droids
    """
    credit = ratio(queries.query_credit, queries.queries * NANO)
    return None if credit is None else 100 * credit


def answered_ratio(queries: QueryTotals) -> float | None:
    """
    U: queries answered in time, of those sent to a droid, 0 to 1; None without queries.

    Definition: docs/kpis.md#droids
    """
    return ratio(queries.queries_answered, queries.queries)


def message_balance(messages: float) -> float:
    """
    B: how close the *messages* sent per session are to a useful number, 0 to 1.

    It grows to 1 at the start of the plateau, stays there, and falls to 0 after it.

    Definition: docs/kpis.md#droids
    """
    full, over, none = MESSAGES_PLATEAU
    return min(clip(messages / full), clip(1 - (messages - over) / (none - over)))


def collaboration_score(droid: DroidTotals) -> float | None:
    """
    K: 0.4 balance of messages + 0.3 response + 0.3 answered in time, 0 to 100.

    None if under half of the weight is present: a droid without queries has only its balance.

    Definition: docs/kpis.md#droids
    """
    messages = median_of_counts(droid.session_messages)
    response = response_score(droid.queries)
    return composite(
        (40, None if messages is None else message_balance(messages)),
        (30, None if response is None else response / 100),
        (30, answered_ratio(droid.queries)),
    ).score
