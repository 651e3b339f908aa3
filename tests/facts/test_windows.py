"""
The windows against their definition: a list of all facts, summed anew each time.
"""

from __future__ import annotations

from itertools import product

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from droidscope.conventions.metrics import WINDOWS
from droidscope.facts import buckets as buckets_module
from droidscope.facts import windows as windows_module
from droidscope.facts.facts import ScoreSums, SessionsEnded, TasksEnded
from droidscope.facts.window_layout import MINUTES
from droidscope.facts.windows import Windows
from droidscope.units import MINUTE_NS
from kpi.windowed import ACME, OTHER, Remembered, Steps, applied, defined, floor, reloaded

NOW = 1_760_000_000_000_000_000 // MINUTE_NS * MINUTE_NS + 20_000_000_000
COMPLETED = TasksEnded(pattern="bug-fix", droid="coder", task_type="testing", outcome="completed")
LOST = SessionsEnded(pattern="bug-fix", outcome="lost")


def floor_minute(time_ns):
    return floor(time_ns, MINUTES)


steps = Steps(MINUTES, [COMPLETED, LOST])
adding, going_on, jumping, reloading = steps.adding, steps.going_on, steps.jumping, steps.reloading


@settings(deadline=None)
@given(st.lists(adding | adding | going_on | reloading, max_size=30))
def test_a_window_is_what_its_definition_says(steps):
    """
    Late, early, revised or reloaded: while the clock goes forward, totals are the defined sums.
    """
    windows, facts, now_ns = Windows(), [], NOW
    for step in steps:
        windows, now_ns = applied(windows, step, now_ns)
        if step[0] == "add":
            _, orchestrator, age_ns, key, amount = step
            facts.append((orchestrator, now_ns - age_ns, key, amount))
            continue
        for orchestrator, window in product([ACME, OTHER], WINDOWS):
            expected = defined(facts, MINUTES, window, orchestrator, now_ns)
            assert windows.totals(orchestrator, window, now_ns) == expected


@settings(deadline=None)
@given(st.lists(adding | adding | jumping | reloading, max_size=30))
def test_a_clock_may_step_back(steps):
    """
    However the clock jumps, totals are those of a list that remembers what the clock has passed.
    """
    windows, remembered, now_ns = Windows(), Remembered(MINUTES), NOW
    for step in steps:
        windows, now_ns = applied(windows, step, now_ns)
        if step[0] == "add":
            _, orchestrator, age_ns, key, amount = step
            remembered.add(orchestrator, now_ns - age_ns, key, amount)
        elif step[0] == "step":
            remembered.advance(now_ns)
            for orchestrator, window in product([ACME, OTHER], WINDOWS):
                assert windows.totals(orchestrator, window, now_ns) == remembered.totals(orchestrator, window)


def test_a_fact_counts_once_the_clock_is_past_its_end():
    """
    A record of the future waits, to the nanosecond.
    """
    windows = Windows()
    windows.advance(NOW)
    windows.add(ACME, NOW, COMPLETED, 1)
    windows.add(ACME, NOW + 5, LOST, 1)

    assert windows.totals(ACME, "1h", NOW) == {}
    assert windows.totals(ACME, "1h", NOW + 5) == {COMPLETED: 1}
    assert windows.totals(ACME, "1h", NOW + 6) == {COMPLETED: 1, LOST: 1}


def test_a_fact_leaves_with_its_minute():
    """
    A window begins on a whole minute, so what ended within that minute stays until it is over.
    """
    windows = Windows()
    windows.add(ACME, NOW, COMPLETED, 1)
    hour_later = NOW + 60 * MINUTE_NS
    next_minute = floor_minute(hour_later) + MINUTE_NS

    assert windows.totals(ACME, "1h", next_minute - 1) == {COMPLETED: 1}
    assert windows.totals(ACME, "1h", next_minute) == {}
    assert windows.totals(ACME, "24h", next_minute) == {COMPLETED: 1}


def test_a_late_record_lands_in_every_window_that_still_covers_it():
    """
    Two hours late is too late for the hour, not for the day and the week.
    """
    windows = Windows()
    windows.advance(NOW)
    windows.add(ACME, NOW - 120 * MINUTE_NS, COMPLETED, 1)

    assert [windows.totals(ACME, window, NOW) for window in WINDOWS] == [{}, {COMPLETED: 1}, {COMPLETED: 1}]


def test_a_window_that_steps_back_takes_in_again_what_had_left_it():
    """
    Two hours too far and back: the hour before is the hour before again.
    """
    windows = Windows()
    windows.add(ACME, NOW - 30 * MINUTE_NS, COMPLETED, 1)

    assert windows.totals(ACME, "1h", NOW) == {COMPLETED: 1}
    assert windows.totals(ACME, "1h", NOW + 40 * MINUTE_NS) == {}
    assert windows.totals(ACME, "1h", NOW) == {COMPLETED: 1}


