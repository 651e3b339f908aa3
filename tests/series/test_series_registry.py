"""
The cumulative series: exact sums, births that are held, limits that hold, restarts that change nothing.
"""

from __future__ import annotations

import itertools
import threading

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from droidscope.conventions.attributes import Outcome
from droidscope.conventions.former_names import FORMER_METRIC_NAMES
from droidscope.conventions.metrics import (
    CATALOGUE,
    CODE_QUALITY,
    CONFLICTS,
    COST,
    FILES_CREATED,
    LABEL_OVERFLOW,
    LABEL_VALUES,
    LABEL_VALUES_LIMIT,
    MESSAGE_EDGES,
    RECORDS,
    SESSIONS,
    TASK_DURATION,
    TASKS,
    MetricSpec,
)
from droidscope.series.cells import Exemplar
from droidscope.series.label_limits import CLOSED, MAX_BYTES, OTHER, SeriesLimits, label_text
from droidscope.series.series_registry import SeriesRegistry, SeriesRegistryDump

SECOND = 10**9
MINUTE = 60 * SECOND
DAY = 86_400 * SECOND
WHO = ("shop",)


def shown(series, spec, clock_ns):
    """
    What a scrape at *clock_ns* sees of a family: value, or bucket counts, by label values.
    """
    for family, cells in series.families(clock_ns):
        if family.spec.name == spec.name:
            return {cell.labels: cell.counts or cell.billionths / 10**9 for cell in cells if cell is not None}
    return {}


def restarted(series, limits=None):
    """
    A new series that has loaded the checkpoint of *series*.
    """
    stored = msgspec.msgpack.decode(msgspec.msgpack.encode(series.dump()), type=SeriesRegistryDump)
    fresh = SeriesRegistry(limits)
    fresh.load(stored)
    return fresh


class TestValues:
    def test_counts_add_up(self):
        """
        Whole and fractional amounts add up to the exact decimal.
        """
        series = SeriesRegistry()

        series.count(COST, WHO, ("p", "d", "m"), 2, clock_ns=0)
        series.count(COST, WHO, ("p", "d", "m"), 0.1, clock_ns=0)
        series.count(COST, WHO, ("p", "d", "m"), 0.2, clock_ns=0)

        assert series.value(COST, WHO, ("p", "d", "m")) == 2.3

    @given(st.lists(st.floats(0, 1e6) | st.integers(0, 10**12), max_size=8), st.randoms())
    def test_order_does_not_matter(self, amounts, random):
        """
        The same amounts in any order make the same state, to the bit.
        """
        forwards, shuffled = SeriesRegistry(), SeriesRegistry()

        for amount in amounts:
            forwards.count(COST, WHO, ("p", "d", "m"), amount, clock_ns=0)
        random.shuffle(amounts)
        for amount in amounts:
            shuffled.count(COST, WHO, ("p", "d", "m"), amount, clock_ns=0)

        assert msgspec.msgpack.encode(forwards.dump()) == msgspec.msgpack.encode(shuffled.dump())

    @pytest.mark.parametrize("amount", [-1, -0.5, float("nan"), float("inf")])
    def test_only_up(self, amount):
        """
        An amount that is negative or not finite is refused, and leaves no series behind.
        """
        series = SeriesRegistry()

        with pytest.raises(ValueError, match="must be finite and not negative"):
            series.count(COST, WHO, ("p", "d", "m"), amount, clock_ns=0)
        with pytest.raises(ValueError, match="must be finite and not negative"):
            series.observe(TASK_DURATION, WHO, ("d", "t"), amount, clock_ns=0)

        assert list(series.families(0)) == []

    def test_a_bound_belongs_to_its_bucket(self):
        """
        An observation equal to a bound is in the bucket of that bound, a larger one in the next.
        """
        series = SeriesRegistry()

        for seconds in (1.0, 1.5, 10_800, 99_999):
            series.observe(TASK_DURATION, WHO, ("d", "t"), seconds, clock_ns=0)

        assert shown(series, TASK_DURATION, MINUTE)["shop", "d", "t"] == [1, 1, *[0] * 10, 1, 1]
        assert sum(shown(series, TASK_DURATION, MINUTE)["shop", "d", "t"]) == 4
        assert series.value(TASK_DURATION, WHO, ("d", "t")) == 110_801.5

    def test_totals_by_label(self):
        """
        A total sums one label's value over all others and over orchestrators; none is None.
        """
        series = SeriesRegistry()
        series.count(SESSIONS, ("a",), ("p", "completed"), 2, clock_ns=0)
        series.count(SESSIONS, ("b",), ("q", "completed"), 3, clock_ns=0)
        series.count(SESSIONS, ("b",), ("q", "failed"), clock_ns=0)

        assert series.total(SESSIONS, outcome="completed") == 5
        assert series.total(SESSIONS) == 6
        assert series.total(SESSIONS, outcome="lost") is None
        assert series.total(FILES_CREATED) is None

    def test_what_is_not_there_is_none(self):
        """
        A series without events has no value, rather than 0.
        """
        assert SeriesRegistry().value(COST, WHO, ("p", "d", "m")) is None
        assert SeriesRegistry().value(TASK_DURATION, WHO, ("d", "t")) is None

    def test_the_exporters_own_families_have_no_orchestrator(self):
        """
        Families of the exporter itself are keyed by their own labels alone.
        """
        series = SeriesRegistry()

        series.count(RECORDS, (), ("task",), clock_ns=0)
        series.count(RECORDS, WHO, ("task",), clock_ns=0)

        assert shown(series, RECORDS, MINUTE) == {("task",): 2}

    def test_labels_must_fit(self):
        """
        A missing label value is a mistake of ours, and says so.
        """
        with pytest.raises(ValueError, match="there must be one for each of"):
            SeriesRegistry().count(SESSIONS, WHO, ("p",), clock_ns=0)


