"""
Log events about what has not ended yet, and what they speak of.
"""

import pytest

import droidscope as ds
from droidscope.conventions import attributes as names


def test_beginnings_are_announced(seen):
    """
    Sessions, phases, tasks, attempts and queries report at once what their spans report later, by id.
    """
    with ds.session("p", id="s", plan=["f"], planned=60), ds.phase("f"), ds.task("d", "t"), ds.attempt():
        with ds.ask("d", "e"), ds.tool("x"), ds.gate("g"):
            pass
        started = list(seen.events_named(names.STARTED_EVENT))

    assert [event.attributes[names.KIND] for event in started] == [
        "session",
        "phase",
        "task",
        "attempt",
        "message",
    ]
    assert started[0].attributes[names.SESSION_PLAN] == ("f",)
    assert started[0].attributes[names.SESSION_PLANNED_SECONDS] == 60.0
    for event in started:
        span = seen.one(event.attributes[names.KIND])
        assert (event.trace_id, event.span_id) == (span.context.trace_id, span.context.span_id)
        assert event.attributes.items() <= span.attributes.items()


@pytest.mark.parametrize(
    ("given", "ratio"),
    [(0.4, 0.4), (0, 0.0), (ds.percent(40), 0.4), (1.5, None), (None, None), ("half", None)],
)
def test_progress_is_a_ratio_or_unknown(seen, given, ratio):
    """
    Also progress of unknown extent is a sign that something moves.
    """
    with ds.session("p", id="s"):
        ds.progress(given)

    (event,) = seen.events_named(names.PROGRESS_EVENT)
    assert event.attributes.get(names.PROGRESS_RATIO) == ratio
    assert event.attributes[names.SESSION_ID] == "s"


def blocking_events(seen):
    """
    The events of blocking, in order, without their prefix.
    """
    both = (names.BLOCKED_EVENT, names.UNBLOCKED_EVENT)
    return [
        event.event_name.removeprefix("orchestrator.") for event in seen.events if event.event_name in both
    ]


def test_blocked_time_is_counted(seen, clock):
    """
    From `blocked` to `unblocked`, and over each `with` block.
    """
    with ds.phase("f"):
        ds.blocked("waiting for review")
        clock.seconds += 10
        ds.unblocked()
        clock.seconds += 100
        with ds.blocked():
            clock.seconds += 5

    assert seen.one("phase").attributes[names.PHASE_BLOCKED_SECONDS] == 15
    assert blocking_events(seen) == ["blocked", "unblocked"] * 2
    event = seen.events_named(names.BLOCKED_EVENT)[0]
    assert event.attributes == {names.PHASE_ID: "f", names.BLOCKED_REASON: "waiting for review"}
    assert event.span_id == seen.one("phase").context.span_id


async def test_reasons_that_overlap_count_once(seen, clock):
    """
    The phase is free when the last reason is gone.
    """
    with ds.phase("f"), ds.task("d"):
        async with ds.blocked("a"):
            clock.seconds += 10
            with ds.blocked("b"):
                clock.seconds += 10

    assert seen.one("phase").attributes[names.PHASE_BLOCKED_SECONDS] == 20
    assert blocking_events(seen) == ["blocked", "blocked", "unblocked"]


def test_a_phase_that_ends_blocked_counts_to_its_end(seen, clock):
    """
    Its outcome is its own affair.
    """
    with ds.phase("f") as phase:
        ds.blocked("a")
        clock.seconds += 7
        phase.outcome("blocked")

    span = seen.one("phase")
    assert span.attributes[names.PHASE_BLOCKED_SECONDS] == 7
    assert span.attributes[names.PHASE_OUTCOME] == "blocked"


def test_an_exception_passes_a_blocked_block(seen):
    """
    And the phase goes on.
    """
    with pytest.raises(TimeoutError), ds.phase("f"), ds.blocked("a"):
        raise TimeoutError

    assert blocking_events(seen) == ["blocked", "unblocked"]


def test_a_conflict_shows_at_once_and_counts_once(seen):
    """
    The span event and the log event have one id.
    """
    with ds.phase("f"):
        ds.conflict("schema", severity="high")
        ds.conflict("schema")
        logged = seen.events_named(names.CONFLICT_EVENT)
        assert len(logged) == 2

    on_span = seen.one("phase").events
    assert [event.name for event in on_span] == [names.CONFLICT_EVENT] * 2
    ids = [event.attributes[names.CONFLICT_ID] for event in on_span]
    assert ids == [event.attributes[names.CONFLICT_ID] for event in logged]
    assert len(set(ids)) == 2
    assert logged[0].attributes[names.CONFLICT_SEVERITY] == "high"
    assert names.CONFLICT_SEVERITY not in logged[1].attributes
    assert logged[0].attributes[names.PHASE_ID] == "f"