def test_a_minute_stepped_into_keeps_what_the_clock_had_passed():
    """
    Five seconds back take nothing away again, even across a restart; a minute back does, and
    what arrives now for the time passed twice counts at once.
    """
    windows = Windows()
    windows.add(ACME, NOW, COMPLETED, 1)
    windows.advance(NOW + 1)
    windows.advance(NOW - 5)
    windows = reloaded(windows)
    windows.add(ACME, NOW - 1, LOST, 1)

    assert windows.totals(ACME, "1h", NOW - 5) == {COMPLETED: 1, LOST: 1}
    assert windows.totals(ACME, "1h", floor_minute(NOW)) == {}


def test_a_revision_that_takes_everything_back_leaves_nothing():
    """
    A fact whose total returns to zero vanishes, and with the last one its orchestrator.
    """
    windows = Windows()
    windows.add(ACME, NOW, LOST, 1)
    windows.add(ACME, NOW, LOST, -1)

    assert windows.totals(ACME, "7d", NOW + 1) == {}
    windows.advance(NOW + 120 * MINUTE_NS)
    assert windows.orchestrators() == []


def test_orchestrators_are_those_with_something_in_the_longest_window():
    """
    An orchestrator comes with its first ended thing and goes when the last is a week old.
    """
    windows = Windows()
    windows.add(OTHER, NOW - 1, COMPLETED, 1)
    windows.add(ACME, NOW, COMPLETED, 1)
    before = windows.orchestrators()
    windows.advance(NOW + 1)
    during = windows.orchestrators()
    windows.advance(NOW + 10_081 * MINUTE_NS)

    assert (before, during, windows.orchestrators()) == ([], [ACME, OTHER], [])


def test_what_is_too_old_is_not_kept():
    """
    Minutes before the longest window take no memory, whether they aged or arrived so.
    """
    windows = Windows()
    windows.add(ACME, NOW, COMPLETED, 1)
    windows.advance(NOW + 10_081 * MINUTE_NS)
    windows.add(ACME, NOW, COMPLETED, 1)

    assert windows.dump().buckets == []


def test_an_unknown_window_is_an_error():
    """
    Asking for a window nobody keeps is a mistake, not an empty answer.
    """
    with pytest.raises(KeyError, match="30d"):
        Windows().totals(ACME, "30d", NOW)


def test_a_clock_that_ticks_touches_only_what_enters_or_leaves(monkeypatch):
    """
    With a day of packed minutes behind it, a tick of a minute opens at most one a window.
    """
    windows = Windows()
    for age in range(2 * 1440):
        windows.add(ACME, NOW - age * MINUTE_NS, COMPLETED, 1)
    windows.advance(NOW + 1)
    windows.advance(NOW + MINUTE_NS)
    opened = []
    unpack = buckets_module.unpacked
    monkeypatch.setattr(buckets_module, "unpacked", lambda packed: opened.append(packed) or unpack(packed))

    windows.advance(NOW + 2 * MINUTE_NS)

    assert 1 <= len(opened) <= len(WINDOWS)


def test_packing_saves_memory():
    """
    Minutes that left the hour are kept in a fraction of what their facts would take as JSON.
    """
    windows = Windows()
    keys = [
        TasksEnded(pattern="bug-fix", droid=f"droid-{n}", task_type="implementation", outcome="completed")
        for n in range(100)
    ]
    for key in keys:
        windows.add(ACME, NOW, key, 1)
    windows.advance(NOW + 1)
    windows.advance(NOW + 90 * MINUTE_NS)

    (packed,) = windows.dump().buckets[0].buckets.values()
    assert len(packed) < len(msgspec.json.encode(keys)) / 5


def test_sums_of_squares_beyond_64_bits_survive_a_checkpoint():
    """
    A thousand full scores in one minute are more than msgpack's integers can hold.
    """
    squares = ScoreSums(
        score="code_quality", pattern="bug-fix", droid="coder", task_type="testing", statistic="squares"
    )
    windows = Windows()
    windows.add(ACME, NOW, squares, 2_000 * 10**16)
    windows.add(ACME, NOW + MINUTE_NS, squares, 2**70)
    windows.advance(NOW + 1)

    again = reloaded(windows)
    assert again.totals(ACME, "1h", NOW + 1) == {squares: 2_000 * 10**16}
    assert again.totals(ACME, "1h", NOW + 2 * MINUTE_NS) == {squares: 2_000 * 10**16 + 2**70}


def test_more_than_may_wait_ahead_ended_just_now(monkeypatch):
    """
    A sender whose clock runs an hour ahead cannot fill the memory: two facts wait, the third counts.
    """
    monkeypatch.setattr(windows_module, "AHEAD_LIMIT", 2)
    windows = Windows()
    windows.advance(NOW)

    for _ in range(3):
        windows.add(ACME, NOW + 60 * MINUTE_NS, COMPLETED, 1)

    assert windows.totals(ACME, "1h", NOW) == {COMPLETED: 1}
    assert windows.totals(ACME, "24h", NOW + 61 * MINUTE_NS) == {COMPLETED: 3}
