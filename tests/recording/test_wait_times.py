"""
How long a session waited, by what several processes reported of it, in any order.
"""

from __future__ import annotations

import itertools

import pytest

import builders as b
from droidscope.conventions import metrics as m
from droidscope.head.live import session_state
from droidscope.sessions.wait_times import CHANGES_LIMIT, WaitTimes
from rig import Rig

RUN, NEXT = (f"{0xABC << 32 | number:016x}" for number in (1, 2))


@pytest.fixture
def new_rig(tmp_path):
    """
    Makes exporters, each with a store of its own.
    """
    numbers = itertools.count()
    return lambda: Rig(tmp_path / f"store-{next(numbers)}")


def begins(at, run=RUN, process="A", **more):
    return event("started", at, process, run, kind="session", span_id=bytes.fromhex(run), **more)


def event(what, at, process, run=RUN, **more):
    of = {"session__run": run} if run else {}
    body = b.event(f"orchestrator.{what}", at=at, pattern__id="bug-fix", **of, **more)
    return "logs", b.logs(body, **{"service.instance.id": process})


def ends(start, end, run=RUN, process="A", waited=0, **more):
    span = b.session(
        "s1",
        start=start,
        seconds=end - start,
        span_id=bytes.fromhex(run),
        session__run=run,
        **({"session__waiting_seconds": float(waited)} if waited else {}),
        **more,
    )
    return "traces", b.traces(span, **{"service.instance.id": process})


RESUMED = {"session__resumed": True}
CASES = {
    "in its own process": (
        [begins(0), event("waiting", 10, "A"), event("resumed", 40, "A"), ends(0, 100, waited=30)],
        30,
    ),
    "measured by a process whose events were lost": ([begins(0), ends(0, 100, waited=30)], 30),
    "in a worker inside of its parent's session": (
        [begins(0), event("waiting", 10, "B"), event("resumed", 40, "B"), ends(0, 100)],
        30,
    ),
    "in two at once": (
        [
            begins(0),
            event("waiting", 10, "A"),
            event("waiting", 20, "B"),
            event("resumed", 30, "A"),
            event("resumed", 40, "B"),
            ends(0, 100, waited=20),
        ],
        30,
    ),
    "killed while it waited, then resumed": (
        [
            begins(0),
            event("waiting", 10, "A"),
            begins(60, NEXT, "B", **RESUMED),
            ends(60, 100, NEXT, "B", **RESUMED),
        ],
        50,
    ),
    "killed while it waited, and nothing but the end": (
        [begins(0), event("waiting", 10, "A"), ends(60, 60, NEXT, "B", **RESUMED)],
        50,
    ),
    "begun in one process and over in another": (
        [begins(0), event("waiting", 10, "A"), event("resumed", 20, "B", ""), ends(0, 100, waited=90)],
        10,
    ),
    "ended by another process, then once more by its own": (
        [
            begins(0),
            event("waiting", 10, "A"),
            event("resumed", 20, "B", ""),
            ends(30, 30, NEXT, "B", **RESUMED),
            ends(0, 33, waited=23),
        ],
        10,
    ),
    "in a span and between two": (
        [
            begins(0),
            event("waiting", 10, "A"),
            event("resumed", 20, "A"),
            ends(0, 30, waited=10, session__outcome="waiting"),
            begins(80, NEXT, "B", **RESUMED),
            ends(80, 100, NEXT, "B", **RESUMED),
        ],
        60,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_a_session_waited_is_the_union_in_any_order(new_rig, case):
    """
    Neither twice nor more than what passed; it counts in no duration.
    """
    arrivals, waited = CASES[case]
    orders = list(itertools.permutations(arrivals))
    for order in orders[:: max(1, len(orders) // 24)]:
        rig = new_rig()
        for arrival in order:
            rig.send(*arrival)
        rig.restart()
        rig.pass_seconds(2)

        (known,) = rig.head.sessions
        assert session_state(known, rig.head, rig.now) == "completed"
        assert rig.value(m.SESSION_WAITING_SECONDS, "bug-fix") == waited
        took = (known.end_ns - known.start_ns) / b.SECOND
        assert rig.value(m.SESSION_DURATION, "bug-fix", "completed") == took - waited
        assert rig.value(m.SESSIONS_STARTED, "bug-fix") == 1


def test_a_session_waits_until_somebody_goes_on(new_rig):
    """
    One that waits itself ends its own wait; one that does not ends it for all.
    """
    rig = new_rig()

    def after(*arrival):
        rig.send(*arrival)
        (known,) = rig.head.sessions
        return session_state(known, rig.head, rig.now)

    assert after(*begins(0)) == "running"
    assert after(*event("waiting", 1, "A")) == "waiting"
    assert after(*event("waiting", 2, "B")) == "waiting"
    assert after(*event("resumed", 3, "B")) == "waiting"
    assert after(*event("resumed", 4, "C", "")) == "running"
    assert after(*event("waiting", 5, "B")) == "waiting"
    assert after(*event("resumed", 6, "A")) == "waiting"  # the end of its own wait, which was over
    assert after(*event("resumed", 7, "B")) == "running"


def test_a_session_that_waits_again_and_again_holds_little():
    """
    The sum of what is no longer known in detail is right.
    """
    waits = WaitTimes()
    for at in range(0, 100_000, 10):
        waits.change("A", at + 1, waits=True)
        waits.change("A", at + 4, waits=False)

    assert waits.waited_ns(0, 100_000) == 30_000
    assert waits.size <= CHANGES_LIMIT
