"""
The records: what telemetry of any source means, in one vocabulary. Frozen; times in integer nanoseconds.

The mapping makes them, and the head records them. `place` is where a record belongs; all other fields are
the record's own. An empty string means "not given", None "not known".
"""

from __future__ import annotations

from typing import Final, get_args

from msgspec import Struct
from msgspec.structs import replace

from droidscope.conventions.attributes import CONFLICT_RECORD, Kind, Outcome, Severity
from droidscope.model.labels import OrchestratorLabels, Relabel


class Place(Struct, frozen=True, gc=False, rename={"native": "own"}):
    """
    Where a record belongs.

    *orchestrator* is its label values: the service name, then one per configured resource label
    ("" where absent). *task* and *droid* are those of the enclosing task, if any. *native* is False
    for records of foreign conventions. (In checkpoints it is called `own`.) *run* is the span id of
    the session's span, in hexadecimal: it tells sessions of one id apart; "" where it is not given.
    """

    orchestrator: OrchestratorLabels
    session: str
    pattern: str = ""
    phase: str = ""
    task: str = ""
    task_type: str = ""
    droid: str = ""
    trace_id: str = ""
    native: bool = True
    run: str = ""

    def relabelled(self, relabel: Relabel) -> Place:
        """
        The same place, with the labels that its orchestrator has now.
        """
        return replace(self, orchestrator=relabel(self.orchestrator))


class Usage(Struct, frozen=True, gc=False):
    """
    Tokens and cost of one model's work. *cost_usd* is None where the source gave none.
    """

    model: str = ""
    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cost_usd: float | None = None


def has_usage(usage: Usage | None) -> bool:
    """
    Whether there are tokens or a cost.
    """
    if usage is None:
        return False
    tokens = usage.input or usage.output or usage.cache_read or usage.cache_write
    return bool(tokens) or usage.cost_usd is not None


class Output(Struct, frozen=True, gc=False):
    """
    What a task or attempt produced; scores 0..100, None where not given.

    *findings* counts security findings by severity (zeros after a clean report), None without one.
    """

    files_created: int | None = None
    code_quality: float | None = None
    test_coverage: float | None = None
    security: float | None = None
    findings: dict[Severity, int] | None = None
    issues: tuple[str, ...] = ()


NO_OUTPUT = Output()

UserAttribute = str | bool | int | float
"""
The value of an attribute that the user gave.
"""

UserAttributes = tuple[tuple[str, UserAttribute], ...]
"""
Attributes that the user gave, by key in order of their keys.
"""


class Record(Struct, frozen=True, kw_only=True, tag_field="record"):
    """
    What all records share. *span_id* is the span's in hexadecimal, "" where there is none.
    """

    place: Place
    start_ns: int
    end_ns: int
    span_id: str = ""

    @property
    def duration_ns(self) -> int:
        """
        Nanoseconds from start to end, 0 where clocks ran backwards.
        """
        duration_ns = self.end_ns - self.start_ns
        return duration_ns if duration_ns > 0 else 0  # noqa: FURB136 - `max` is a call, and this is asked often


class Session(Record, frozen=True, tag="session"):
    """
    An ended session, or with the outcome `WAITING` one that another span will go on with. *plan* lists
    phase ids; *planned_ns* is None without a declared plan. *waited_ns* is how long it waited for people
    within this span. *resumed*: it goes on under the id of an earlier one. *by_id*: a call ended it by its
    id. *attributes* are the user's.
    """

    outcome: Outcome
    error_type: str = ""
    pattern_name: str = ""
    plan: tuple[str, ...] = ()
    planned_ns: int | None = None
    waited_ns: int = 0
    resumed: bool = False
    attributes: UserAttributes = ()
    by_id: bool = False


class Phase(Record, frozen=True, tag="phase"):
    """
    An ended phase.
    """

    outcome: Outcome
    error_type: str = ""
    name: str = ""
    depends_on: tuple[str, ...] = ()
    planned_ns: int | None = None
    blocked_ns: int = 0


class Task(Record, frozen=True, tag="task"):
    """
    An ended task. *attempts* is how many attempts it emitted; 0: the task is its one attempt. *attributes*
    are the user's. *delivery* is the number of the delivery that ended it; 0: no queue delivers it.
    """

    outcome: Outcome
    error_type: str = ""
    attempts: int = 0
    output: Output = NO_OUTPUT
    usage: Usage | None = None
    attributes: UserAttributes = ()
    delivery: int = 0