class TestThreads:
    def test_may_be_read_while_written(self):
        """
        A reader beside the writer never sees a value fall.
        """
        series, done, falls = SeriesRegistry(SeriesLimits(hold_ns=0)), threading.Event(), []

        def read():
            last = {}
            while not done.is_set():
                for _, cells in series.families(MINUTE):
                    for cell in cells:
                        key = (len(cell.counts), cell.labels)
                        if cell.billionths < last.get(key, 0):
                            falls.append(key)
                        last[key] = cell.billionths

        reader = threading.Thread(target=read)
        reader.start()
        for n in range(20_000):
            series.count(COST, WHO, ("p", f"d{n % 300}", "m"), 0.3, clock_ns=n)
            series.observe(TASK_DURATION, WHO, (f"d{n % 300}", "t"), 0.7, clock_ns=n)
        done.set()
        reader.join()

        assert falls == []


class TestBirthHold:
    def test_a_birth_is_held(self):
        """
        What appears with an event is at 0 for the hold, then at all it has counted.
        """
        series = SeriesRegistry()
        series.count(SESSIONS, WHO, ("p", "completed"), clock_ns=10 * SECOND)
        series.count(SESSIONS, WHO, ("p", "completed"), clock_ns=20 * SECOND)
        key = ("shop", "p", "completed")

        assert shown(series, SESSIONS, 20 * SECOND) == {key: 0}
        assert shown(series, SESSIONS, 70 * SECOND - 1) == {key: 0}
        assert shown(series, SESSIONS, 70 * SECOND) == {key: 2}
        assert series.value(SESSIONS, WHO, key[1:]) == 2

    def test_histograms_are_held_too(self):
        """
        A histogram shows empty buckets for the hold.
        """
        series = SeriesRegistry()
        series.observe(TASK_DURATION, WHO, ("d", "t"), 0.5, clock_ns=0)

        assert sum(shown(series, TASK_DURATION, MINUTE - 1)["shop", "d", "t"]) == 0
        assert sum(shown(series, TASK_DURATION, MINUTE)["shop", "d", "t"]) == 1

    def test_an_ensured_series_is_not_held(self):
        """
        What has been at 0 for the hold shows its first event at once.
        """
        series = SeriesRegistry()
        series.ensure(SESSIONS, WHO, ("p", "failed"), clock_ns=0)

        assert shown(series, SESSIONS, 0) == {("shop", "p", "failed"): 0}

        series.count(SESSIONS, WHO, ("p", "failed"), clock_ns=MINUTE)

        assert shown(series, SESSIONS, MINUTE) == {("shop", "p", "failed"): 1}

    def test_ensured_just_before_its_event_is_held(self):
        """
        A 0 that no scrape can have seen is held as any birth: `increase` would miss the event.
        """
        series = SeriesRegistry()
        series.ensure(SESSIONS, WHO, ("p", "failed"), clock_ns=0)
        series.count(SESSIONS, WHO, ("p", "failed"), clock_ns=SECOND)

        assert shown(series, SESSIONS, SECOND) == {("shop", "p", "failed"): 0}
        assert shown(series, SESSIONS, MINUTE) == {("shop", "p", "failed"): 1}

    def test_a_hold_survives_a_restart(self):
        """
        A restart in the middle of a hold neither ends nor renews it.
        """
        series = SeriesRegistry()
        series.count(SESSIONS, WHO, ("p", "completed"), clock_ns=0)

        again = restarted(series)

        assert shown(again, SESSIONS, MINUTE - 1) == {("shop", "p", "completed"): 0}
        assert shown(again, SESSIONS, MINUTE) == {("shop", "p", "completed"): 1}

    def test_holds_that_are_over_are_forgotten(self):
        """
        The list of holds is as long as the births of the last minute, whatever came before.
        """
        series = SeriesRegistry()
        for n in range(100):
            series.count(FILES_CREATED, WHO, (f"droid-{n}",), clock_ns=n * MINUTE)

        assert len(series.dump().families[FILES_CREATED.name].pending) == 1

    @given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 50)), max_size=30))
    def test_a_scrape_never_goes_down(self, events):
        """
        Through births and holds, what successive scrapes see of a counter only grows.
        """
        series, clock, last = SeriesRegistry(), 0, {}

        for droid, wait in events:
            clock += wait * SECOND
            series.count(FILES_CREATED, WHO, (f"droid-{droid}",), clock_ns=clock)
            now = shown(series, FILES_CREATED, clock)
            assert all(now[key] >= value for key, value in last.items())
            last = now

        assert shown(series, FILES_CREATED, clock + MINUTE) == {
            ("shop", f"droid-{droid}"): sum(1 for d, _ in events if d == droid) for droid, _ in events
        }


