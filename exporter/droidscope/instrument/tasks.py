"""
What droids do: tasks, the attempts at them, and calls of tools.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from time import time_ns
from typing import Unpack

from opentelemetry import baggage

from droidscope.conventions import attributes as names
from droidscope.conventions.attributes import Kind, Outcome
from droidscope.instrument import handles, outputs
from droidscope.instrument.baggage import TASK_IDS, new_id
from droidscope.instrument.checks.values import whole_or_digits
from droidscope.instrument.emission.forks import LINEAGE
from droidscope.instrument.emission.texts import clean_text, clean_values
from droidscope.instrument.endings.endings import (
    Ending,
    asks_for_retry,
    cause_of,
    ending_of,
    is_rejection,
)
from droidscope.instrument.instrumented_span import Description, Values, WithOutcome, current, enclosing
from droidscope.instrument.never_raise import never_raise, warn_once
from droidscope.instrument.providers import Emitter
from droidscope.instrument.user_attributes import Scalar, WithAttributes
from droidscope.units import SECOND_NS


class WithOutput(WithOutcome):
    """
    A task or an attempt: droids' outputs are attached to it.
    """

    emits_started = True
    outcome_name = names.TASK_OUTCOME

    def __init__(self) -> None:
        self._sums: dict[str, float] = {}

    @outputs.takes_output
    def output(self, **given: Unpack[outputs.OutputFields]) -> None:
        """
        Attach what was produced, as `droidscope.output` does, to this one.
        """
        if not self._is_over("output()") and self.emitter is not None and self.recording:
            self.span.set_attributes(outputs.describe(given, self._sums))


class TaskSpan(WithOutput, WithAttributes, handles.Task):
    """
    A droid's piece of work, over all its attempts.
    """

    kind = Kind.TASK.value
    label = "_droid"
    clears_ids = frozenset(TASK_IDS)

    def __init__(
        self,
        droid: str,
        type: str = "",
        id: str | None = None,
        attributes: Mapping[str, Scalar] | None = None,
    ) -> None:
        super().__init__()
        self._droid = droid
        self._type = type
        self._id = id
        self._given_attributes = attributes
        self._numbers = count(1)

    @property
    def id(self) -> str:
        """
        The task's id: the given one, else 32 random hex digits.
        """
        if self._id is None:
            self._id = new_id()
        return str(self._id)

    @property
    def droid(self) -> str:
        """
        The droid's name, as given.
        """
        return str(self._droid)

    def retry_later(self) -> None:
        """
        State that this delivery of the task is not its last: a queue will deliver it again.

        Without `task(delivery=)` it is logged and ignored.
        """
        warn_once("retry_later", "retry_later() is ignored: give the task its id and delivery=, from 1")

    def next_attempt(self) -> int:
        """
        The number of the attempt that begins now, from 1.
        """
        return next(self._numbers)

    def _task_ids(self) -> dict[str, str]:
        ids = {names.TASK_ID: self.id, names.AGENT_NAME: self.droid}
        if self._type:
            ids[names.TASK_TYPE] = str(self._type)
        return ids

    def _describe(self) -> Description:
        values: Values = {names.OPERATION: "invoke_agent", **self._user_values()}
        return f"invoke_agent {self.droid}", self._task_ids(), values

    def _conclude(self, emitter: Emitter, ending: Ending) -> Values:
        self._measure(emitter, ending)
        return {names.TASK_ATTEMPTS: next(self._numbers) - 1}

    def _measure(self, emitter: Emitter, ending: Ending) -> None:
        key = (
            (names.AGENT_NAME, self.droid),
            (names.TASK_TYPE, str(self._type)),
            (names.TASK_OUTCOME, self._final_outcome(ending).value),
        )
        emitter.counters.add_key(names.CLIENT_TASKS, key)
        emitter.task_duration.record(self._elapsed_ns() / SECOND_NS, key)


class AttemptSpan(WithOutput, handles.Attempt):
    """
    One try at the task it is inside of; outside of any task, and inside of a delivery, it is not recorded.
    """

    kind = Kind.ATTEMPT.value
    label = "_counted"
    outcomes = (Outcome.SUCCEEDED, Outcome.FAILED, Outcome.CANCELLED)

    def __init__(self, number: int | None = None) -> None:
        super().__init__()
        self._number = number
        self._counted = number or 1

    @property
    def number(self) -> int:
        """
        Which try it is: the given number, else counted within the task.
        """
        return self._counted

    def begin(self, emitter: Emitter, *, enter: bool = True) -> None:
        """
        As every span, but only inside of a task.
        """
        if baggage.get_baggage(names.TASK_ID) is None:
            warn_once(
                "attempt",
                "an attempt outside of a task is not recorded: put it inside a droidscope.task; "
                "to a thread, droidscope.carry(function) takes the task along",
            )
        elif isinstance(enclosing(current(), TaskSpan), DeliverySpan):
            warn_once(
                "attempt:delivery",
                "an attempt inside of a task(delivery=) is not recorded: the delivery is the attempt",
            )
        else:
            super().begin(emitter, enter=enter)

    def _describe(self) -> Description:
        task = enclosing(self.parent, TaskSpan)
        counted = task.next_attempt() if task is not None else 1
        self._counted = self._number or counted
        return f"attempt {self.inside.get(names.AGENT_NAME, '')}", {}, {names.TASK_ATTEMPT: self.number}

    def _conclude(self, emitter: Emitter, ending: Ending) -> Values:  # noqa: ARG002 - as every span
        if self.number > 1:
            droid = self.inside.get(names.AGENT_NAME, "")
            emitter.counters.add(names.CLIENT_RETRIES, {names.AGENT_NAME: droid})
        return {}


class DeliverySpan(TaskSpan):
    """
    One delivery of a task by a queue. Its span is that of an attempt, whatever process it is in; the
    delivery after which there is no other emits the span of the task as well.
    """

    kind = Kind.ATTEMPT.value
    takes_result = True

    def __init__(
        self,
        droid: str,
        type: str,
        id: str,
        number: int,
        last: int | None,
        attributes: Mapping[str, Scalar] | None,
    ) -> None:
        super().__init__(droid, type, id, attributes)
        self._number = number
        self._last = last
        self._is_retried = False
        self._began_ns = 0

    def retry_later(self) -> None:
        """
        State that this delivery is not the last one: it has failed, unless its outcome is stated.
        """
        if not self._is_over("retry_later()"):
            self._is_retried = True

    @never_raise
    def returned(self, result: object) -> None:
        """
        A result by which a worker of RQ is asked for another delivery is taken as such.
        """
        if asks_for_retry(result):
            self.retry_later()

    @never_raise
    def begin(self, emitter: Emitter, *, enter: bool = True) -> None:
        """
        As every span.
        """
        self._began_ns = time_ns()
        super().begin(emitter, enter=enter)

    @never_raise
    def end(self, error: BaseException | None = None) -> None:
        """
        As every span; the last delivery ends the task.
        """
        is_open = not self.ended and self.generation == LINEAGE.generation
        super().end(cause_of(error))
        if is_open and self.recording and self.emitter is not None and self._is_last(error):
            self._end_task(self.emitter, error)

    def _is_last(self, error: BaseException | None) -> bool:
        ending = ending_of(error)
        if self._is_retried:
            return False
        if ending is Ending.BY_ITSELF or self._final_outcome(ending) is not Outcome.FAILED:
            return True
        if self._last is not None:
            return self._number >= self._last or is_rejection(error)
        return not asks_for_retry(error)

    def _final_outcome(self, ending: Ending) -> Outcome:
        failed = self._is_retried and self._explicit_outcome is None and ending is Ending.BY_ITSELF
        return Outcome.FAILED if failed else super()._final_outcome(ending)

    def _outcome_values(self, ending: Ending) -> Values:
        values = super()._outcome_values(ending)
        is_completed = values.get(names.TASK_OUTCOME) == Outcome.COMPLETED
        return {names.TASK_OUTCOME: Outcome.SUCCEEDED.value} if is_completed else values

    def _describe(self) -> Description:
        values: Values = {names.TASK_ATTEMPT: self._number, **self._user_values()}
        return f"attempt {self.droid}", self._task_ids(), values

    def _conclude(self, emitter: Emitter, ending: Ending) -> Values:  # noqa: ARG002 - as every span
        if self._number > 1:
            emitter.counters.add(names.CLIENT_RETRIES, {names.AGENT_NAME: self.droid})
        return {}

    def _end_task(self, emitter: Emitter, error: BaseException | None) -> None:
        # Only now: a span that has begun and never ends would look like work that hangs.
        ending = ending_of(error)
        start: Values = {
            names.KIND: Kind.TASK.value,
            **self.inside,
            names.OPERATION: "invoke_agent",
            names.TASK_ATTEMPTS: self._number,
            names.TASK_DELIVERY: self._number,
            **super()._outcome_values(ending),
            **self._user_values(),
        }
        name = clean_text(f"invoke_agent {self.droid}", emitter.texts.limit)
        around = None if self.parent is None else self.parent.span
        values = clean_values(start, emitter.texts.limit)
        span, _ = emitter.start(name, self.previous, around, self.span_kind, values, self._began_ns)
        if self._is_error(ending):
            self._mark_failed(emitter, span, cause_of(error))
        span.end()
        emitter.count_record(Kind.TASK, self.inside)
        self._measure(emitter, ending)


def task_of(
    droid: str,
    type: str = "",
    id: str | None = None,
    delivery: int | str | None = None,
    max_deliveries: int | str | None = None,
    attributes: Mapping[str, Scalar] | None = None,
) -> handles.Task:
    """
    A task, or one *delivery* of it; numbers that do not fit are logged and dropped.
    """
    number = whole_or_digits("task(delivery)", delivery, least=1)
    if number is None:
        if max_deliveries is not None:
            warn_once("task:max_deliveries", "task(max_deliveries) is dropped: it needs delivery=, from 1")
        return TaskSpan(droid, type, id, attributes)
    if id is None:
        warn_once("task:delivery", "task(delivery) is dropped: it needs the id= that all deliveries have")
        return TaskSpan(droid, type, id, attributes)
    last = whole_or_digits("task(max_deliveries)", max_deliveries, least=number)
    return DeliverySpan(droid, type, id, number, last, attributes)


class ToolSpan(WithOutcome, handles.Tool):
    """
    A call of a tool.
    """

    kind = Kind.TOOL.value
    label = "_name"
    outcome_name = names.TOOL_OUTCOME
    outcomes = (Outcome.SUCCEEDED, Outcome.FAILED, Outcome.CANCELLED)

    def __init__(self, name: str) -> None:
        self._name = name

    def _describe(self) -> Description:
        name = str(self._name)
        return f"execute_tool {name}", {}, {names.OPERATION: "execute_tool", names.TOOL_NAME: name}