class Attempt(Record, frozen=True, tag="attempt"):
    """
    One try of one droid at one task; *number* counts from 1.
    """

    outcome: Outcome
    error_type: str = ""
    number: int = 1
    output: Output = NO_OUTPUT
    usage: Usage | None = None


class ToolCall(Record, frozen=True, tag="tool"):
    """
    A call of a tool by the droid of its place.
    """

    tool: str
    outcome: Outcome


class ModelRequest(Record, frozen=True, tag="model_request"):
    """
    A request to a model provider, by the droid of its place. *known*: it has been counted by another
    record, and only what it used has not.
    """

    outcome: Outcome
    usage: Usage
    known: bool = False


class Message(Record, frozen=True, tag="message"):
    """
    A message between droids; a query lasts until its answer.
    """

    id: str
    type: str
    sender: str
    receiver: str
    outcome: Outcome
    correlation_id: str = ""
    deadline_ns: int | None = None


class Gate(Record, frozen=True, tag="gate"):
    """
    A quality gate's verdict, *passed* None where it gave none; *score* is 0..100.
    """

    gate: str
    passed: bool | None
    category: str = ""
    severity: str = ""
    score: float | None = None


class Synthesis(Record, frozen=True, tag="synthesis"):
    """
    The integration of a session's results; *gates_passed* is None where it was not given. One that ended in
    an error misses at least one component; one that was *cancelled* has put nothing together.
    """

    conflicts: int = 0
    unresolved: int = 0
    missing: int = 0
    gates_passed: bool | None = None
    cancelled: bool = False


class Conflict(Record, frozen=True, tag="conflict"):
    """
    A conflict; it may arrive twice (log event and span event) under one *id*.
    """

    id: str
    type: str
    severity: str = ""


class Started(Record, frozen=True, tag="started"):
    """
    Something has begun; *what* is its `Kind`. The span that ends it has the same *span_id*. *resumed*: a
    session goes on under its id.
    """

    what: str
    planned_ns: int | None = None
    plan: tuple[str, ...] = ()
    resumed: bool = False


class Progress(Record, frozen=True, tag="progress"):
    """
    Something moved; *ratio* where the orchestrator knows how far it is.
    """

    ratio: float | None = None


class Alive(Record, frozen=True, tag="alive"):
    """
    A heartbeat: the process of an open session is alive.
    """


class Waiting(Record, frozen=True, tag="waiting"):
    """
    The session of the place waits for a person.
    """

    reason: str = ""


class Resumed(Record, frozen=True, tag="resumed"):
    """
    The session of the place goes on after a wait.
    """


class Blocked(Record, frozen=True, tag="blocked"):
    """
    The phase of the place is blocked.
    """

    reason: str = ""


class Unblocked(Record, frozen=True, tag="unblocked"):
    """
    The phase of the place goes on.
    """


class ProcessAlive(Struct, frozen=True, tag_field="record", tag="process_alive"):
    """
    A sign of life of a process: a part of the list of sessions that are open in it, from 1 of *parts*.
    """

    orchestrator: OrchestratorLabels
    instance: str
    time_ns: int
    sessions: tuple[str, ...] = ()
    part: int = 1
    parts: int = 1


class Emitted(Struct, frozen=True, tag_field="record", tag="emitted"):
    """
    A point of `orchestrator.client.records`: how many records one process has emitted so far.

    *time_ns* is the point's; a new *start_ns* means that the process was restarted.
    """

    orchestrator: OrchestratorLabels
    instance: str
    kind: str
    count: int
    start_ns: int
    time_ns: int
    delta: bool = False


PlacedRecord = (
    Session
    | Phase
    | Task
    | Attempt
    | ToolCall
    | ModelRequest
    | Message
    | Gate
    | Synthesis
    | Conflict
    | Started
    | Progress
    | Alive
    | Waiting
    | Resumed
    | Blocked
    | Unblocked
)
"""
A record that belongs to a session.
"""

AnyRecord = PlacedRecord | ProcessAlive | Emitted

CLIENT_KINDS: Final[dict[type, str]] = {
    type_: tag
    for type_ in get_args(AnyRecord)
    if (tag := str(type_.__struct_config__.tag)) in {*Kind, CONFLICT_RECORD}
}
"""
The records that the instrumentation counts, by type.
"""


def relabelled(record: AnyRecord, relabel: Relabel) -> AnyRecord:
    """
    A record of a checkpoint, with the labels that its orchestrator has now.
    """
    if isinstance(record, (Emitted, ProcessAlive)):
        return replace(record, orchestrator=relabel(record.orchestrator))
    return replace(record, place=record.place.relabelled(relabel))