class TestIdle:
    LIMITS = SeriesLimits(values=1, idle_ns=DAY)

    def test_leaves_the_page_and_returns_at_its_value(self):
        """
        Idle for too long it is gone; it comes back at its stored value, and is held as a birth is.
        """
        series = SeriesRegistry(self.LIMITS)
        series.count(FILES_CREATED, WHO, ("coder",), 5, clock_ns=0)
        key = ("shop", "coder")

        assert shown(series, FILES_CREATED, DAY) == {key: 5}
        assert shown(series, FILES_CREATED, DAY + 1) == {}

        series.count(FILES_CREATED, WHO, ("coder",), 2, clock_ns=2 * DAY)

        assert shown(series, FILES_CREATED, 2 * DAY) == {key: 5}
        assert shown(series, FILES_CREATED, 2 * DAY + MINUTE) == {key: 7}

    def test_frees_its_place(self):
        """
        The place of an idle value goes to a new one, and the old one finds no room on its return.
        """
        series = SeriesRegistry(self.LIMITS)
        series.count(FILES_CREATED, WHO, ("old",), clock_ns=0)
        series.count(FILES_CREATED, WHO, ("early",), clock_ns=DAY)
        series.count(FILES_CREATED, WHO, ("new",), clock_ns=2 * DAY)
        series.count(FILES_CREATED, WHO, ("old",), clock_ns=2 * DAY)

        assert shown(series, FILES_CREATED, 2 * DAY + MINUTE) == {("shop", "new"): 1, ("shop", OTHER): 2}

    def test_ensuring_keeps_it(self):
        """
        A series at 0 that is ensured again and again does not become idle.
        """
        series = SeriesRegistry(self.LIMITS)
        for day in range(3):
            series.ensure(FILES_CREATED, WHO, ("coder",), clock_ns=day * DAY)

        assert shown(series, FILES_CREATED, 3 * DAY) == {("shop", "coder"): 0}


