"""
A restart goes on where the exporter was: the head is what the frames of the log make of it.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import builders as b
from droidscope.assembly.foreign_settings import ForeignSettings
from droidscope.conventions import metrics as m
from droidscope.errors import StoreError
from droidscope.facts.packing import FACTS_OF_HOURS_ALONE
from droidscope.facts.sketched_facts import ScoreCounts
from droidscope.mapping.mapper import Mapper
from droidscope.model.examples import ExampleKind
from droidscope.series.label_limits import SeriesLimits
from droidscope.views.head_reader import HeadReader
from droidscope.views.metrics_page import MetricsPageParts
from rig import Rig

FIX = {"pattern__id": "bug-fix", "phase__id": "fix"}
IN_FIX = {"phase__id": "fix"}
IN_TASK = {**FIX, "gen_ai__agent__name": "coder", "task__id": "t1", "task__type": "code"}


def foreign(name, *, trace, span_id, parent=b"", **attributes):
    """
    An agent run of a foreign framework, in the GenAI conventions.
    """
    made = b.span("", span_id=span_id, trace_id=trace.to_bytes(16, "big"))
    del made.attributes[:]
    made.parent_span_id = parent
    made.attributes.extend(
        b.key_values({"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": name, **attributes})
    )
    return made


def foreign_traces(*spans):
    return b.traces(*spans, scope="a framework")


def request(number):  # noqa: C901, PLR0911 - a table of twelve
    """
    One of some requests that leave something open, end something, or come late.
    """
    session = f"s{number // 12 % 3}"
    match number % 12:
        case 0:
            return "logs", b.logs(b.event("orchestrator.started", session=session, kind="session", **FIX))
        case 1:
            return "logs", b.logs(b.event("orchestrator.alive", session=session, at=number, **FIX))
        case 2:
            return "traces", b.traces(b.task(session=session, id=f"t{number}", error="ValueError", **IN_FIX))
        case 3:
            return "traces", b.traces(b.span("phase", session=session, phase__outcome="failed", **FIX))
        case 4:
            return "traces", b.traces(b.session(session, error="ValueError"))
        case 5:
            return "traces", foreign_traces(foreign("planner", trace=number + 1, span_id=b"\1" * 8))
        case 7:
            plan = b.span("phase", session=session, start=number, seconds=5, **FIX)
            ship = {"phase__id": "ship", "phase__depends_on": ["fix"], "phase__planned_seconds": 1.0}
            then = b.span(
                "phase", session=session, start=number + 9, seconds=5, pattern__id="bug-fix", **ship
            )
            return "traces", b.traces(plan, then)
        case 8:
            tries = [
                b.span("attempt", session=session, start=number + n, task__attempt=n, **IN_TASK)
                for n in (1, 2)
            ]
            return "traces", b.traces(*tries)
        case 9:
            done = b.span("task", session=session, start=number, seconds=4, task__attempts=2, **IN_TASK)
            return "traces", b.traces(done, b.task("tester", session=session, id=f"u{number}", **IN_FIX))
        case 10:
            return "traces", b.traces(*queries(session, number), b.session(session, start=number, seconds=20))
        case 6:
            child = foreign("coder", trace=number + 1, span_id=b"\2" * 8, parent=b"\1" * 8)
            return "traces", foreign_traces(child)
        case _:
            return "metrics", b.emitted("task", number, at=number)


def queries(session, number):
    """
    More messages than are of use, of which one waits for most of a phase.
    """
    of = {"session": session, "start": number, "message__sender": "coder", "message__receiver": "tester"}
    said = [b.span("message", message__type="coordination", **of, **IN_FIX) for _ in range(21)]
    return [*said, b.span("message", seconds=4, message__type="query", **of, **IN_FIX)]


actions = st.one_of(
    st.tuples(st.just("send"), st.integers(0, 60)),
    st.tuples(st.just("send"), st.integers(0, 60)),
    st.tuples(st.just("wait"), st.sampled_from([0.5, 2, 15, 45, 601, 1000, 3590, 3660, 10_900])),
    st.tuples(st.just("seal"), st.just(0)),
    st.tuples(st.just("look"), st.just(0)),
)


@given(st.lists(actions, max_size=30))
@example([("send", 0), ("wait", 10_900), ("send", 46), ("wait", 3590), ("wait", 601), ("send", 0)])
@example([("send", 46), ("send", 38), ("seal", 0), ("wait", 2)])
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_crash_at_any_moment_leaves_the_head_as_it_was(tmp_path_factory, script):
    """
    Whatever arrived, fell due or was looked at: checkpoint and log make the same head again.
    """
    rig = Rig(
        tmp_path_factory.mktemp("rig"),
        limits=SeriesLimits(values=2, hold_ns=60 * b.SECOND),
        foreign=ForeignSettings(max_traces=2),
        log_segment_ns=900 * b.SECOND,
    )
    for action, number in script:
        match action:
            case "send":
                rig.send(*request(number))
            case "wait":
                rig.pass_seconds(number)
            case "seal":
                rig.pipeline.store.seal(rig.head, rig.pipeline.uptime_ns())
            case "look":
                MetricsPageParts(HeadReader(rig.pipeline), rig.pipeline.store, None).live()
    before = rig.state()

    rig.crash()

    assert rig.state() == before


def test_the_scripts_have_sessions_with_analyses_examples_and_late_records(tmp_path):
    """
    So that the property above is about them, too: phases, tasks, attempts, before and after the end.
    """
    rig = Rig(tmp_path / "store")
    rig.now = 100 * b.SECOND
    analysis_facts = set()
    for number in range(60):
        rig.send(*request(number))
        rig.pass_seconds(0.5)
        analysis_facts |= {each.session for each in rig.head.analyses.dump() if each.phases}
    rig.pass_seconds(20)

    history = rig.head.history.totals(("atlas",), "7d", b.NOON + rig.now)
    assert {type(key) for key in history} == FACTS_OF_HOURS_ALONE - {ScoreCounts}
    assert {key[0] for _, key in dict(rig.head.examples.dump())} >= {
        ExampleKind.SLOW_PHASE,
        ExampleKind.SLOW_TASK,
        ExampleKind.FAILURE,
        ExampleKind.FAILED_TASK,
        ExampleKind.WAIT,
        ExampleKind.MESSAGES,
        ExampleKind.IDLE,
        ExampleKind.FASTEST,
    }
    assert analysis_facts == {"s0", "s1", "s2"}


def test_what_was_lost_by_minute_checks_is_lost_at_the_same_minute_again(tmp_path):
    """
    The whole orchestrator was silent for an hour, so its sessions are looked at every minute. A
    replay looks when the exporter looked, so it finds the same session lost.
    """
    rig = Rig(tmp_path / "store")
    for session in ("a", "b"):
        rig.send("logs", b.logs(b.event("orchestrator.alive", session=session, pattern__id="bug-fix")))
    rig.pass_seconds(3600)
    rig.pass_seconds(30)
    rig.pipeline.store.seal(rig.head, rig.pipeline.uptime_ns())
    for session, at in (("a", 3635), ("a", 3665), ("b", 3670)):
        rig.now = at * b.SECOND
        rig.send("logs", b.logs(b.event("orchestrator.alive", session=session, at=at, pattern__id="bug-fix")))
    before = rig.value(m.SESSIONS, "bug-fix", "lost")

    rig.crash()

    assert (before, rig.value(m.SESSIONS, "bug-fix", "lost")) == (1, 1)


def test_a_failure_counted_after_a_restart_is_held_like_any_first_event(tmp_path):
    """
    The session ended before the checkpoint, its failure is counted after it: its first event must
    not be exposed at 1 at once, or `increase()` never sees it.
    """
    rig = Rig(tmp_path / "store", limits=SeriesLimits(hold_ns=60 * b.SECOND))
    rig.pass_seconds(1000)
    rig.send("traces", b.traces(b.session(error="ValueError")))
    rig.restart()

    rig.pass_seconds(2)

    shown = {family.spec.name: cells for family, cells in rig.head.series.families(rig.pipeline.uptime_ns())}
    assert rig.value(m.FAILURES, "bug-fix", "", "ValueError") == 1
    assert [cell.billionths for cell in shown[m.FAILURES.name]] == [0]


def test_what_fell_out_for_want_of_room_is_counted_before_the_crash_and_after(tmp_path):
    """
    A foreign trace evicted by the last request is in the counters at once, live and replayed.
    """
    rig = Rig(tmp_path / "store", foreign=ForeignSettings(max_traces=1))
    rig.send("traces", foreign_traces(foreign("one", trace=1, span_id=b"\1" * 8)))
    rig.send("traces", foreign_traces(foreign("two", trace=2, span_id=b"\2" * 8)))
    before = rig.value(m.SESSIONS, "one", "completed")

    rig.crash()

    assert before == rig.value(m.SESSIONS, "one", "completed") == 1


def test_looking_takes_no_label_places(tmp_path):
    """
    A scrape shows droids of foreign sessions before they are counted; it must not admit them, or
    what is `other` would depend on who looked when.
    """
    rig = Rig(tmp_path / "store", limits=SeriesLimits(values=1, hold_ns=0))
    rig.send("traces", foreign_traces(foreign("one", trace=1, span_id=b"\2" * 8, parent=b"\1" * 8)))
    before = rig.state()

    MetricsPageParts(HeadReader(rig.pipeline), rig.pipeline.store, None).live()

    assert rig.state() == before


def test_nothing_of_a_request_that_was_not_kept_is_remembered(tmp_path):
    """
    Refused spans take no room among the ids, so a sender of nothing else cannot fill the memory;
    sent again they are refused again.
    """
    rig = Rig(tmp_path / "store")
    body = b.traces(b.span("nonsense"), b.span("task", session=""))

    refused = [rig.send("traces", body).rejected for _ in range(2)]

    assert refused == [2, 2]
    assert len(rig.pipeline.store.seen) == 0


def test_ids_forgotten_before_a_crash_stay_forgotten(tmp_path, monkeypatch):
    """
    A twin beyond the horizon was counted; a replay over several segments counts it again, not less.
    """
    rig = Rig(tmp_path / "store", seen_horizon_ns=100 * b.SECOND)
    store = rig.pipeline.store
    body = b.traces(b.task())

    def refuse(*_):
        raise StoreError("no space left")

    monkeypatch.setattr("droidscope.store.store.write_file", refuse)  # no checkpoint, no ids
    rig.send("traces", body)
    for _ in range(2):
        rig.pass_seconds(101)
        rig.send("traces", b.traces(b.session("other", error="ValueError")))
        with pytest.raises(StoreError):
            store.seal(rig.head, rig.pipeline.uptime_ns())
    rig.send("traces", body)
    monkeypatch.undo()
    before = rig.value(m.TASKS, "coder", "code", "completed")

    rig.crash()

    assert before == rig.value(m.TASKS, "coder", "code", "completed") == 2


def test_silence_goes_on_over_an_orderly_restart(tmp_path):
    """
    The uptime of an idle exporter counts, whether or not it stops now and then.
    """
    rig = Rig(tmp_path / "store")
    rig.send("logs", b.logs(b.event("orchestrator.started", kind="session", pattern__id="bug-fix")))
    for _ in range(4):
        rig.pass_seconds(50 * 60)
        rig.restart()

    assert rig.pipeline.uptime_ns() == 200 * 60 * b.SECOND
    rig.pass_seconds(1)
    assert rig.value(m.SESSIONS, "bug-fix", "lost") == 1


LABELLED = (("deployment.environment.name",), ("environment",))
PLAIN = ((), ())


@pytest.mark.parametrize(
    ("before", "after", "who"),
    [
        (PLAIN, LABELLED, ("atlas", "")),
        (LABELLED, PLAIN, ("atlas",)),
        (LABELLED, LABELLED, ("atlas", "prod")),
    ],
)
def test_other_resource_labels_after_a_restart_rename_all_there_is(tmp_path, before, after, who):
    """
    Counters, KPIs, findings, running sessions, ours and foreign: nothing keeps the old name.
    """

    def configure(attributes, labels):
        rig.mapper = Mapper(attributes)
        rig.limits = SeriesLimits(hold_ns=0, resource_labels=labels)

    rig = Rig(tmp_path / "store")
    rig.pipeline.stop()
    configure(*before)
    rig.open()
    prod = {"deployment.environment.name": "prod"}
    open_task = b.task(id="t1", output__findings__high=1)
    rig.send("traces", b.traces(open_task, **prod))
    step = foreign("planner", trace=9, span_id=b"\1" * 8)
    rig.send("traces", b.traces(step, scope="a framework", **prod))
    rig.now += 20 * b.SECOND
    rig.send("traces", b.traces(b.session("ended"), **prod))
    rig.pipeline.stop()

    configure(*after)
    rig.open()
    rig.pass_seconds(5 * 3600)
    rig.pass_seconds(2)

    assert {session.orchestrator for session in rig.head.sessions} <= {who}
    assert {key for key, _ in rig.head.findings} == {(who, "bug-fix", "coder")}
    assert rig.head.windows.orchestrators() == [who]
    for spec, labels, value in [
        (m.TASKS, ("coder", "code", "completed"), 1),
        (m.SESSIONS, ("bug-fix", "completed"), 1),
        (m.SESSIONS, ("bug-fix", "lost"), 1),
        (m.SESSIONS, ("planner", "completed"), 1),
    ]:
        assert rig.head.series.value(spec, who, labels) == value
        assert {len(found) for found in rig.head.series.label_sets(spec, 0)} == {len(who) + len(spec.labels)}
