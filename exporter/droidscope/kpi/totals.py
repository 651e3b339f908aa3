"""
A window's totals, grouped once by what KPIs are about: the orchestrator, its droids, its patterns.

All fields are sums over the window: counts, nanoseconds (`_ns`), or the units of `facts`.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec import Struct, convert

from droidscope.conventions.attributes import MessageType, Outcome
from droidscope.facts.facts import LABELS, OF_HOURS_ALONE, Fact, Key, Score, Statistic

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class TaskTotals(Struct, frozen=True):
    """
    Tasks and attempts; *task_ns* is over the completed tasks.
    """

    tasks_completed: int = 0
    tasks_failed: int = 0
    task_ns: int = 0
    attempts_succeeded: int = 0
    attempts_failed: int = 0
    retries: int = 0

    @property
    def tasks_ended(self) -> int:
        """
        Completed and failed tasks.
        """
        return self.tasks_completed + self.tasks_failed

    @property
    def attempts_ended(self) -> int:
        """
        Succeeded and failed attempts.
        """
        return self.attempts_succeeded + self.attempts_failed


class SessionTotals(Struct, frozen=True):
    """
    Sessions; *session_ns* is over the completed ones.
    """

    sessions_completed: int = 0
    sessions_failed: int = 0
    sessions_lost: int = 0
    session_ns: int = 0

    @property
    def sessions_ended(self) -> int:
        """
        Completed, failed and lost sessions.
        """
        return self.sessions_completed + self.sessions_failed + self.sessions_lost


class PhaseTotals(Struct, frozen=True):
    """
    Phases, plans and syntheses; blocked, running and skipped phases are no part of it.
    """

    phases_completed: int = 0
    phases_failed: int = 0
    planned_ns: int = 0
    actual_ns: int = 0
    syntheses_integrated: int = 0
    syntheses_conflict: int = 0
    syntheses_gate_failed: int = 0

    @property
    def phases_ended(self) -> int:
        """
        Completed and failed phases.
        """
        return self.phases_completed + self.phases_failed

    @property
    def syntheses(self) -> int:
        """
        Syntheses of any outcome.
        """
        return self.syntheses_integrated + self.syntheses_conflict + self.syntheses_gate_failed


class MessageTotals(Struct, frozen=True):
    """
    Messages and conflicts. Delivered: a query answered in time, another message accepted.

    *wait_ns* is the part of *phase_ns* covered by waiting queries.
    """

    messages_delivered: int = 0
    messages_undelivered: int = 0
    conflicts: int = 0
    wait_ns: int = 0
    phase_ns: int = 0

    @property
    def messages(self) -> int:
        """
        Messages of any type and outcome.
        """
        return self.messages_delivered + self.messages_undelivered


class QueryTotals(Struct, frozen=True):
    """
    The queries put to a droid; answered means in time.

    *query_ns* is the time to the *queries_timed* answers that came, in time or late.
    """

    queries_answered: int = 0
    queries_late: int = 0
    queries_unanswered: int = 0
    queries_rejected: int = 0
    query_credit: int = 0
    query_ns: int = 0
    queries_timed: int = 0

    @property
    def queries(self) -> int:
        """
        Queries of any outcome.
        """
        return self.queries_answered + self.queries_late + self.queries_unanswered + self.queries_rejected


class DroidMessageTotals(Struct, frozen=True):
    """
    Messages a droid sent and was sent; *query_wait_ns* is how long queries put to it waited,
    *vain_wait_ns* how long those that it never answered did.
    """

    sent: int = 0
    received: int = 0
    query_wait_ns: int = 0
    vain_wait_ns: int = 0


class ScoreTotals(Struct, frozen=True):
    """
    Scores of one kind: how many, their sum (1e-6 points) and the sum of their squares.
    """

    n: int = 0
    sum: int = 0
    squares: int = 0


class OrchestratorTotals(Struct, frozen=True):
    """
    What one orchestrator did in a window.
    """

    work: TaskTotals = TaskTotals()
    sessions: SessionTotals = SessionTotals()
    flow: PhaseTotals = PhaseTotals()
    traffic: MessageTotals = MessageTotals()


class DroidTotals(Struct, frozen=True):
    """
    What one droid did in a window; *session_messages* counts sessions by the messages it sent.
    """

    work: TaskTotals = TaskTotals()
    queries: QueryTotals = QueryTotals()
    mail: DroidMessageTotals = DroidMessageTotals()
    files_created: int = 0
    session_messages: dict[int, int] = {}
    code_quality: ScoreTotals = ScoreTotals()
    test_coverage: ScoreTotals = ScoreTotals()
    security: ScoreTotals = ScoreTotals()


class PatternTotals(Struct, frozen=True):
    """
    What came of one pattern in a window; *cost* is in 1e-9 USD, *reference_usd* what a success may
    cost.
    """

    sessions: SessionTotals = SessionTotals()
    cost: int = 0
    reference_usd: float | None = None
    code_quality: ScoreTotals = ScoreTotals()


class WindowTotals(NamedTuple):
    """
    One orchestrator's window by subject.
    """

    orchestrator: OrchestratorTotals
    droids: dict[str, DroidTotals]
    patterns: dict[str, PatternTotals]


def by_subject(totals: Mapping[Key, int], references_usd: Mapping[str, float] | None = None) -> WindowTotals:
    """
    Group *totals* by subject; every droid and pattern that any fact names becomes one. Facts that
    minute windows do not have are left out.

    Args:
        totals: What a window holds of one orchestrator.
        references_usd: What a success may cost, by pattern.
    """
    everything: _Measures = defaultdict(int)
    droids: defaultdict[str, _Measures] = defaultdict(lambda: defaultdict(int))
    patterns: defaultdict[str, _Measures] = defaultdict(lambda: defaultdict(int))
    messages: defaultdict[str, dict[int, int]] = defaultdict(dict)

    for key, amount in totals.items():
        route = _ROUTES.get(key[0])
        if route is None:
            continue
        measure = route.measure(key)
        everything[measure] += amount
        if route.droid:
            droids[key[route.droid]][measure] += amount
        if route.pattern:
            patterns[key[route.pattern]][measure] += amount
        if key[0] == Fact.SESSION_MESSAGES:
            _, droid, sent = key
            messages[droid][int(sent)] = amount

    references = references_usd or {}
    return WindowTotals(
        _orchestrator(everything),
        {droid: _droid(measures, messages[droid]) for droid, measures in droids.items()},
        {pattern: _pattern(measures, references.get(pattern)) for pattern, measures in patterns.items()},
    )


_QUERY_OUTCOMES: Final = (Outcome.ANSWERED, Outcome.LATE, Outcome.UNANSWERED, Outcome.REJECTED)
_Measures = defaultdict[str, int]
"""
Sums by measure: the name of a field above, or one that no subject needs.
"""


class _Route(NamedTuple):
    """
    Where a fact's amounts go: positions of droid and pattern in its key (0: it has none), and
    the measure they add to.
    """

    droid: int
    pattern: int
    measure: Callable[[Key], str]


def _measure_of(fact: Fact) -> Callable[[Key], str]:
    if fact is Fact.MESSAGES:
        return _message_measure
    if fact is Fact.SCORES:
        return lambda key: f"{key[1]}_{key[-1]}"
    if "outcome" in LABELS[fact]:
        return lambda key: f"{fact}_{key[-1]}"
    return lambda _: fact.value


def _message_measure(key: Key) -> str:
    _, _, message_type, outcome = key
    good = Outcome.ANSWERED if message_type == MessageType.QUERY else Outcome.ACCEPTED
    return "messages_delivered" if outcome == good else "messages_undelivered"


def _position(label: str, fact: Fact) -> int:
    labels = LABELS[fact]
    if label == "droid" and fact is Fact.MESSAGES:
        label = "sender"
    return labels.index(label) + 1 if label in labels else 0


_ROUTES: Final[dict[str, _Route]] = {
    fact: _Route(_position("droid", fact), _position("pattern", fact), _measure_of(fact))
    for fact in Fact
    if fact not in OF_HOURS_ALONE
}


def _orchestrator(measures: _Measures) -> OrchestratorTotals:
    return OrchestratorTotals(
        work=convert(measures, TaskTotals),
        sessions=convert(measures, SessionTotals),
        flow=convert(measures, PhaseTotals),
        traffic=convert(measures, MessageTotals),
    )


def _droid(measures: _Measures, session_messages: dict[int, int]) -> DroidTotals:
    return DroidTotals(
        work=convert(measures, TaskTotals),
        queries=convert(measures, QueryTotals),
        mail=DroidMessageTotals(
            measures["messages_delivered"] + measures["messages_undelivered"],
            measures[Fact.RECEIVED],
            sum(measures[f"{Fact.QUERY_WAIT_NS}_{outcome}"] for outcome in _QUERY_OUTCOMES),
            measures[f"{Fact.QUERY_WAIT_NS}_{Outcome.UNANSWERED}"],
        ),
        files_created=measures[Fact.FILES],
        session_messages=session_messages,
        code_quality=_scores(measures, Score.CODE_QUALITY),
        test_coverage=_scores(measures, Score.TEST_COVERAGE),
        security=_scores(measures, Score.SECURITY),
    )


def _pattern(measures: _Measures, reference_usd: float | None) -> PatternTotals:
    return PatternTotals(
        sessions=convert(measures, SessionTotals),
        cost=measures[Fact.COST],
        reference_usd=reference_usd,
        code_quality=_scores(measures, Score.CODE_QUALITY),
    )


def _scores(measures: _Measures, score: Score) -> ScoreTotals:
    return ScoreTotals(*(measures[f"{score}_{statistic}"] for statistic in Statistic))
