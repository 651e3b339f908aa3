"""
The droids' work: tasks, attempts, tool calls, model requests.
"""

from __future__ import annotations

from typing import Final, TypeVar

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
from droidscope.sessions.session_state import SessionState
from droidscope.sessions.task_state import AttemptState, TaskState

Item = TypeVar("Item")

TRIED_LIMIT: Final = 100
"""
Ended attempts a task knows by span id.
"""
USAGES_LIMIT: Final = 1_000
"""
Attempts whose usage waits for their task to end; that of more counts at once.
"""
OUTPUTS_LIMIT: Final = 100
"""
Attempts whose output, and whose labels, wait for their task; of more the newest count.
"""
_TRIED: Final = {
    Outcome.COMPLETED: Outcome.SUCCEEDED,
    Outcome.FAILED: Outcome.FAILED,
    Outcome.CANCELLED: Outcome.CANCELLED,
}


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
        A task has ended. Of several deliveries that end it the first that arrives counts: counters never go
        back.
        """
        task = self._state(record, session)
        if record.delivery and task.delivered:
            return
        task.delivered = record.delivery > 0
        self._ended(record, task)
        session.droids.add(record.place.droid)
        session.attempts.pop(record.span_id, None)
        self._phases.worked_on(record, session)
        self._count_task(record)
        if record.outcome is Outcome.COMPLETED:
            session.tasks_completed += 1
        elif record.outcome is Outcome.FAILED:
            self._failed(record, session)
        if not record.attempts:
            self._count_itself(record, task)
        session.extent += len(record.output.issues)
        if min(record.attempts, TRIED_LIMIT) > len(task.tried) and not _is_closed(session):
            if task.held is not None:
                self._conclude(task.held, session, task)
            task.held = record
            session.held_tasks += 1
        else:
            self._conclude(record, session, task)

    def _failed(self, record: r.Task, session: SessionState) -> None:
        session.tasks_failed += 1
        place = record.place
        labels = {"pattern": place.pattern, "task_type": place.task_type, "droid": place.droid}
        self._writer.add_example(session, ExampleKind.FAILED_TASK, labels, record.end_ns, record.end_ns)
        self._phases.may_fail(record, session, "task", record.error_type)

    def _count_itself(self, record: r.Task, task: TaskState) -> None:
        """
        Count a task that names no attempts as one, unless an attempt of the same outcome is that one.
        """
        outcome = _TRIED[record.outcome]
        labels = outcome, record.place.droid, record.place.task_type
        if labels in task.unpaired:
            task.unpaired = _without(task.unpaired, labels)
        else:
            task.own = (*task.own, (labels, record.end_ns))
            self._count_attempt(record, outcome)

    def _conclude(self, record: r.Task, session: SessionState, task: TaskState) -> None:
        """
        Count what a task that has ended, and its attempts, produced and used.
        """
        if task.held is record:
            task.held = None
            session.held_tasks -= 1
        output = record.output
        if task.outputs:
            for *_, of_attempt in sorted(task.outputs, key=lambda each: each[:3], reverse=True):
                output = merged(output, of_attempt)
            task.outputs = ()
        task.output = merged(output, task.output)
        self._produced(record, session, task.output)
        task.declared_usage = record.usage is not None
        usages = [record.usage] if record.usage else task.usages or task.requests or []
        self._spending.spend(record.place, record.end_ns, usages)
        task.usages, task.requests = [], None

    def settle(self, session: SessionState) -> None:
        """
        Wait for no more attempts of tasks that have ended.
        """
        if session.held_tasks:
            for task in session.tasks.values():
                if task.held is not None:
                    self._conclude(task.held, session, task)

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
        if outcome is Outcome.CANCELLED:
            return
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
        task.usage_of_attempts = task.usage_of_attempts or record.usage is not None
        if task.ended and task.held is None:
            self._late_attempt(record, session, task)
            return
        self._attempt_of_open(record, task)
        if task.held is not None and len(task.tried) >= min(task.held.attempts, TRIED_LIMIT):
            self._conclude(task.held, session, task)

    def _count_try(self, record: r.Attempt, task: TaskState) -> None:
        place = record.place
        labels = record.outcome, place.droid, place.task_type
        own = next((each for each in task.own if each[0] == labels), None) if task.own else None
        if own is not None:
            task.own = _without(task.own, own)
            self._add_ended(place, own[1], record.outcome, -1)
            self._add_ended(place, record.end_ns, record.outcome, 1)
        elif task.counted_as_attempt and record.number == 1:
            task.counted_as_attempt = False
        else:
            task.unpaired = (*task.unpaired, labels)[-OUTPUTS_LIMIT:]
            self._count_attempt(record, record.outcome)
        if record.number > 1 and record.outcome is not Outcome.CANCELLED:
            self._writer.count(m.RETRIES, place.orchestrator, (place.droid, place.task_type), record)
            retries = Retries(droid=place.droid, task_type=place.task_type)
            self._writer.add_fact(place.orchestrator, record.end_ns, retries, 1)

    def _attempt_of_open(self, record: r.Attempt, task: TaskState) -> None:
        """
        Keep what an attempt produced and used until its task ends.
        """
        if record.output != r.NO_OUTPUT:
            output = record.number, record.end_ns, record.span_id, record.output
            task.outputs = (*task.outputs, output)[-OUTPUTS_LIMIT:]
        if record.usage:
            task.usages.append(record.usage)
        if len(task.usages) > USAGES_LIMIT:
            self._spending.spend(record.place, record.end_ns, task.usages)
            task.usages = []

    def _late_attempt(self, record: r.Attempt, session: SessionState, task: TaskState) -> None:
        """
        What an attempt adds to its task that has ended, as if it had come before.
        """
        late = msgspec.structs.replace(record, end_ns=task.end_ns, place=_place_of(task, record.place))
        known = task.output or r.NO_OUTPUT
        task.output = merged(known, record.output)
        self._produced(late, session, without(record.output, known))
        if record.usage and not task.declared_usage:
            self._spending.spend(late.place, late.end_ns, [record.usage])

    def _count_attempt(self, record: r.Record, outcome: Outcome) -> None:
        orchestrator, droid, task_type = record.place.orchestrator, record.place.droid, record.place.task_type
        self._writer.count(m.ATTEMPTS, orchestrator, (droid, task_type, outcome), record)
        self._add_ended(record.place, record.end_ns, outcome, 1)

    def _add_ended(self, place: r.Place, end_ns: int, outcome: Outcome, amount: int) -> None:
        if outcome is not Outcome.CANCELLED:
            ended = AttemptsEnded(droid=place.droid, task_type=place.task_type, outcome=outcome)
            self._writer.add_fact(place.orchestrator, end_ns, ended, amount)

    def tool_call(self, record: r.ToolCall, _session: SessionState) -> None:
        """
        A droid has called a tool.
        """
        labels = (record.place.droid, record.tool, record.outcome)
        self._writer.count(m.TOOL_CALLS, record.place.orchestrator, labels, record)

    def model_request(self, record: r.ModelRequest, session: SessionState) -> None:
        """
        A model provider has answered.
        """
        model, place = record.usage.model, record.place
        if not record.known:
            self._writer.count(m.MODEL_REQUESTS, place.orchestrator, (model, record.outcome), record)
        if not record.known and record.outcome is not Outcome.CANCELLED:
            self._writer.observe_duration(m.MODEL_REQUEST_DURATION, (model,), record)
        if not place.native:
            self._spending.spend(place, record.end_ns, [record.usage])
        elif r.has_usage(record.usage):
            self._request_of_task(record, session)

    def _request_of_task(self, record: r.ModelRequest, session: SessionState) -> None:
        """
        Have what a model request used count as its task's, unless that or an attempt of it gave its usage.
        """
        if not record.place.task:
            self._spending.spend(record.place, record.end_ns, [record.usage])
            return
        task = self._state(record, session)
        if not task.ended or task.held is not None:
            task.requests = [*(task.requests or ()), record.usage]
            session.extent += 1
        elif not task.declared_usage and not task.usage_of_attempts:
            self._spending.spend(_place_of(task, record.place), task.end_ns, [record.usage])

    def spend_rest(self, session: SessionState) -> None:
        """
        Count what attempts and model requests have used whose task has not ended.
        """
        for id_, task in session.tasks.items():
            usages = task.usages or task.requests
            if usages and task.held is None:
                place = r.Place(session.orchestrator, session.id, session.pattern, task=id_, droid=task.droid)
                self._spending.spend(place, session.end_ns or self._writer.wall_ns, usages)
                task.usages, task.requests = [], None

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


def _place_of(task: TaskState, place: r.Place) -> r.Place:
    """
    The place of a task that has ended, for what its attempts add.
    """
    return msgspec.structs.replace(place, droid=task.droid, task_type=task.task_type, phase=task.phase)


def _without(items: tuple[Item, ...], one: Item) -> tuple[Item, ...]:
    at = items.index(one)
    return (*items[:at], *items[at + 1 :])


def _is_closed(session: SessionState) -> bool:
    """
    Whether all that is due of an ended session was done.
    """
    return session.outcome is not None and session.close_clock is None
