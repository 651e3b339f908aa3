"""
The droids' work: tasks, attempts, tool calls, model requests.
"""

from __future__ import annotations

from typing import Final

import msgspec

from droidscope.conventions import metrics as m
from droidscope.conventions.attributes import Kind, Outcome
from droidscope.facts.facts import AttemptsEnded, Retries, TasksEnded, TaskTime
from droidscope.facts.sketched_facts import TaskDurations
from droidscope.model import records as r
from droidscope.model.examples import ExampleKind
from droidscope.recording.cost_recorder import CostRecorder
from droidscope.recording.metric_writer import MetricWriter
from droidscope.recording.output_recorder import OutputRecorder, merged, without
from droidscope.recording.phase_recorder import PhaseRecorder
from droidscope.sessions.session_state import AttemptState, SessionState, TaskState

TRIED_LIMIT: Final = 100
"""
Ended attempts a task knows by span id.
"""
USAGES_LIMIT: Final = 1_000
"""
Attempts whose usage waits for their task to end; that of more counts at once.
"""
_TRIED: Final = {Outcome.COMPLETED: Outcome.SUCCEEDED, Outcome.FAILED: Outcome.FAILED}


class TaskRecorder:
    """
    Counts what droids do. What attempts use and produce counts when their task ends.
    """

    def __init__(
        self, writer: MetricWriter, phases: PhaseRecorder, outputs: OutputRecorder, spending: CostRecorder
    ) -> None:
        self._writer = writer
        self._phases = phases
        self._outputs = outputs
        self._spending = spending

    def started(self, record: r.Started, session: SessionState) -> None:
        """
        A task or attempt has begun: a task is in flight as its own attempt until it turns out to
        have attempts of its own.
        """
        task = self._state(record, session)
        if task.ended or record.span_id in task.tried:
            return
        if record.what == Kind.TASK:
            task.span_id = record.span_id
        else:
            session.attempts.pop(task.span_id, None)
        session.attempts[record.span_id] = record.place.droid
        self._phases.worked_on(record, session)

    def task(self, record: r.Task, session: SessionState) -> None:
        """
        A task has ended.
        """
        task = self._state(record, session)
        self._ended(record, task)
        session.droids.add(record.place.droid)
        session.attempts.pop(record.span_id, None)
        self._phases.worked_on(record, session)
        self._count_task(record)
        if record.outcome is Outcome.COMPLETED:
            session.tasks_completed += 1
        else:
            session.tasks_failed += 1
            place = record.place
            labels = {"pattern": place.pattern, "task_type": place.task_type, "droid": place.droid}
            self._writer.add_example(session, ExampleKind.FAILED_TASK, labels, record.end_ns, record.end_ns)
            self._phases.may_fail(record, session, "task", record.error_type)
        if not record.attempts and not task.tried:
            task.counted_as_attempt = True
            self._count_attempt(record, _TRIED[record.outcome])
        task.output = merged(record.output, task.output)
        session.extent += len(record.output.issues)
        self._produced(record, session, task.output)
        task.declared_usage = record.usage is not None
        self._spending.spend(record.place, record.end_ns, [record.usage] if record.usage else task.usages)
        task.usages = []

    def _ended(self, record: r.Task, task: TaskState) -> None:
        """
        Note where and when a task was done, which its attempts may have reported otherwise.
        """
        place, run = record.place, (record.start_ns + record.duration_ns, record.start_ns)
        if not task.ended or run > (task.end_ns, task.start_ns):
            task.droid, task.task_type, task.phase = place.droid, place.task_type, place.phase
            task.end_ns, task.start_ns = run
        task.ended = True

    def _count_task(self, record: r.Task) -> None:
        place, orchestrator, outcome = record.place, record.place.orchestrator, record.outcome
        pattern, droid, task_type = place.pattern, place.droid, place.task_type
        self._writer.count(m.TASKS, orchestrator, (droid, task_type, outcome), record)
        self._writer.count(m.ASSIGNMENTS, orchestrator, (pattern, droid, outcome), record)
        ended = TasksEnded(pattern=pattern, droid=droid, task_type=task_type, outcome=outcome)
        self._writer.add_fact(orchestrator, record.end_ns, ended, 1)
        if outcome is Outcome.COMPLETED:
            self._writer.observe_duration(m.TASK_DURATION, (droid, task_type), record)
            time = TaskTime(droid=droid, task_type=task_type)
            self._writer.add_fact(orchestrator, record.end_ns, time, record.duration_ns)
        durations = TaskDurations(
            pattern=pattern,
            task_type=task_type,
            droid=droid,
            outcome=outcome,
            bucket=TaskDurations.bucket_of(record.duration_ns),
        )
        self._writer.add_fact(orchestrator, record.end_ns, durations, 1)

    def _produced(self, record: r.Record, session: SessionState, output: r.Output) -> None:
        self._outputs.produced(record, output)
        self._phases.produced(record, session, output)

    def attempt(self, record: r.Attempt, session: SessionState) -> None:
        """
        An attempt has ended, of a task or, without one, alone.
        """
        session.attempts.pop(record.span_id, None)
        if not record.place.task:
            self._expect(record.place)
            self._count_attempt(record, record.outcome)
            self._produced(record, session, record.output)
            self._spending.spend(record.place, record.end_ns, [record.usage] if record.usage else [])
            return
        task = self._state(record, session)
        end_ns = record.start_ns + record.duration_ns
        task.tried[record.span_id] = AttemptState(record.start_ns, end_ns, record.place.droid)
        if len(task.tried) > TRIED_LIMIT:
            del task.tried[next(iter(task.tried))]
        session.extent += 1 + len(record.output.issues)
        self._phases.worked_on(record, session)
        self._count_try(record, task)
        if task.ended:
            self._late_attempt(msgspec.structs.replace(record, end_ns=task.end_ns), session, task)
        else:
            self._attempt_of_open(record, task)

    def _count_try(self, record: r.Attempt, task: TaskState) -> None:
        if not (task.counted_as_attempt and record.number == 1):
            self._count_attempt(record, record.outcome)
        if record.number > 1:
            orchestrator, droid, task_type = (
                record.place.orchestrator,
                record.place.droid,
                record.place.task_type,
            )
            self._writer.count(m.RETRIES, orchestrator, (droid, task_type), record)
            retries = Retries(droid=droid, task_type=task_type)
            self._writer.add_fact(orchestrator, record.end_ns, retries, 1)

    def _attempt_of_open(self, record: r.Attempt, task: TaskState) -> None:
        """
        Keep what an attempt produced and used until its task ends.
        """
        if record.number > task.last_attempt:
            task.last_attempt = record.number
            task.output = merged(record.output, task.output)
        if record.usage:
            task.usages.append(record.usage)
        if len(task.usages) > USAGES_LIMIT:
            self._spending.spend(record.place, record.end_ns, task.usages)
            task.usages = []

    def _late_attempt(self, record: r.Attempt, session: SessionState, task: TaskState) -> None:
        """
        What an attempt adds to its task that has ended, as if it had come before.
        """
        known = task.output or r.NO_OUTPUT
        task.output = merged(known, record.output)
        self._produced(record, session, without(record.output, known))
        if record.usage and not task.declared_usage:
            self._spending.spend(record.place, record.end_ns, [record.usage])

    def _count_attempt(self, record: r.Record, outcome: Outcome) -> None:
        orchestrator, droid, task_type = record.place.orchestrator, record.place.droid, record.place.task_type
        self._writer.count(m.ATTEMPTS, orchestrator, (droid, task_type, outcome), record)
        ended = AttemptsEnded(droid=droid, task_type=task_type, outcome=outcome)
        self._writer.add_fact(orchestrator, record.end_ns, ended, 1)

    def tool_call(self, record: r.ToolCall, _session: SessionState) -> None:
        """
        A droid has called a tool.
        """
        labels = (record.place.droid, record.tool, record.outcome)
        self._writer.count(m.TOOL_CALLS, record.place.orchestrator, labels, record)

    def model_request(self, record: r.ModelRequest, _session: SessionState) -> None:
        """
        A model provider has answered.
        """
        model = record.usage.model
        self._writer.count(m.MODEL_REQUESTS, record.place.orchestrator, (model, record.outcome), record)
        self._writer.observe_duration(m.MODEL_REQUEST_DURATION, (model,), record)
        self._spending.spend(record.place, record.end_ns, [record.usage])

    def spend_rest(self, session: SessionState) -> None:
        """
        Count what attempts have used whose task has not ended.
        """
        for id_, task in session.tasks.items():
            if task.usages:
                place = r.Place(session.orchestrator, session.id, session.pattern, task=id_, droid=task.droid)
                self._spending.spend(place, session.end_ns, task.usages)
                task.usages = []

    def _state(self, record: r.Record, session: SessionState) -> TaskState:
        key = record.place.task or record.span_id
        task = session.tasks.get(key)
        if task is None:
            place = record.place
            task = TaskState(droid=place.droid, task_type=place.task_type, phase=place.phase)
            session.tasks[key] = task
            self._expect(place)
        return task

    def _expect(self, place: r.Place) -> None:
        """
        Expose what the task of a place may count.
        """
        orchestrator, labels = place.orchestrator, (place.droid, place.task_type)
        if not self._writer.expects(orchestrator, "task", place.pattern, *labels):
            return
        for outcome in (Outcome.COMPLETED, Outcome.FAILED):
            self._writer.ensure(m.TASKS, orchestrator, (*labels, outcome))
            self._writer.ensure(m.ASSIGNMENTS, orchestrator, (place.pattern, place.droid, outcome))
        for outcome in (Outcome.SUCCEEDED, Outcome.FAILED):
            self._writer.ensure(m.ATTEMPTS, orchestrator, (*labels, outcome))
        self._writer.ensure(m.RETRIES, orchestrator, labels)
