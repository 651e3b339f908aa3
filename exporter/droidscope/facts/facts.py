"""
The closed set of facts: what recorders add to the windows as things end, one class for each kind.

An amount is an integer, so that order never changes a sum. A fact belongs to the minute, and where
its class says so to the hour, in which its subject ended; a revision adds the difference, which may
be negative, to that same one. Unless a class says otherwise its amounts are counts, kept by the minute.

Facts that count values by bucket are in `sketched_facts`, how much some records add in `amounts`.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from droidscope.conventions.attributes import Outcome
from droidscope.facts.fact_key import FactKey, FactUnit, Kept, Score, Statistic

Path = Literal["on", "off"]
"""
Whether a phase held its session at any moment, or never: on or off its critical path. The facts of the
critical path are known once the session has ended, and revised as late records change it.
"""


# --- work -----------------------------------------------------------------------------------------


class TasksEnded(FactKey, frozen=True, kw_only=True, tag="tasks"):
    """
    Tasks that ended.
    """

    kept: ClassVar[Kept] = Kept.BOTH

    pattern: str
    droid: str
    task_type: str
    outcome: Outcome


class TaskTime(FactKey, frozen=True, kw_only=True, tag="task_ns"):
    """
    The duration of completed tasks.
    """

    unit: ClassVar[FactUnit] = FactUnit.NANOSECONDS

    droid: str
    task_type: str


class AttemptsEnded(FactKey, frozen=True, kw_only=True, tag="attempts"):
    """
    Attempts that ended.
    """

    droid: str
    task_type: str
    outcome: Outcome


class Retries(FactKey, frozen=True, kw_only=True, tag="retries"):
    """
    Attempts after the first of a task.
    """

    droid: str
    task_type: str


class FilesCreated(FactKey, frozen=True, kw_only=True, tag="files"):
    """
    Files that droids created.
    """

    droid: str


class ScoreSums(FactKey, frozen=True, kw_only=True, tag="scores"):
    """
    The scores of outputs: how many, their sum, and the sum of their squares.
    """

    unit: ClassVar[FactUnit] = FactUnit.AS_STATISTIC

    score: Score
    pattern: str
    droid: str
    task_type: str
    statistic: Statistic


class QualityIssues(FactKey, frozen=True, kw_only=True, tag="issues"):
    """
    Issues that quality reports listed, by the rule they break.
    """

    droid: str
    rule: str


# --- sessions -------------------------------------------------------------------------------------


class SessionsEnded(FactKey, frozen=True, kw_only=True, tag="sessions"):
    """
    Sessions that ended or were lost.
    """

    kept: ClassVar[Kept] = Kept.BOTH

    pattern: str
    outcome: Outcome


class CompletedSessionTime(FactKey, frozen=True, kw_only=True, tag="session_ns"):
    """
    The duration of completed sessions.
    """

    unit: ClassVar[FactUnit] = FactUnit.NANOSECONDS

    pattern: str


class SessionTime(FactKey, frozen=True, kw_only=True, tag="session_time"):
    """
    The duration of ended sessions.
    """

    unit: ClassVar[FactUnit] = FactUnit.NANOSECONDS
    kept: ClassVar[Kept] = Kept.BOTH

    pattern: str


class SessionsOverLimit(FactKey, frozen=True, kw_only=True, tag="over_limit"):
    """
    Sessions that ended after their limit.
    """

    pattern: str


class SessionCost(FactKey, frozen=True, kw_only=True, tag="cost"):
    """
    The cost of sessions.
    """

    unit: ClassVar[FactUnit] = FactUnit.NANO_USD
    kept: ClassVar[Kept] = Kept.BOTH

    pattern: str


class PlannedTime(FactKey, frozen=True, kw_only=True, tag="planned_ns"):
    """
    The planned duration of completed sessions that had a plan.
    """

    unit: ClassVar[FactUnit] = FactUnit.NANOSECONDS
    kept: ClassVar[Kept] = Kept.BOTH


class ActualTime(FactKey, frozen=True, kw_only=True, tag="actual_ns"):
    """
    The duration of completed sessions that had a plan.
    """

    unit: ClassVar[FactUnit] = FactUnit.NANOSECONDS
    kept: ClassVar[Kept] = Kept.BOTH


class Failures(FactKey, frozen=True, kw_only=True, tag="failures"):
    """
    Failed phases, and sessions that failed without one: their phase is "".
    """

    pattern: str
    phase: str
    reason: str


class Syntheses(FactKey, frozen=True, kw_only=True, tag="syntheses"):
    """
    Syntheses.
    """

    pattern: str
    outcome: Outcome


class SessionSequencing(FactKey, frozen=True, kw_only=True, tag="sequencing"):
    """
    How many sessions had a plan of phases, how long their phases took, and how long they had to.
    """

    unit: ClassVar[FactUnit] = FactUnit.AS_TOTAL
    kept: ClassVar[Kept] = Kept.BY_HOUR

    pattern: str
    total: Literal["n", "makespan_ns", "critical_ns"]


# --- phases ---------------------------------------------------------------------------------------


class PhasesEnded(FactKey, frozen=True, kw_only=True, tag="phases"):
    """
    Phases that ended.
    """

    kept: ClassVar[Kept] = Kept.BOTH

    pattern: str
    phase: str
    outcome: Outcome


class PhaseTime(FactKey, frozen=True, kw_only=True, tag="phase_ns"):
    """
    The duration of phases.
    """

    unit: ClassVar[FactUnit] = FactUnit.NANOSECONDS

    pattern: str
    phase: str


class PhaseWaitTime(FactKey, frozen=True, kw_only=True, tag="wait_ns"):
    """
    Phase time during which queries waited.
    """

    unit: ClassVar[FactUnit] = FactUnit.NANOSECONDS

    pattern: str
    phase: str


class PhasesOverPlan(FactKey, frozen=True, kw_only=True, tag="over_plan"):
    """
    Phases over 1.5 times their plan: how many, how long they took, and their plans.
    """

    unit: ClassVar[FactUnit] = FactUnit.AS_TOTAL
    kept: ClassVar[Kept] = Kept.BY_HOUR

    pattern: str
    phase: str
    path: Path
    total: Literal["n", "took_ns", "planned_ns"]


class PhaseIdleTime(FactKey, frozen=True, kw_only=True, tag="idle_ns"):
    """
    How much earlier phases could have started, by what they depend on.
    """

    unit: ClassVar[FactUnit] = FactUnit.NANOSECONDS
    kept: ClassVar[Kept] = Kept.BY_HOUR

    pattern: str
    phase: str


# --- messages -------------------------------------------------------------------------------------


class MessagesSent(FactKey, frozen=True, kw_only=True, tag="messages"):
    """
    Messages that droids sent.
    """

    sender: str
    message_type: str
    outcome: Outcome

    @property
    def droid(self) -> str:
        """
        The droid that these are about.
        """
        return self.sender


class MessagesReceived(FactKey, frozen=True, kw_only=True, tag="received"):
    """
    Messages sent to a droid.
    """

    droid: str


class SessionMessages(FactKey, frozen=True, kw_only=True, tag="session_messages"):
    """
    Sessions in which a droid sent *n* messages, a decimal number that may be `0`: of ended sessions
    in which at least two droids had a task, and this one had one.
    """

    droid: str
    n: str


class Conflicts(FactKey, frozen=True, kw_only=True, tag="conflicts"):
    """
    Conflicts between droids.
    """

    pattern: str


class QueriesEnded(FactKey, frozen=True, kw_only=True, tag="queries"):
    """
    Queries put to a droid.
    """

    droid: str
    outcome: Outcome


class QueryCredit(FactKey, frozen=True, kw_only=True, tag="query_credit"):
    """
    The response credit of queries, see `amounts.response_credit`.
    """

    unit: ClassVar[FactUnit] = FactUnit.NANO_CREDIT

    droid: str


class ResponseTime(FactKey, frozen=True, kw_only=True, tag="query_ns"):
    """
    The time to the answers of a droid, in time or late.
    """

    unit: ClassVar[FactUnit] = FactUnit.NANOSECONDS

    droid: str


class TimedResponses(FactKey, frozen=True, kw_only=True, tag="queries_timed"):
    """
    The answers that `ResponseTime` is over.
    """

    droid: str


class QueryWaitTime(FactKey, frozen=True, kw_only=True, tag="query_wait_ns"):
    """
    How long queries to a droid waited.
    """

    unit: ClassVar[FactUnit] = FactUnit.NANOSECONDS

    droid: str
    outcome: Outcome
