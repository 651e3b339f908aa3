"""
An orchestrator of the simulated fleet: runs scripts through the instrumentation and counts what it did.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

import droidscope as ds
from droidscope.conventions import metrics
from droidscope.conventions.attributes import MessageType, Outcome
from droidscope_demo import world
from droidscope_demo.script import draw_session

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from droidscope_demo.script import (
        Attempt,
        Conflict,
        GateResult,
        Notice,
        PhaseRun,
        Query,
        Session,
        Task,
        TaskOutput,
        ToolCall,
    )
    from droidscope_demo.truth import Truth
    from droidscope_demo.world import Pattern, Phase

SHORTEST_MET_DEADLINE_SECONDS: Final = 30.0
"""
Shortest deadline of a query that is answered in time, so that a busy machine cannot make it late.
"""
LONGEST_MISSED_DEADLINE_SECONDS: Final = 1.0
"""
Longest deadline of a query that is answered late, so that a stop need not wait long for it.
"""
LATE_MARGIN_SECONDS: Final = 0.002
"""
By how much a late answer is late at least, whatever the resolution of the clocks.
"""


class DroidError(Exception):
    """
    A droid's work failed; *type* is its `error.type`.
    """

    def __init__(self, type_: str) -> None:
        super().__init__(type_)
        self.type = type_


class ToolError(Exception):
    """
    A tool call failed; the droid goes on.
    """


@contextmanager
def with_error_type(activity: ds.Session | ds.Phase | ds.Task | ds.Attempt) -> Iterator[None]:
    """
    Give *activity* the `error.type` of a `DroidError` that leaves the block.
    """
    try:
        yield
    except DroidError as error:
        activity.outcome("failed", error_type=error.type)
        raise


class Clock:
    """
    Simulated time, faster than real time; after `stop_waiting` simulated work takes no time.
    """

    def __init__(self, seconds_per_minute: float) -> None:
        self._seconds_per_minute = seconds_per_minute
        self._no_waiting = asyncio.Event()

    def seconds(self, minutes: float) -> float:
        """
        Real seconds that so many simulated *minutes* take.
        """
        return minutes * self._seconds_per_minute

    async def spend(self, minutes: float) -> None:
        """
        Wait for so many simulated *minutes*; return at once after `stop_waiting`.
        """
        try:
            async with asyncio.timeout(self.seconds(minutes)):
                await self._no_waiting.wait()
        except TimeoutError:
            return

    def stop_waiting(self) -> None:
        """
        End all waits, now and later.
        """
        self._no_waiting.set()


class Orchestrator:
    """
    Runs sessions, several at a time; *truth* counts each operation when it has ended.

    *seed* and a session's number determine the session, whatever else runs.
    """

    def __init__(self, seed: str, clock: Clock, truth: Truth) -> None:
        self._seed = seed
        self._clock = clock
        self._truth = truth
        self._stopping = False

    async def run(self, numbers: Iterable[int], concurrency: int) -> None:
        """
        Run the sessions of these *numbers*, *concurrency* at a time, until all are done or `stop`.
        """
        shared = iter(numbers)
        async with asyncio.TaskGroup() as group:
            for _ in range(concurrency):
                group.create_task(self._run_sessions(shared))

    def stop(self) -> None:
        """
        Start no more sessions and finish the open ones at once.
        """
        self._stopping = True
        self._clock.stop_waiting()

    async def _run_sessions(self, numbers: Iterator[int]) -> None:
        while not self._stopping and (number := next(numbers, None)) is not None:
            await self.play(draw_session(self._seed, number))

    async def play(self, session: Session) -> None:
        """
        Run one *session* from its first phase to its synthesis, to its failure, or until nobody wants it.
        """
        pattern = session.pattern
        self._truth.add(metrics.SESSIONS_STARTED, pattern.id)
        operation = ds.session(
            pattern.id,
            id=session.id,
            name=pattern.name,
            plan=[phase.id for phase in pattern.phases],
            planned=self._planned(pattern.budget_minutes),
        )
        outcome = Outcome.COMPLETED
        try:
            with operation as activity, with_error_type(activity):
                await self._run_phases(session)
                if session.cancelled:
                    outcome = Outcome.CANCELLED
                    activity.outcome("cancelled")
                else:
                    await self._finish(session)
        except DroidError:
            outcome = Outcome.FAILED
        self._truth.add(metrics.SESSIONS, pattern.id, outcome)
        if outcome is not Outcome.CANCELLED:
            self._truth.observe(metrics.SESSION_DURATION, pattern.id, outcome)

    def _planned(self, budget_minutes: int) -> float:
        return self._clock.seconds(world.TYPICAL_SHARE * budget_minutes)

    async def _run_phases(self, session: Session) -> None:
        pattern = session.pattern
        try:
            for done, run in enumerate(session.phase_runs, 1):
                await self._phase(pattern, run)
                ds.progress(done / len(pattern.phases))
        finally:
            self._skip(pattern, session.skipped)

    async def _finish(self, session: Session) -> None:
        if session.approval_minutes:
            with ds.waiting("approval"):
                await self._clock.spend(session.approval_minutes)
        await self._synthesize(session)

    # --- phases --------------------------------------------------------------------------------

    async def _phase(self, pattern: Pattern, run: PhaseRun) -> None:
        phase = run.phase
        operation = ds.phase(
            phase.id,
            name=phase.name,
            depends_on=pattern.dependencies(phase),
            planned=self._planned(phase.budget_minutes),
        )
        try:
            with operation as activity, with_error_type(activity):
                await self._run_tasks(pattern, run)
        except DroidError as error:
            self._truth.add(metrics.PHASES, pattern.id, phase.id, Outcome.FAILED)
            self._truth.add(metrics.FAILURES, pattern.id, phase.id, error.type)
            raise
        self._truth.add(metrics.PHASES, pattern.id, phase.id, Outcome.COMPLETED)
        self._truth.observe(metrics.PHASE_DURATION, pattern.id, phase.id)

    async def _run_tasks(self, pattern: Pattern, run: PhaseRun) -> None:
        if run.blocked_minutes:
            with ds.blocked(run.block_reason):
                await self._clock.spend(run.blocked_minutes)
        async with asyncio.TaskGroup() as group:
            for task in run.tasks:
                group.create_task(self._task(pattern, task))
        for conflict in run.conflicts:
            self._record_conflict(pattern, run.phase, conflict)
        if run.error:
            raise DroidError(run.error)
        for result in run.gate_results:
            self._evaluate_gate(pattern, result)

    def _skip(self, pattern: Pattern, phases: Iterable[Phase]) -> None:
        for phase in phases:
            with ds.phase(phase.id, name=phase.name, depends_on=pattern.dependencies(phase)) as activity:
                activity.skip()
            self._truth.add(metrics.PHASES, pattern.id, phase.id, Outcome.SKIPPED)

    def _record_conflict(self, pattern: Pattern, phase: Phase, conflict: Conflict) -> None:
        ds.conflict(conflict.type, severity=conflict.severity)
        self._truth.add(metrics.CONFLICTS, pattern.id, phase.id, conflict.type)

    def _evaluate_gate(self, pattern: Pattern, result: GateResult) -> None:
        gate, score = result.gate, ds.ten(result.score_of_ten)
        with ds.gate(gate.id, category=gate.category, severity=gate.severity) as activity:
            if result.passed:
                activity.passed(score)
            else:
                activity.failed(score)
        outcome = Outcome.PASSED if result.passed else Outcome.FAILED
        self._truth.add(metrics.GATE_RESULTS, pattern.id, gate.id, outcome)

    async def _synthesize(self, session: Session) -> None:
        with ds.synthesis() as activity:
            await self._clock.spend(1)
            activity.integrated(conflicts=session.conflicts, missing_components=session.missing_components)
        self._truth.add(metrics.SYNTHESES, session.pattern.id, _synthesis_outcome(session))

    # --- tasks ---------------------------------------------------------------------------------

    async def _task(self, pattern: Pattern, task: Task) -> None:
        """
        One droid's task in a phase. A failure is not raised: the phase reads it from the script.
        """
        droid = task.droid.name
        outcome = Outcome.COMPLETED
        try:
            with ds.task(droid, task.type) as activity, with_error_type(activity):
                await self._exchange_messages(task)
                await self._run_attempts(pattern, task)
                _report_output(task.output)
        except DroidError:
            outcome = Outcome.FAILED
        else:
            self._count_output(pattern, task)
            self._truth.observe(metrics.TASK_DURATION, droid, task.type)
        self._truth.add(metrics.TASKS, droid, task.type, outcome)
        self._truth.add(metrics.ASSIGNMENTS, pattern.id, droid, outcome)

    async def _run_attempts(self, pattern: Pattern, task: Task) -> None:
        """
        Run the attempts, until one succeeds.

        Raises:
            DroidError: If none does.
        """
        for number, attempt in enumerate(task.attempts, 1):
            with suppress(DroidError):
                await self._attempt(pattern, task, attempt)
            outcome = Outcome.FAILED if attempt.error else Outcome.SUCCEEDED
            self._truth.add(metrics.ATTEMPTS, task.droid.name, task.type, outcome)
            if number > 1:
                self._truth.add(metrics.RETRIES, task.droid.name, task.type)
        if task.error:
            raise DroidError(task.error)

    async def _attempt(self, pattern: Pattern, task: Task, attempt: Attempt) -> None:
        with ds.attempt() as activity, with_error_type(activity):
            for call in attempt.tools:
                await self._call_tool(task.droid.name, call)
            await self._clock.spend(attempt.minutes)
            self._record_usage(pattern, task, attempt)
            if attempt.error:
                raise DroidError(attempt.error)

    async def _call_tool(self, droid: str, call: ToolCall) -> None:
        with suppress(ToolError), ds.tool(call.tool):
            await self._clock.spend(call.minutes)
            if call.failed:
                raise ToolError
        outcome = Outcome.FAILED if call.failed else Outcome.SUCCEEDED
        self._truth.add(metrics.TOOL_CALLS, droid, call.tool, outcome)

    def _record_usage(self, pattern: Pattern, task: Task, attempt: Attempt) -> None:
        droid, model = task.droid.name, world.MODELS[task.droid.model]
        cost_usd = round(model.cost_usd(attempt.input_tokens, attempt.output_tokens), 6)
        ds.output(
            model=model.name,
            input_tokens=attempt.input_tokens,
            output_tokens=attempt.output_tokens,
            cost_usd=cost_usd,
        )
        self._truth.add(metrics.TOKENS, droid, model.name, "input", amount=attempt.input_tokens)
        self._truth.add(metrics.TOKENS, droid, model.name, "output", amount=attempt.output_tokens)
        self._truth.add(metrics.COST, pattern.id, droid, model.name, amount=cost_usd)

    def _count_output(self, pattern: Pattern, task: Task) -> None:
        droid, output = task.droid.name, task.output
        self._truth.add(metrics.FILES_CREATED, droid, amount=output.files_created)
        self._truth.observe(metrics.CODE_QUALITY, pattern.id, droid, task.type)
        if output.test_coverage_percent is not None:
            self._truth.observe(metrics.TEST_COVERAGE, droid)
        if output.security_of_ten is not None:
            self._truth.observe(metrics.SECURITY, droid)
        for severity, number in output.findings:
            self._truth.add(metrics.SECURITY_FINDINGS, droid, severity, amount=number)

    # --- messages ------------------------------------------------------------------------------

    async def _exchange_messages(self, task: Task) -> None:
        for notice in task.notices:
            self._send_notice(task.droid.name, notice)
        for query in task.queries:
            await self._send_query(task.droid.name, query)

    def _send_notice(self, sender: str, notice: Notice) -> None:
        ds.tell(sender, notice.receiver or None, notice.type, rejected=notice.outcome is Outcome.REJECTED)
        self._truth.add(metrics.MESSAGES, sender, notice.type, notice.outcome)
        self._truth.add(metrics.MESSAGE_EDGES, sender, notice.receiver)

    async def _send_query(self, sender: str, query: Query) -> None:
        deadline = self._deadline(query)
        with ds.ask(sender, query.receiver, deadline=deadline) as activity:
            if query.outcome is Outcome.LATE:
                # Waits even after `stop`: an answer that comes at once would not be late.
                await asyncio.gather(
                    self._clock.spend(query.minutes), asyncio.sleep(deadline + LATE_MARGIN_SECONDS)
                )
            else:
                await self._clock.spend(query.minutes)
            if query.outcome is Outcome.UNANSWERED:
                activity.unanswered()
            elif query.outcome is Outcome.REJECTED:
                activity.rejected()
        self._count_query(sender, query)

    def _deadline(self, query: Query) -> float:
        deadline = self._clock.seconds(query.deadline_minutes)
        if query.outcome is Outcome.LATE:
            return min(deadline, LONGEST_MISSED_DEADLINE_SECONDS)
        return max(deadline, SHORTEST_MET_DEADLINE_SECONDS)

    def _count_query(self, sender: str, query: Query) -> None:
        self._truth.add(metrics.MESSAGES, sender, MessageType.QUERY, query.outcome)
        self._truth.add(metrics.MESSAGE_EDGES, sender, query.receiver)
        self._truth.add(metrics.QUERIES, query.receiver, query.outcome)
        if query.outcome in {Outcome.ANSWERED, Outcome.LATE}:
            self._truth.observe(metrics.QUERY_RESPONSE, query.receiver)


def _report_output(output: TaskOutput) -> None:
    coverage, security = output.test_coverage_percent, output.security_of_ten
    ds.output(
        files_created=output.files_created,
        code_quality=ds.ten(output.code_quality_of_ten),
        test_coverage=None if coverage is None else ds.percent(coverage),
        security=None if security is None else ds.ten(security),
        findings=dict(output.findings) or None,
    )


def _synthesis_outcome(session: Session) -> Outcome:
    if session.conflicts:
        return Outcome.CONFLICT
    if session.missing_components or not session.gates_passed:
        return Outcome.GATE_FAILED
    return Outcome.INTEGRATED
