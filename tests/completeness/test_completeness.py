"""
What was emitted and has not arrived shows as lost; nothing else does.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import builders as b
from droidscope.completeness import completeness
from droidscope.conventions import metrics as m
from droidscope.head.live import completeness_gauges
from rig import Rig

I1 = {"service.instance.id": "i1"}
DAY = 24 * 3600


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path / "store")


def ratios(rig, clock_ns=None):
    """
    The gauge by orchestrator, now or at an uptime.
    """
    gauges = list(completeness_gauges(rig.head, clock_ns or rig.pipeline.uptime_ns()))
    assert all(spec is m.COMPLETENESS for spec, _, _ in gauges)
    return {orchestrator: value for _, (orchestrator,), value in gauges}


def send_tasks(rig, *ends, instance="i1", **more):
    """
    One task for each of *ends*, of one second.
    """
    for end in ends:
        task = b.task(id=f"t{end}", start=end - 1, **more)
        rig.send("traces", b.traces(task, **({"service.instance.id": instance} if instance else {})))


def report(rig, count, at, kind="task", **more):
    """
    A point of the time *at*.
    """
    rig.send("metrics", b.emitted(kind, count, at=at - 1, **more))


def test_all_of_it_is_one_a_minute_after_the_point(rig):
    """
    Not judged before: what was sent just before the point may still be under way.
    """
    send_tasks(rig, 1, 2, 3)
    report(rig, 3, at=3)

    rig.pass_seconds(59.9)
    assert ratios(rig) == {}
    rig.pass_seconds(0.1)
    assert ratios(rig) == {"atlas": 1.0}


def test_what_never_arrived_is_lost(rig):
    """
    Three of four tasks, and no message of two at all.
    """
    send_tasks(rig, 1, 2, 3)
    report(rig, 4, at=4)
    report(rig, 2, at=4, kind="message")

    rig.pass_seconds(60)

    assert ratios(rig) == {"atlas": 3 / 6}


def test_later_records_make_up_for_no_lost_one(rig):
    """
    One of two tasks was lost; ten that ended after the point are no substitute, whether their own
    point has been judged or not.
    """
    send_tasks(rig, 1)
    send_tasks(rig, *range(11, 21))
    report(rig, 2, at=10)
    rig.pass_seconds(60)
    assert ratios(rig) == {"atlas": 1 / 2}

    report(rig, 12, at=20)
    rig.pass_seconds(59)
    assert ratios(rig) == {"atlas": 1 / 2}
    rig.pass_seconds(1)
    assert ratios(rig) == {"atlas": 11 / 12}


def test_more_of_one_kind_makes_up_for_no_lack_of_another(rig):
    """
    Two tasks where one was counted, no message where one was.
    """
    send_tasks(rig, 1, 2)
    report(rig, 1, at=3)
    report(rig, 1, at=3, kind="message")

    rig.pass_seconds(60)

    assert ratios(rig) == {"atlas": 1 / 2}


def test_what_arrives_late_is_lost_no_longer(rig):
    """
    It ended before the point, and arrives long after the point was judged.
    """
    report(rig, 1, at=2)
    rig.pass_seconds(100)
    assert ratios(rig) == {"atlas": 0.0}

    send_tasks(rig, 1)

    assert ratios(rig) == {"atlas": 1.0}


def test_without_the_counter_there_is_no_ratio(rig):
    """
    Of an SDK of one's own without metrics, nothing is known.
    """
    send_tasks(rig, 1, 2)

    rig.pass_seconds(100)

    assert ratios(rig) == {}


def test_kinds_that_are_not_of_ours_are_not_asked_for(rig):
    """
    A newer instrumentation may count what this exporter does not know.
    """
    send_tasks(rig, 1)
    report(rig, 1, at=2)
    report(rig, 7, at=2, kind="dream")

    rig.pass_seconds(60)

    assert ratios(rig) == {"atlas": 1.0}


def test_a_conflict_told_twice_is_stored_once(rig):
    """
    Two were counted; one came as log event and span event, the other not at all.
    """
    said = {"conflict__id": "c1", "conflict__type": "schema"}
    rig.send("logs", b.logs(b.event("orchestrator.conflict", at=1, **said), **I1))
    carrier = b.span("phase", seconds=2)
    told = carrier.events.add(name="orchestrator.conflict", time_unix_nano=b.NOON + b.SECOND)
    told.attributes.extend(b.key_values({"orchestrator.conflict.id": "c1"}))
    rig.send("traces", b.traces(carrier, **I1))
    report(rig, 2, at=3, kind="conflict")

    rig.pass_seconds(60)

    assert ratios(rig) == {"atlas": 1 / 2}


def test_what_was_refused_is_not_stored(rig):
    """
    A task outside of any session was emitted, and no KPI has it.
    """
    send_tasks(rig, 1)
    send_tasks(rig, 2, session="")
    report(rig, 2, at=3)

    rig.pass_seconds(60)

    assert ratios(rig) == {"atlas": 1 / 2}


def test_a_worker_is_judged_with_the_orchestrator_that_opened_the_session(rig):
    """
    Its counter and its records both say whose session it is.
    """
    send_tasks(rig, 1, name="borealis")
    report(rig, 2, at=2, name="borealis")
    send_tasks(rig, 3)
    report(rig, 1, at=4)

    rig.pass_seconds(60)

    assert ratios(rig) == {"atlas": 1.0, "borealis": 1 / 2}


def test_another_process_makes_up_for_nothing(rig):
    """
    Two were stored of a process that counted one, none of one that counted one.
    """
    send_tasks(rig, 1, 2)
    report(rig, 1, at=3)
    report(rig, 1, at=3, instance="i2")

    rig.pass_seconds(60)

    assert ratios(rig) == {"atlas": 1 / 2}


def test_records_of_foreign_frameworks_are_no_ones(rig):
    """
    A tool call of a framework inside our task was not counted by our client.
    """
    theirs = b.span("")
    del theirs.attributes[:]
    said = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "x", "orchestrator.session.id": "s1"}
    theirs.attributes.extend(b.key_values(said))
    rig.send("traces", b.traces(theirs, scope="a framework", **I1))
    rig.send("traces", b.traces(b.session(seconds=3), **I1))
    report(rig, 1, at=4, kind="tool")
    rig.pass_seconds(700)
    assert rig.head.series.total(m.TOOL_CALLS) == 1

    assert ratios(rig) == {"atlas": 0.0}


def test_a_process_that_is_silent_for_a_day_is_forgiven(rig):
    """
    Lost is lost, but the ratio is not low for ever; what starts again is judged anew.
    """
    report(rig, 1, at=1)
    rig.pass_seconds(DAY)
    assert ratios(rig) == {"atlas": 0.0}
    rig.pass_seconds(1)
    assert ratios(rig) == {}

    at = DAY + 10
    send_tasks(rig, at, instance="i2")
    report(rig, 1, at=at, instance="i2", start=at - 5)
    rig.pass_seconds(60)

    assert ratios(rig) == {"atlas": 1.0}


def test_a_process_that_returns_after_it_was_forgotten_is_judged_from_then_on(rig):
    """
    Eight of nine were told before; the ninth is the one that is asked for.
    """
    report(rig, 8, at=1)
    for at in (DAY, 2 * DAY):
        rig.pass_seconds(DAY)
        report(rig, 1, at=at, instance="another")
    send_tasks(rig, 2 * DAY)
    report(rig, 9, at=2 * DAY)

    rig.pass_seconds(60)

    assert ratios(rig) == {"atlas": 1 / 2}  # the other's one never came


def test_what_was_emitted_before_the_exporter_listened_is_not_asked_for(rig):
    """
    The process counted 100 in the hour before; of the ten since the first point, nine are here.
    """
    report(rig, 100, at=0, start=-3600)
    send_tasks(rig, *range(1, 10))
    report(rig, 110, at=11, start=-3600)

    rig.pass_seconds(60)

    assert ratios(rig) == {"atlas": 9 / 10}


def test_it_is_told_by_the_age_of_the_counter_whatever_its_clock_says(rig):
    """
    The clock of the process is an hour behind: it began with us all the same.
    """
    send_tasks(rig, -3600 + 1)
    report(rig, 2, at=-3600 + 2, start=-3600)

    rig.pass_seconds(60)

    assert ratios(rig) == {"atlas": 1 / 2}


def test_increments_are_added_up(rig):
    """
    A client that sends deltas: 2 and 2, of which three arrived.
    """
    send_tasks(rig, 1, 2, 3)
    report(rig, 2, at=2, delta=True)
    report(rig, 2, at=4, start=2, delta=True)

    rig.pass_seconds(60)

    assert ratios(rig) == {"atlas": 3 / 4}


def test_points_that_are_overtaken_tell_nothing(rig):
    """
    The newer one arrived first.
    """
    send_tasks(rig, 1, 3)
    report(rig, 2, at=4)
    report(rig, 1, at=2)

    rig.pass_seconds(60)

    assert ratios(rig) == {"atlas": 1.0}


def test_a_process_that_reports_every_second_is_judged_all_the_same(rig):
    """
    Its points do not push each other out before they are judged, and few are kept.
    """
    for second in range(1, 131):
        if second % 2:
            send_tasks(rig, second)
        report(rig, second, at=second)
        rig.pass_seconds(1)

    assert ratios(rig)["atlas"] == pytest.approx(0.5, abs=0.01)
    ((_, account),) = rig.head.completeness.dump().accounts
    assert len(account.points) <= 2 * completeness.POINTS_TO_JUDGE


def test_records_without_a_point_take_a_bounded_room(rig, monkeypatch):
    """
    The oldest are then taken for older than the next point, as they are.
    """
    monkeypatch.setattr(completeness, "TIMES_LIMIT", 10)
    monkeypatch.setattr(completeness, "ALL_TIMES_LIMIT", 12)
    for instance in ("i1", "i2"):
        send_tasks(rig, *range(1, 15), instance=instance)
    held = [len(account.later) for _, account in rig.head.completeness.dump().accounts]

    for instance in ("i1", "i2"):
        report(rig, 20, at=20, instance=instance)
    rig.pass_seconds(60)

    assert sum(held) <= 12
    assert ratios(rig) == {"atlas": 28 / 40}


def test_processes_past_the_limit_are_forgotten_the_longest_silent_first(tmp_path, monkeypatch):
    """
    One that returns is judged from then on: its past is not known, and is not taken for lost.
    """
    monkeypatch.setattr(completeness, "PROCESSES_LIMIT", 1)
    monkeypatch.setattr("droidscope.completeness.reported_counts.STREAMS_LIMIT", 1)
    rig = Rig(tmp_path / "store")
    send_tasks(rig, 1)
    report(rig, 1, at=1)
    rig.pass_seconds(400)
    send_tasks(rig, 400, instance="i2")
    report(rig, 1, at=400, start=399, instance="i2")
    rig.pass_seconds(10)
    report(rig, 1, at=410)
    send_tasks(rig, 411)
    report(rig, 2, at=412)

    rig.pass_seconds(60)

    assert ratios(rig) == {"atlas": 1.0}
    kept = rig.head.completeness.dump()
    assert (len(kept.accounts), len(kept.counts)) == (1, 1)


# --- whatever the order ------------------------------------------------------------------------

LIVES = 2
KINDS = ("task", "message")
steps = st.lists(st.sampled_from([*KINDS, "conflict", "point"]), max_size=8)
fleets = st.lists(st.lists(steps, min_size=1, max_size=LIVES), min_size=1, max_size=3)


def requests_of(fleet, number):
    """
    What processes send that do and report as *fleet* says: each process has lives one after the
    other, each life ends with a point.

    Returns:
        The requests as (signal, body, record): the record is None of a point, else an id that is the
        same for all requests that tell of it; and how many were emitted.
    """
    made, emitted = [], 0
    for index, lives in enumerate(fleet):
        instance = f"i{number}-{index}"
        of = {"service.instance.id": instance}
        now = 0
        for steps in lives:
            start, counts = now, dict.fromkeys((*KINDS, "conflict"), 0)
            for step in (*steps, "point"):
                now += 1
                if step == "point":
                    made += [
                        ("metrics", b.emitted(kind, count, at=now - 1, start=start, instance=instance), None)
                        for kind, count in counts.items()
                        if count
                    ]
                    continue
                counts[step] += 1
                emitted += 1
                id_ = (instance, now)
                if step == "conflict":
                    told = {"conflict__id": f"{instance}-{now}", "conflict__type": "x"}
                    event = b.event("orchestrator.conflict", at=now, **told)
                    made.append(("logs", b.logs(event, **of), id_))
                    continue
                span = b.span(step, start=now - 0.5, seconds=0.5, task__id=f"{instance}-{now}")
                made.append(("traces", b.traces(span, **of), id_))
    return made, emitted


actions = st.lists(st.sampled_from(["crash", "restart", "seal", "wait", "wait longer", "repeat"]), max_size=6)


@given(fleets, st.randoms(use_true_random=False), actions, st.sets(st.integers(0, 50), max_size=10))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_exactly_what_was_lost_is_missing(tmp_path_factory, fleet, random, actions, lost):
    """
    Records and points in any order, repeated, over crashes, restarts and new segments of the
    exporter: 1.0 where nothing was lost, else less by the share of what was.
    """
    rig = Rig(tmp_path_factory.mktemp("rig"))
    requests, emitted = requests_of(fleet, 0)
    records = [record for _, _, record in requests if record is not None]
    missing = {record for at, record in enumerate(records) if at in lost}
    script = [each for each in requests if each[2] is None or each[2] not in missing]
    script += [("do", action, None) for action in actions]
    random.shuffle(script)
    sent = []
    for signal, what, _ in script:
        match signal, what:
            case "do", "crash":
                rig.crash()
            case "do", "restart":
                rig.restart()
            case "do", "seal":
                rig.pipeline.store.seal(rig.head, rig.pipeline.uptime_ns())
            case "do", "wait":
                rig.pass_seconds(7)
            case "do", "wait longer":
                rig.pass_seconds(100)
            case "do", "repeat":
                for each in sent:
                    rig.send(*each)
            case _:
                rig.send(signal, what)
                sent.append((signal, what))
    rig.pass_seconds(60)

    expected = {"atlas": (emitted - len(missing)) / emitted} if emitted else {}
    assert ratios(rig) == pytest.approx(expected, abs=1e-12)
    if not missing and emitted:
        assert ratios(rig) == {"atlas": 1.0}


@given(fleets, st.randoms(use_true_random=False))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_restart_changes_nothing_of_it(tmp_path_factory, fleet, random):
    """
    In the midst of anything, what is known after a crash and after a restart is what was before.
    """
    rig = Rig(tmp_path_factory.mktemp("rig"))
    requests, _ = requests_of(fleet, 0)
    random.shuffle(requests)
    for signal, body, _ in requests[: len(requests) // 2 + 1]:
        rig.send(signal, body)
        rig.pass_seconds(20)
    clock_ns = rig.pipeline.uptime_ns()
    before = rig.state(), ratios(rig, clock_ns)

    rig.crash()
    assert (rig.state(), ratios(rig, clock_ns)) == before
    rig.restart()
    assert (rig.state(), ratios(rig, clock_ns)) == before
