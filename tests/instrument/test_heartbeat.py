"""
One sign of life a process, with the ids of the sessions that are open in it.
"""

import os

import pytest

import droidscope as ds
from droidscope.conventions import attributes as names
from droidscope.instrument import providers
from droidscope.instrument.emission import heartbeat


def parts_of(seen):
    """
    Of each sign of life: its ids, and which part it is of how many.
    """
    return [
        (
            sorted(event.attributes[names.ALIVE_SESSIONS]),
            event.attributes[names.ALIVE_PART],
            event.attributes[names.ALIVE_PARTS],
        )
        for event in seen.events_named(names.ALIVE_EVENT)
    ]


def test_a_process_names_its_open_sessions(seen):
    """
    All of them in one event, and none once there is none.
    """
    heartbeat.HEARTBEAT.restart()
    with ds.session("p", id="1"):
        with ds.session("p", id="2"):
            heartbeat.HEARTBEAT.send()
        heartbeat.HEARTBEAT.send()
    heartbeat.HEARTBEAT.send()

    assert parts_of(seen) == [(["1", "2"], 1, 1), (["1"], 1, 1), ([], 1, 1)]


def test_a_long_list_comes_in_parts(seen):
    """
    Of at most 500 ids each.
    """
    sessions = [ds.session("p", id=str(number)) for number in range(1001)]
    sender = heartbeat.Heartbeat(3600, [session.__enter__() for session in sessions])

    assert sender.send()

    lengths = [(len(ids), part, parts) for ids, part, parts in parts_of(seen)]
    assert lengths == [(500, 1, 3), (500, 2, 3), (1, 3, 3)]
    for session in reversed(sessions):
        session.__exit__(None, None, None)


def test_an_idle_process_is_alive_for_ten_minutes(seen):
    """
    An empty list until then, and nothing afterwards.
    """
    now = [0.0]
    sender = heartbeat.Heartbeat(3600, clock=lambda: now[0])
    with ds.session("p", id="1") as session:
        sender.add(session)
        now[0] = 5000
        assert sender.send()
    sender.discard(session)

    now[0] = 5599
    assert sender.send()
    now[0] = 5600
    assert not sender.send()
    assert parts_of(seen) == [(["1"], 1, 1), ([], 1, 1)]


@pytest.mark.usefixtures("seen")
def test_the_thread_ends_some_time_after_the_last_session():
    """
    It runs while there is a session, and a later session starts it anew.
    """
    now = [0.0]
    sender = heartbeat.Heartbeat(interval_seconds=0.001, clock=lambda: now[0])
    for _ in range(2):
        with ds.session("p") as session:
            sender.add(session)
            thread = sender.thread
            assert thread.is_alive()
            assert thread.daemon
        sender.discard(session)
        now[0] += heartbeat.QUIET_SECONDS
        thread.join(5)
        assert not thread.is_alive()
        assert sender.thread is None


def test_an_emitter_that_fails_does_not_silence_the_others(seen, caplog):
    """
    Its fault is logged.
    """

    class Broken:
        def event(self, *_):
            raise OSError("no log today")

    class Lost:
        id = "lost"
        emitter = Broken()

    lost = Lost()
    with ds.session("p", id="1") as session:
        assert heartbeat.Heartbeat(3600, [lost, session]).send()

    assert parts_of(seen) == [(["1"], 1, 1)]
    assert "no log today" in caplog.text


def test_a_session_thrown_away_is_not_open(seen):
    """
    Sessions are held weakly.
    """

    class Abandoned:
        id = "1"
        emitter = providers.current()

    sender = heartbeat.Heartbeat(3600, [Abandoned()])

    assert sender.send()
    assert parts_of(seen) == [([], 1, 1)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_starts_with_nothing(seen):
    """
    Neither open sessions nor counts of the parent are the child's.
    """
    with ds.session("p"):
        with ds.tool("x"):
            pass
        child = os.fork()
        if child == 0:
            is_clean = not heartbeat.HEARTBEAT.send() and seen.count(names.CLIENT_RECORDS) == 0
            os._exit(0 if is_clean else 1)
        _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0
    assert seen.count(names.CLIENT_RECORDS) == 2
