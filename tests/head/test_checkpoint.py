"""
The head as a checkpoint keeps it: named parts, each of which dumps, loads and relabels itself.
"""

from __future__ import annotations

import msgspec
import pytest

import builders as b
from droidscope.assembly.foreign_settings import ForeignSettings
from droidscope.head.head import Head
from droidscope.series.label_limits import SeriesLimits
from droidscope.sessions.settings import HeadSettings
from rig import Rig

WIRE = [
    "version",
    "series",
    "windows",
    "sessions",
    "foreign",
    "findings",
    "completeness",
    "history",
    "exhibits",
    "digests",
    "names",
]
"""
What a checkpoint of version 6 holds, in this order.
"""


@pytest.fixture
def dump(tmp_path):
    """
    The checkpoint of a head in which something has happened.
    """
    rig = Rig(tmp_path / "store")
    rig.send("traces", b.traces(b.task(), b.session()))
    rig.pass_seconds(2)
    return msgspec.msgpack.decode(rig.head.dump())


def fresh():
    return Head(HeadSettings(), SeriesLimits(), ForeignSettings())


def test_a_checkpoint_has_the_parts_of_the_first_version(dump):
    """
    Their names and the version may not change: stores of the first version are read.
    """
    assert list(dump) == WIRE
    assert dump["version"] == 6


def test_a_loaded_head_dumps_what_was_loaded(dump):
    """
    Every part comes back.
    """
    head = fresh()

    head.load(msgspec.msgpack.encode(dump))

    assert msgspec.msgpack.decode(head.dump()) == dump


@pytest.mark.parametrize("part", WIRE)
def test_without_a_part_a_checkpoint_is_not_read(dump, part):
    """
    Nor is one with a part of another shape.
    """
    missing = {name: value for name, value in dump.items() if name != part}
    for broken in (missing, dump | {part: "nonsense"}):
        with pytest.raises(msgspec.ValidationError):
            fresh().load(msgspec.msgpack.encode(broken))


@pytest.mark.parametrize("damage", [b"", b"no zlib"])
def test_a_damaged_part_leaves_an_empty_head(dump, damage):
    """
    Nothing stays of the parts before it: the log will be replayed into this head.
    """
    head, empty = fresh(), fresh().dump()
    dump["history"][-1] = damage

    with pytest.raises(msgspec.ValidationError, match="part history cannot be read"):
        head.load(msgspec.msgpack.encode(dump))

    assert head.dump() == empty
