"""
Rankings of patterns, droids and sessions, and which of them need improvement.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from droidscope.conventions.scoring import RANKING_MINIMUM
from droidscope.conventions.thresholds import EFFICIENCY_LOW, MESSAGES_PLATEAU, SUCCESS_TARGET
from droidscope.kpi.statistics import wilson_interval

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Outcomes(NamedTuple):
    """
    The number of successes, of *n* that ended.
    """

    successes: int
    n: int


class Standing(NamedTuple):
    """
    A droid's efficiency score, None where absent, and the outcomes of its tasks.
    """

    efficiency: float | None
    tasks: Outcomes


class Rank(NamedTuple):
    """
    A pattern, droid or session in a ranking, the value it is ranked by, and the number of samples.
    """

    subject: str
    value: float
    n: int


def rank_patterns(sessions: Mapping[str, Outcomes]) -> list[Rank]:
    """
    Patterns by the Wilson lower bound of their success, best first, from 5 sessions.

    Definition: docs/kpis.md#rankings-and-insights
    """
    return _best_first(
        Rank(pattern, interval[0], outcomes.n)
        for pattern, outcomes in sessions.items()
        if (interval := _interval(outcomes))
    )


def problematic_patterns(sessions: Mapping[str, Outcomes]) -> list[Rank]:
    """
    Patterns whose Wilson upper bound of success is below the target, worst first, from 5 sessions.

    Definition: docs/kpis.md#rankings-and-insights
    """
    upper_bounds = (
        Rank(pattern, interval[1], outcomes.n)
        for pattern, outcomes in sessions.items()
        if (interval := _interval(outcomes))
    )
    return _worst_first(rank for rank in upper_bounds if rank.value < SUCCESS_TARGET)


def rank_droids(standings: Mapping[str, Standing]) -> list[Rank]:
    """
    Droids by their efficiency score, best first, from 5 tasks; those without a score are left out.

    Definition: docs/kpis.md#rankings-and-insights
    """
    return _best_first(
        Rank(droid, efficiency, tasks.n)
        for droid, (efficiency, tasks) in standings.items()
        if efficiency is not None and tasks.n >= RANKING_MINIMUM
    )


def needs_improvement(standings: Mapping[str, Standing]) -> list[str]:
    """
    Droids with a low efficiency score or too little success, from 5 tasks.

    Those with the least success first, then those with the lowest score.

    Definition: docs/kpis.md#rankings-and-insights
    """
    weak = [
        (tasks.successes / tasks.n, EFFICIENCY_LOW if efficiency is None else efficiency, droid)
        for droid, (efficiency, tasks) in standings.items()
        if tasks.n >= RANKING_MINIMUM
    ]
    return [
        droid
        for success, efficiency, droid in sorted(weak)
        if success < SUCCESS_TARGET or efficiency < EFFICIENCY_LOW
    ]


def has_collaboration_issue(collaboration: float | None, unanswered: int, messages: float | None) -> bool:
    """
    Whether a droid communicates badly: low score, unanswered queries, or too many messages.

    Args:
        collaboration: K, 0 to 100.
        unanswered: Queries sent to it that were never answered.
        messages: m, median of the messages it sent per session.

    Definition: docs/kpis.md#rankings-and-insights
    """
    _, plateau, _ = MESSAGES_PLATEAU
    is_low = collaboration is not None and collaboration < EFFICIENCY_LOW
    return is_low or unanswered > 0 or (messages is not None and messages > plateau)


def fastest_completions(sessions: Mapping[str, tuple[int, float]]) -> list[Rank]:
    """
    Completed sessions by duration over the median of their pattern, fastest first.

    Args:
        sessions: By session id, its duration and the median of its pattern, in one unit.

    Definition: docs/kpis.md#rankings-and-insights
    """
    return _worst_first(
        Rank(session, duration / median, 1) for session, (duration, median) in sessions.items() if median
    )


def _interval(outcomes: Outcomes) -> tuple[float, float] | None:
    return wilson_interval(*outcomes) if outcomes.n >= RANKING_MINIMUM else None


def _best_first(ranks: Iterable[Rank]) -> list[Rank]:
    return sorted(ranks, key=lambda rank: (-rank.value, -rank.n, rank.subject))


def _worst_first(ranks: Iterable[Rank]) -> list[Rank]:
    return sorted(ranks, key=lambda rank: (rank.value, -rank.n, rank.subject))
