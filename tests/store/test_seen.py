"""
The ids seen: exact while remembered, bounded, the same after a restart.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from droidscope.store.seen import SeenIds, decode_generation, encode_generation

HOUR = 3_600_000_000_000


def ids(*numbers):
    return [number.to_bytes(24, "big") for number in numbers]


def test_an_id_is_new_once():
    """
    The second time it is known.
    """
    seen = SeenIds(10, HOUR)

    assert [seen.add(id_) for id_ in ids(1, 2, 1)] == [True, True, False]


def test_what_could_not_be_stored_may_come_again():
    """
    The ids since a mark are taken back when their request failed.
    """
    seen = SeenIds(10, HOUR)
    seen.add(*ids(1))
    mark = seen.mark()
    for id_ in ids(2, 3):
        seen.add(id_)

    seen.forget_since(mark)

    assert [seen.add(id_) for id_ in ids(1, 2, 3)] == [False, True, True]


def test_old_generations_are_forgotten_by_the_uptime_clock():
    """
    Within the horizon ids are kept, beyond it they go with their segment.
    """
    seen = SeenIds(10, HOUR)
    seen.add(*ids(1))
    seen.seal(1, 0)
    seen.add(*ids(2))
    seen.seal(2, HOUR)
    kept = len(seen)

    seen.seal(3, HOUR + 1)

    assert (kept, len(seen), seen.segments()) == (2, 1, [2, 3])


def test_more_than_the_limit_is_forgotten_oldest_first():
    """
    Three ids with room for two: the first generation goes.
    """
    seen = SeenIds(2, HOUR)
    for segment in (1, 2, 3):
        seen.add(*ids(segment))
        seen.seal(segment, 0)

    assert [seen.add(id_) for id_ in ids(1, 2, 3)] == [True, False, False]


@given(st.lists(st.binary(min_size=16, max_size=24), unique=True))
def test_a_generation_survives_its_file(parts):
    """
    Ids of any lengths come back, all of them and no other.
    """
    seen = SeenIds(1000, HOUR)
    for id_ in parts:
        seen.add(id_)

    generation = decode_generation(encode_generation(seen.seal(7, 42)))

    assert (generation.segment, generation.clock_ns) == (7, 42)
    assert sorted(generation.ids) == sorted(parts)
