"""
What is going to happen in one session, drawn from a seeded generator before any of it happens.

A script is plain frozen data: the same seed gives the same session, however the fleet's clock and
the event loop interleave. Durations are simulated minutes; `orchestrator` runs them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Final, Literal

from droidscope.conventions.attributes import Outcome, Severity
from droidscope_demo import world

if TYPE_CHECKING:
    from collections.abc import Sequence

    from droidscope_demo.world import Droid, Gate, Pattern, Phase

DURATION_SPREAD: Final = 0.28
"""
Sigma of the lognormal durations: two thirds lie within a quarter of the median.
"""
TIMEOUT_ERROR: Final = "timeout"
SHORT_DEADLINE_MINUTES: Final = 2.0
"""
Deadline of the queries that are answered late, so that a late one does not hold its phase for long.
"""
_QUERY_OUTCOMES: Final = {
    Outcome.ANSWERED: 0.93,
    Outcome.LATE: 0.03,
    Outcome.UNANSWERED: 0.02,
    Outcome.REJECTED: 0.02,
}
NoticeType = Literal["coordination", "discovery"]
_NOTICE_TYPES: Final[tuple[NoticeType, ...]] = ("coordination", "discovery")


@dataclass(frozen=True, slots=True)
class Query:
    """
    A query to another droid: *minutes* pass until its answer, or until the sender gives up.
    """

    receiver: str
    outcome: Outcome
    minutes: float
    deadline_minutes: float


@dataclass(frozen=True, slots=True)
class Notice:
    """
    A message that expects no answer; an empty *receiver* is a broadcast.
    """

    type: NoticeType
    receiver: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class ToolCall:
    """
    A call of a tool.
    """

    tool: str
    minutes: float
    failed: bool


@dataclass(frozen=True, slots=True)
class Attempt:
    """
    One attempt; *error* is the `error.type` it fails with, empty where it succeeds.

    *minutes* is its duration without its tool calls.
    """

    minutes: float
    error: str
    tools: tuple[ToolCall, ...]
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class TaskOutput:
    """
    The output of a task that succeeds; its scores are of ten or in percent, None where not given.
    """

    files_created: int
    code_quality_of_ten: float
    test_coverage_percent: float | None
    security_of_ten: float | None
    findings: tuple[tuple[Severity, int], ...]


@dataclass(frozen=True, slots=True)
class Task:
    """
    A droid's work in a phase: it exchanges messages, then makes attempts until one succeeds or none is left.
    """

    droid: Droid
    type: str
    queries: tuple[Query, ...]
    notices: tuple[Notice, ...]
    attempts: tuple[Attempt, ...]
    output: TaskOutput

    @property
    def error(self) -> str:
        """
        The `error.type` the task fails with: that of its last attempt, empty where it succeeds.
        """
        return self.attempts[-1].error


@dataclass(frozen=True, slots=True)
class Conflict:
    """
    A conflict between results of the phase's droids.
    """

    type: str
    severity: Severity


@dataclass(frozen=True, slots=True)
class GateResult:
    """
    A gate's score of ten and whether it passed.
    """

    gate: Gate
    score_of_ten: float
    passed: bool


@dataclass(frozen=True, slots=True)
class PhaseRun:
    """
    One run of a phase; *blocked_minutes* is 0 where nothing blocks it.
    """

    phase: Phase
    tasks: tuple[Task, ...]
    conflicts: tuple[Conflict, ...]
    gate_results: tuple[GateResult, ...]
    blocked_minutes: float
    block_reason: str

    @property
    def error(self) -> str:
        """
        The `error.type` the phase fails with: that of its first failed task, empty where none failed.
        """
        return next((task.error for task in self.tasks if task.error), "")


@dataclass(frozen=True, slots=True)
class Session:
    """
    A session: its phase_runs up to the one that fails, if one does.
    """

    id: str
    pattern: Pattern
    phase_runs: tuple[PhaseRun, ...]
    missing_components: int

    @property
    def error(self) -> str:
        """
        The `error.type` the session fails with, empty where it completes.
        """
        return self.phase_runs[-1].error

    @property
    def approval_minutes(self) -> int:
        """
        How long it waits for a person's approval before its results are put together; 0 for most, and for
        those that fail.
        """
        return 0 if self.error or int(self.id, 16) % 6 else 15

    @property
    def cancelled(self) -> bool:
        """
        Whether nobody wants its results any more, once all its phases are done.
        """
        return not self.error and int(self.id, 16) % 12 == 1

    @property
    def skipped(self) -> tuple[Phase, ...]:
        """
        The phases that do not run because of a failure.
        """
        return self.pattern.phases[len(self.phase_runs) :]

    @property
    def conflicts(self) -> int:
        """
        Conflicts in all phase_runs.
        """
        return sum(len(run.conflicts) for run in self.phase_runs)

    @property
    def gates_passed(self) -> bool:
        """
        Whether every gate passed when it was last evaluated.
        """
        latest = {one.gate.id: one.passed for run in self.phase_runs for one in run.gate_results}
        return all(latest.values())


def draw_session(seed: str, number: int) -> Session:
    """
    The session *number* of the orchestrator whose seed is *seed*; always the same one.
    """
    random = Random(f"{seed}/{number}")  # noqa: S311 - a simulation, no secret
    patterns = tuple(world.PATTERNS.values())
    pattern = random.choices(patterns, [pattern.weight for pattern in patterns])[0]
    return Session(
        id=f"{random.getrandbits(64):016x}",
        pattern=pattern,
        phase_runs=_phase_runs(random, pattern),
        missing_components=int(_happens(random, 0.02)),
    )


def _phase_runs(random: Random, pattern: Pattern) -> tuple[PhaseRun, ...]:
    assigned = [phase.assign(random) for phase in pattern.phases]
    peers = tuple({droid.name: droid for droids in assigned for droid in droids}.values())
    phase_runs: list[PhaseRun] = []
    for phase, droids in zip(pattern.phases, assigned, strict=True):
        phase_runs.append(_phase_run(random, phase, droids, peers))
        if phase_runs[-1].error:
            break
    return tuple(phase_runs)


def _phase_run(random: Random, phase: Phase, droids: Sequence[Droid], peers: Sequence[Droid]) -> PhaseRun:
    blocked = _happens(random, 0.06)
    return PhaseRun(
        phase=phase,
        tasks=tuple(_task(random, phase, droid, peers) for droid in droids),
        conflicts=_conflicts(random, among=len(droids)),
        gate_results=tuple(_gate_result(random, gate) for gate in phase.gates),
        blocked_minutes=random.uniform(2, 15) if blocked else 0.0,
        block_reason=random.choice(world.BLOCK_REASONS) if blocked else "",
    )


def _task(random: Random, phase: Phase, droid: Droid, peers: Sequence[Droid]) -> Task:
    others = [peer for peer in peers if peer is not droid]
    return Task(
        droid=droid,
        type=phase.task_type,
        queries=tuple(_query(random, random.choice(others)) for _ in range(random.randint(0, 3))),
        notices=tuple(_notice(random, others) for _ in range(random.randint(2, 8))),
        attempts=_attempts(random, droid),
        output=_output(random, phase, droid),
    )


def _query(random: Random, receiver: Droid) -> Query:
    outcome = random.choices(tuple(_QUERY_OUTCOMES), tuple(_QUERY_OUTCOMES.values()))[0]
    deadline = SHORT_DEADLINE_MINUTES if outcome is Outcome.LATE else float(world.DEADLINE_MINUTES)
    minutes = {
        Outcome.ANSWERED: min(0.8 * deadline, _lognormal(random, receiver.reply_minutes, spread=0.5)),
        Outcome.LATE: deadline * random.uniform(1.2, 1.5),
        Outcome.UNANSWERED: random.uniform(2, 6),
        Outcome.REJECTED: 0.0,
    }[outcome]
    return Query(receiver.name, outcome, minutes, deadline)


def _notice(random: Random, others: Sequence[Droid]) -> Notice:
    receivers = [*(droid.name for droid in others), world.ORCHESTRATOR, ""]
    return Notice(
        type=random.choices(_NOTICE_TYPES, (3, 1))[0],
        receiver=random.choice(receivers),
        outcome=Outcome.REJECTED if _happens(random, 0.02) else Outcome.ACCEPTED,
    )


def _attempts(random: Random, droid: Droid) -> tuple[Attempt, ...]:
    attempts: list[Attempt] = []
    for _ in range(droid.max_attempts):
        attempts.append(_attempt(random, droid))
        if not attempts[-1].error:
            break
    return tuple(attempts)


def _attempt(random: Random, droid: Droid) -> Attempt:
    error = _error(random, droid)
    share = world.TYPICAL_SHARE * droid.pace
    minutes = min(droid.timeout_minutes, _lognormal(random, share * droid.timeout_minutes))
    if error == TIMEOUT_ERROR:
        minutes = droid.timeout_minutes
    elif error:
        minutes *= random.uniform(0.3, 0.9)
    tools = tuple(
        ToolCall(random.choice(droid.tools), random.uniform(0.1, 1.0), failed=_happens(random, 0.04))
        for _ in range(random.randint(1, 5))
    )
    return Attempt(
        minutes=max(0.0, minutes - sum(call.minutes for call in tools)),
        error=error,
        tools=tools,
        input_tokens=int(_lognormal(random, 1500 * minutes)),
        output_tokens=int(_lognormal(random, 120 * minutes)),
    )


def _error(random: Random, droid: Droid) -> str:
    if _happens(random, droid.reliability):
        return ""
    return random.choice((TIMEOUT_ERROR, *droid.errors, *droid.errors))


def _output(random: Random, phase: Phase, droid: Droid) -> TaskOutput:
    builds = phase.task_type == "implementation"
    tests = droid.name == "test-automator"
    audits = droid.name == "security-auditor"
    return TaskOutput(
        files_created=random.randint(1, 12) if builds or tests else random.randint(0, 2),
        code_quality_of_ten=round(random.uniform(7.5, 9.5), 1),
        test_coverage_percent=_bounded(random.gauss(92, 4), 100) if tests else None,
        security_of_ten=_bounded(random.gauss(9.1, 0.5), 10) if audits else None,
        findings=_findings(random) if audits else (),
    )


def _findings(random: Random) -> tuple[tuple[Severity, int], ...]:
    dirty = _happens(random, 0.12)
    chances = {Severity.CRITICAL: 0.1, Severity.HIGH: 0.3, Severity.MEDIUM: 0.6, Severity.LOW: 0.9}
    return tuple(
        (severity, random.randint(1, 2) if dirty and _happens(random, chance) else 0)
        for severity, chance in chances.items()
    )


def _conflicts(random: Random, among: int) -> tuple[Conflict, ...]:
    # Droids that work in parallel conflict more often than those that follow each other.
    if not _happens(random, 0.04 * among):
        return ()
    severity = random.choices(tuple(Severity), (1, 3, 5, 4))[0]
    return (Conflict(random.choice(world.CONFLICT_TYPES), severity),)


def _gate_result(random: Random, gate: Gate) -> GateResult:
    score = _bounded(random.gauss(8.9, 0.6), 10)
    return GateResult(gate, score, passed=10 * score >= gate.pass_score)


def _happens(random: Random, probability: float) -> bool:
    return random.random() < probability


def _bounded(value: float, limit: float) -> float:
    return round(min(limit, max(0.0, value)), 1)


def _lognormal(random: Random, median: float, spread: float = DURATION_SPREAD) -> float:
    return random.lognormvariate(math.log(median), spread)