class TestLimits:
    def test_values_beyond_the_limit_are_other(self):
        """
        The third of two allowed values counts under `other`, and that is counted.
        """
        series = SeriesRegistry(SeriesLimits(values=2))
        for droid in ("a", "b", "c", "d", "a"):
            series.count(FILES_CREATED, WHO, (droid,), clock_ns=0)

        assert shown(series, FILES_CREATED, MINUTE) == {
            ("shop", "a"): 2,
            ("shop", "b"): 1,
            ("shop", OTHER): 2,
        }
        assert series.value(LABEL_OVERFLOW, (), ("shop", "droid")) == 2

    def test_a_label_is_limited_over_all_its_families(self):
        """
        A droid that has its place in one family has it in all.
        """
        series = SeriesRegistry(SeriesLimits(values=1))
        series.count(FILES_CREATED, WHO, ("a",), clock_ns=0)
        series.count(COST, WHO, ("p", "b", "m"), 1, clock_ns=0)
        series.count(COST, WHO, ("p", "a", "m"), 1, clock_ns=0)

        assert set(shown(series, COST, MINUTE)) == {("shop", "p", OTHER, "m"), ("shop", "p", "a", "m")}

    def test_orchestrators_have_limits_of_their_own(self):
        """
        One orchestrator's many droids take no room from another's.
        """
        series = SeriesRegistry(SeriesLimits(values=1))
        series.count(FILES_CREATED, ("a",), ("x",), clock_ns=0)
        series.count(FILES_CREATED, ("b",), ("y",), clock_ns=0)

        assert set(shown(series, FILES_CREATED, MINUTE)) == {("a", "x"), ("b", "y")}

    def test_too_many_orchestrators_are_other(self):
        """
        Services that invent names end up as one orchestrator.
        """
        series = SeriesRegistry(SeriesLimits(orchestrators=2))
        for name in ("a", "b", "c", "d"):
            series.count(FILES_CREATED, (name,), ("x",), clock_ns=0)

        assert shown(series, FILES_CREATED, MINUTE) == {("a", "x"): 1, ("b", "x"): 1, (OTHER, "x"): 2}

    def test_a_full_family_keeps_only_closed_labels(self):
        """
        Beyond a family's limit all labels become `other`, but for those whose values we define.
        """
        series = SeriesRegistry(SeriesLimits(series=1))
        series.count(SESSIONS, WHO, ("p", "completed"), clock_ns=0)
        series.count(SESSIONS, WHO, ("q", "completed"), clock_ns=0)
        series.count(SESSIONS, WHO, ("q", "failed"), clock_ns=0)
        series.count(SESSIONS, WHO, ("p", "completed"), clock_ns=0)

        assert shown(series, SESSIONS, MINUTE) == {
            ("shop", "p", "completed"): 2,
            ("shop", OTHER, "completed"): 1,
            ("shop", OTHER, "failed"): 1,
        }

    def test_edges_have_a_limit_of_their_own(self):
        """
        Message edges are quadratic in droids, so they overflow earlier.
        """
        series = SeriesRegistry(SeriesLimits(edges=3))
        for sender, receiver in itertools.product("abc", repeat=2):
            series.count(MESSAGE_EDGES, WHO, (sender, receiver), clock_ns=0)

        assert len(shown(series, MESSAGE_EDGES, MINUTE)) == 3 + 1

    def test_a_closed_label_takes_only_its_own_values(self):
        """
        An outcome nobody defined is `other`; an enum's member is its plain value.
        """
        series = SeriesRegistry()
        series.count(SESSIONS, WHO, ("p", "exploded"), clock_ns=0)
        series.count(SESSIONS, WHO, ("p", Outcome.LOST), clock_ns=0)

        assert set(shown(series, SESSIONS, 0)) == {("shop", "p", OTHER), ("shop", "p", "lost")}
        assert all(type(value) is str for key in shown(series, SESSIONS, 0) for value in key)

    @given(st.lists(st.tuples(st.text(max_size=3), st.text(max_size=2), st.sampled_from("ab")), max_size=40))
    def test_nothing_is_lost_and_nothing_grows(self, events):
        """
        Whatever the labels: the events add up, the limits hold, and no two series have equal labels.
        """
        limits = SeriesLimits(values=3, series=6)
        series = SeriesRegistry(limits)
        for pattern, phase, kind in events:
            series.count(CONFLICTS, WHO, (pattern, phase, kind), clock_ns=0)

        cells = [
            cell for family, cells in series.families(MINUTE) for cell in cells if family.spec == CONFLICTS
        ]

        assert sum(cell.billionths for cell in cells) == len(events) * 10**9
        assert len(cells) <= limits.series + 1
        assert len({cell.labels for cell in cells}) == len(cells)
        for position in (1, 2, 3):
            assert len({cell.labels[position] for cell in cells} - {"", OTHER}) <= limits.values

    def test_label_values_are_shown(self):
        """
        How full a label is can be seen before it overflows.
        """
        series = SeriesRegistry(SeriesLimits(values=7))
        for droid in ("a", "b", ""):
            series.count(FILES_CREATED, WHO, (droid,), clock_ns=0)

        gauges = {(spec, labels): value for spec, labels, value in series.label_values()}

        assert gauges[LABEL_VALUES, ("shop", "droid")] == 2
        assert gauges[LABEL_VALUES_LIMIT, ("droid",)] == 7

    def test_a_gauge_can_ask_for_the_value_of_its_label(self):
        """
        What is counted under `other` can be shown under `other`.
        """
        series = SeriesRegistry(SeriesLimits(values=1))
        series.count(FILES_CREATED, WHO, ("a",), clock_ns=0)

        assert series.label(WHO, "droid", "a") == "a"
        assert series.label(WHO, "droid", "b") == OTHER


