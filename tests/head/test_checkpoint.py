"""
The head as a checkpoint keeps it: named parts, each of which dumps, loads and relabels itself.
"""

from __future__ import annotations

import msgspec
import pytest

import builders as b
from droidscope.assembly.foreign_settings import ForeignSettings
from droidscope.conventions import metrics as m
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
SINCE = ["open_lists", "early_records"]
"""
What later ones hold besides, which older ones lack.
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
    assert list(dump) == [*WIRE, *SINCE]
    assert dump["version"] == 6


def test_a_loaded_head_dumps_what_was_loaded(dump):
    """
    Every part comes back.
    """
    head = fresh()

    head.load(msgspec.msgpack.encode(dump))

    assert msgspec.msgpack.decode(head.dump()) == dump


def test_a_checkpoint_without_the_later_parts_is_read(dump):
    """
    As the first version made them: what it did not know of is empty.
    """
    head = fresh()

    head.load(msgspec.msgpack.encode({name: value for name, value in dump.items() if name not in SINCE}))

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


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda dump: {"version": dump["version"] + 1}, "the checkpoint has version"),
        (
            lambda dump: {"windows": msgspec.structs.replace(dump["windows"], ahead=b"no packed bytes")},
            "the checkpoint's windows cannot be read",
        ),
        (
            lambda dump: {"history": msgspec.structs.replace(dump["history"], ahead=b"")},
            "the checkpoint's history cannot be read",
        ),
    ],
)
def test_what_cannot_be_read_changes_nothing(tmp_path, damage, sentence):
    """
    Of another version, or with windows that are damaged: the head stays as it was.
    """
    rig = Rig(tmp_path / "store")
    rig.send("traces", b.traces(b.task()))
    dump = rig.head.decode(rig.head.dump())
    before = rig.state()

    with pytest.raises(msgspec.ValidationError, match=sentence):
        rig.head.load(msgspec.msgpack.encode(dump | damage(dump)))

    assert rig.state() == before
    assert rig.value(m.TASKS, "coder", "code", "completed") == 1
