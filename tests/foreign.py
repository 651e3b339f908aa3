"""
Builders of foreign telemetry: trees of steps as frameworks nest them, with times in seconds.
"""

from itertools import count
from typing import NamedTuple

from droidscope.assembly.foreign_sessions import ForeignSessions
from droidscope.model.foreign_steps import NativeSpan, Role, SpanSource, Step
from droidscope.model.otlp import Event, Resource, Span
from droidscope.model.records import Place, Usage

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

CREW = ("crew",)
"""
The orchestrator of foreign telemetry.
"""


class Branch(NamedTuple):
    """
    A step to be, and what is nested in it.
    """

    fields: dict
    below: tuple


def branch(role, *below, start=0, end=100, **fields):
    return Branch(
        {"role": role, "source": SpanSource.GEN_AI, "start_ns": start * SECOND, "end_ns": end * SECOND}
        | fields,
        below,
    )


def workflow(name, *below, **fields):
    return branch(Role.WORKFLOW, *below, name=name, **fields)


def phase(name, *below, **fields):
    return branch(Role.PHASE, *below, name=name, **fields)


def agent(name, *below, **fields):
    return branch(Role.AGENT, *below, name=name, **fields)


def tool(name, *below, **fields):
    return branch(Role.TOOL, *below, name=name, **fields)


def model(tokens=0, *below, **fields):
    return branch(Role.MODEL, *below, usage=Usage("m", input=tokens), **fields)


def other(*below, **fields):
    return branch(Role.OTHER, *below, source=SpanSource.NONE, **fields)


def steps(*branches, trace="trace", parent=b"", prefix="s"):
    """
    The steps of one trace, each after those below it: the order in which spans end.
    """
    numbers = count()
    made = []

    def grow(each, above):
        span_id = f"{prefix}{next(numbers):07}".encode()
        for below in each.below:
            grow(below, span_id)
        made.append(
            Step(**{"trace_id": trace.encode(), "span_id": span_id, "parent_id": above} | each.fields)
        )

    for each in branches:
        grow(each, parent)
    return made


def settled(*branches, trace="trace", parent=b""):
    """
    The records of one trace, an hour after all of it arrived.
    """
    sessions = ForeignSessions()
    arrive(sessions, steps(*branches, trace=trace, parent=parent))
    return sessions.settle(HOUR)


def arrive(sessions, arrivals, at=0, orchestrator=CREW):
    """
    Hand over steps at *at* seconds of uptime.
    """
    for step in arrivals:
        sessions.add(step, orchestrator, round(at * SECOND))


def our_place(**fields):
    return Place(**{"orchestrator": ("ours",), "session": "our-session", "pattern": "release"} | fields)


def our_task(**fields):
    return our_place(task="our-task", task_type="build", droid="our-droid", **fields)


def ours(place, span_id=b"our-span", parent_id=b"", **fields):
    return NativeSpan(span_id, parent_id, place, **fields)


def span(name="span", *, events=(), status=0, scope="a framework", **attributes):
    """
    A span as decoded; `__` in an attribute's name stands for a dot.
    """
    return Span(
        trace_id=b"t" * 16,
        span_id=b"s" * 8,
        parent_id=b"p" * 8,
        name=name,
        kind=1,
        start_ns=1,
        end_ns=2,
        status=status,
        status_message="",
        attributes={key.replace("__", "."): value for key, value in attributes.items()},
        resource=Resource({"service.name": "crew"}),
        scope=scope,
        events=tuple(Event(name, 1, attributes) for name, attributes in events),
    )


def named(session, *, trace, start=0, end=100, droid="ada", failed=False):
    root = workflow(
        "team", agent(droid, start=start, end=end), session_id=session, start=start, end=end, failed=failed
    )
    return steps(root, trace=trace)
