"""
What droids do: tasks, the attempts at them, and calls of tools.
"""

from __future__ import annotations

from itertools import count
from typing import Unpack

from opentelemetry import baggage

from droidscope.conventions import attributes as names
from droidscope.conventions.attributes import Kind, Outcome
from droidscope.instrument import outputs
from droidscope.instrument.baggage import TASK_IDS, new_id
from droidscope.instrument.checks.values import count_dropped
from droidscope.instrument.instrumented_span import (
    Description,
    InstrumentedSpan,
    Values,
    WithOutcome,
    enclosing,
)
from droidscope.instrument.never_raise import warn_once
from droidscope.instrument.providers import Emitter
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
        if self.ended:
            count_dropped("invalid")
            warn_once("output:ended", "output for a %s that has ended is dropped", self.kind)
        elif self.emitter is not None and self.recording:
            self.span.set_attributes(outputs.describe(given, self._sums))


class Task(WithOutput):
    """
    A droid's piece of work, over all its attempts.
    """

    kind = Kind.TASK.value
    clears_ids = frozenset(TASK_IDS)

    def __init__(self, droid: str, type: str = "", id: str | None = None) -> None:
        super().__init__()
        self._droid = droid
        self._type = type
        self._id = id
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

    def next_attempt(self) -> int:
        """
        The number of the attempt that begins now, from 1.
        """
        return next(self._numbers)

    def _describe(self) -> Description:
        own_ids = {names.TASK_ID: self.id, names.AGENT_NAME: self.droid}
        if self._type:
            own_ids[names.TASK_TYPE] = str(self._type)
        return f"invoke_agent {self.droid}", own_ids, {names.OPERATION: "invoke_agent"}

    def _conclude(self, emitter: Emitter, error: BaseException | None) -> Values:
        labels = {
            names.AGENT_NAME: self.droid,
            names.TASK_TYPE: str(self._type),
            names.TASK_OUTCOME: self._final_outcome(error),
        }
        emitter.counters.add(names.CLIENT_TASKS, labels)
        emitter.task_duration.record(self._elapsed_ns() / SECOND_NS, labels)
        values = super()._conclude(emitter, error)
        values[names.TASK_ATTEMPTS] = next(self._numbers) - 1
        return values


class Attempt(WithOutput):
    """
    One try at the task it is inside of; outside of any task it is not recorded.
    """

    kind = Kind.ATTEMPT.value
    outcomes = (Outcome.SUCCEEDED, Outcome.FAILED)

    def __init__(self, number: int | None = None) -> None:
        super().__init__()
        self._number = number
        self.number = number or 1

    def begin(self, emitter: Emitter, *, enter: bool = True) -> None:
        """
        As every span, but only inside of a task.
        """
        if baggage.get_baggage(names.TASK_ID) is None:
            warn_once(
                "attempt", "an attempt outside of a task is not recorded: put it inside a droidscope.task"
            )
            return
        super().begin(emitter, enter=enter)

    def _describe(self) -> Description:
        task = enclosing(self.parent, Task)
        counted = task.next_attempt() if task is not None else 1
        self.number = self._number or counted
        return f"attempt {self.inside.get(names.AGENT_NAME, '')}", {}, {names.TASK_ATTEMPT: self.number}

    def _conclude(self, emitter: Emitter, error: BaseException | None) -> Values:
        if self.number > 1:
            droid = self.inside.get(names.AGENT_NAME, "")
            emitter.counters.add(names.CLIENT_RETRIES, {names.AGENT_NAME: droid})
        return super()._conclude(emitter, error)


class Tool(InstrumentedSpan):
    """
    A call of a tool.
    """

    kind = Kind.TOOL.value

    def __init__(self, name: str) -> None:
        self._name = name

    def _describe(self) -> Description:
        name = str(self._name)
        return f"execute_tool {name}", {}, {names.OPERATION: "execute_tool", names.TOOL_NAME: name}
