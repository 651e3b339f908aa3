"""
A checkpoint that the head cannot go on from is refused, so that the store tries an older one.
"""

from __future__ import annotations

import msgspec
import pytest

import builders as b
from droidscope.conventions import metrics as m
from droidscope.head.head import HeadDump
from rig import Rig


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path / "store")


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda dump: {"version": dump.version + 1}, "the checkpoint has version"),
        (
            lambda dump: {"windows": msgspec.structs.replace(dump.windows, ahead=b"no packed bytes")},
            "the checkpoint's windows cannot be read",
        ),
    ],
)
def test_what_cannot_be_read_changes_nothing(rig, damage, sentence):
    """
    Of another version, or with windows that are damaged: the head stays as it was.
    """
    rig.send("traces", b.traces(b.task()))
    dump = msgspec.msgpack.decode(rig.head.dump(), type=HeadDump)
    before = rig.state()

    with pytest.raises(msgspec.ValidationError, match=sentence):
        rig.head.load(msgspec.msgpack.encode(msgspec.structs.replace(dump, **damage(dump))))

    assert rig.state() == before
    assert rig.value(m.TASKS, "coder", "code", "completed") == 1