class TestLabelText:
    @given(st.text(st.characters(codec=None), max_size=200))
    def test_is_always_fit(self, value):
        """
        Any string becomes UTF-8 of at most 128 bytes without control characters; twice is once.
        """
        text = label_text(value)

        assert len(text.encode()) <= MAX_BYTES
        assert not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in text)
        assert label_text(text) == text

    def test_cuts_between_characters(self):
        """
        A character that does not fit as a whole is left out.
        """
        assert label_text("x" * 127 + "é") == "x" * 127
        assert label_text("é" * 100) == "é" * 64

    def test_keeps_what_is_fine(self):
        """
        Quotes, backslashes and any printable character are the exposition's business.
        """
        assert label_text('dröid "x\\y" 🤖') == 'dröid "x\\y" 🤖'

    def test_control_characters_stay_visible(self):
        """
        A control character or half a surrogate pair becomes the replacement character.
        """
        assert label_text("a\nb\x00c\ud800") == "a\ufffdb\ufffdc\ufffd"

    def test_closed_sets_are_the_enums(self):
        """
        The outcomes of the conventions are all allowed.
        """
        assert set(Outcome) <= CLOSED["outcome"]


class TestRestart:
    @given(
        st.lists(
            st.tuples(st.integers(0, 5), st.floats(0, 1e4), st.integers(0, 40)), min_size=1, max_size=30
        ),
        st.integers(0, 30),
    )
    def test_a_restart_changes_nothing(self, events, cut):
        """
        Events before and after a restart make the same page and state as events without one.
        """
        limits = SeriesLimits(values=3, series=4, idle_ns=100 * SECOND)
        straight, broken, clock = SeriesRegistry(limits), SeriesRegistry(limits), 0

        for number, (droid, seconds, wait) in enumerate(events):
            if number == cut:
                broken = restarted(broken, limits)
            clock += wait * SECOND
            for series in (straight, broken):
                series.count(FILES_CREATED, WHO, (f"d{droid}",), clock_ns=clock)
                series.observe(TASK_DURATION, WHO, (f"d{droid}", "t"), seconds, clock_ns=clock)

        assert msgspec.msgpack.encode(broken.dump()) == msgspec.msgpack.encode(straight.dump())
        for spec in (FILES_CREATED, TASK_DURATION, LABEL_OVERFLOW):
            assert shown(broken, spec, clock) == shown(straight, spec, clock)

    def test_exemplars_survive(self):
        """
        The exemplar of a bucket is there after a restart.
        """
        series = SeriesRegistry()
        exemplar = Exemplar("t" * 32, "s-1", 5)
        series.observe(TASK_DURATION, WHO, ("d", "t"), 3.0, clock_ns=0, exemplar=exemplar)

        ((_, cells),) = restarted(series).families(MINUTE)

        assert cells[0].exemplars == {1: (exemplar, 3.0)}

    def test_families_that_are_gone_or_changed_are_left_out(self):
        """
        A family with another shape starts over, and the load says which.
        """
        before = MetricSpec("orchestrator_x_total", "counter", ("droid",), "X.")
        gone = MetricSpec("orchestrator_y_total", "counter", (), "Y.")
        after = before._replace(labels=("pattern",))
        old = SeriesRegistry(catalogue=(before, gone))
        old.count(before, WHO, ("a",), clock_ns=0)
        old.count(gone, WHO, (), clock_ns=0)
        new = SeriesRegistry(catalogue=(after,))

        assert set(new.load(old.dump())) == {before.name, gone.name}
        assert list(new.families(0)) == []

    def test_a_renamed_family_continues_under_its_new_name(self):
        """
        A checkpoint written before the rename: the counter goes on from what it was.
        """
        ((former, name),) = FORMER_METRIC_NAMES.items()
        (spec,) = (spec for spec in CATALOGUE if spec.name == name)
        old = SeriesRegistry(catalogue=(spec._replace(name=former),))
        old.count(spec._replace(name=former), WHO, ("p",), 3, clock_ns=0)
        new = SeriesRegistry()

        assert new.load(old.dump()) == ()
        assert new.value(spec, WHO, ("p",)) == 3

    def test_sums_far_beyond_64_bits_of_billionths_are_stored(self):
        """
        A checkpoint holds sums of any size that matters: here three thousand years of seconds.
        """
        series = SeriesRegistry()
        series.count(COST, WHO, ("p", "d", "m"), 1e11, clock_ns=0)

        assert restarted(series).value(COST, WHO, ("p", "d", "m")) == 1e11

    def test_a_new_resource_label_is_empty_for_the_old(self):
        """
        Series of the time before a resource label was configured have it empty.
        """
        old = SeriesRegistry()
        old.count(FILES_CREATED, WHO, ("a",), clock_ns=0)

        new = restarted(old, SeriesLimits(resource_labels=("environment",)))

        assert shown(new, FILES_CREATED, MINUTE) == {("shop", "", "a"): 1}

    def test_series_of_a_removed_resource_label_are_merged(self):
        """
        Without the label that told them apart two series are one, with the sum of both.
        """
        old = SeriesRegistry(SeriesLimits(resource_labels=("environment",)))
        for environment, amount in (("prod", 2), ("test", 3)):
            old.count(FILES_CREATED, ("shop", environment), ("a",), amount, clock_ns=0)
            old.observe(CODE_QUALITY, ("shop", environment), ("p", "a", "t"), 80.5, clock_ns=0)

        new = restarted(old)

        assert shown(new, FILES_CREATED, MINUTE) == {("shop", "a"): 5}
        assert shown(new, CODE_QUALITY, MINUTE) == {("shop", "p", "a", "t"): [2]}
        assert new.value(CODE_QUALITY, WHO, ("p", "a", "t")) == 161


def test_the_smallest_limit_of_values_is_no_endless_overflow():
    """
    The count of overflows has labels too; those are ours and take no place.
    """
    series = SeriesRegistry(SeriesLimits(values=1, hold_ns=0))
    for name in ("a", "b", "c"):
        series.count(TASKS, ("atlas",), (name, name, "completed"), clock_ns=1)

    assert series.value(LABEL_OVERFLOW, (), ("atlas", "droid")) == 2
    assert series.value(TASKS, ("atlas",), ("other", "other", "completed")) == 2
