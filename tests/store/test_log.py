"""
The log: what was appended is read again, and what a crash tore is cut off.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from droidscope.errors import StoreError
from droidscope.store.log import MAGIC, Frame, FrameKind, Log

FRAMES = [
    Frame(FrameKind.TRACES, 1, 2, b"one"),
    Frame(FrameKind.TICK, 3, 4),
    Frame(FrameKind.LOGS, 5, 6, b"x" * 70_000),
]


def written(directory, frames=FRAMES, segment=1):
    log = Log(directory)
    log.start(segment)
    log.append(frames)
    log.close()
    return log.path(segment)


def replayed(directory, since=0):
    return [frame for _, frame in Log(directory).replay(since)]


def test_frames_come_back_as_they_were(tmp_path):
    """
    Kind, clocks and payload of every frame survive, in order.
    """
    written(tmp_path)

    assert replayed(tmp_path) == FRAMES


def test_segments_are_read_in_order_from_the_one_asked_for(tmp_path):
    """
    A replay since segment 2 skips segment 1.
    """
    written(tmp_path, FRAMES[:1], segment=1)
    written(tmp_path, FRAMES[1:2], segment=2)
    written(tmp_path, FRAMES[2:], segment=3)

    assert replayed(tmp_path) == FRAMES
    assert replayed(tmp_path, since=2) == FRAMES[1:]


@given(cut=st.integers(min_value=0))
def test_a_torn_end_is_cut_off_at_the_last_whole_frame(tmp_path_factory, cut):
    """
    However much of the end is missing, whole frames are kept and the file ends behind them.
    """
    path = written(tmp_path_factory.mktemp("log"), FRAMES[:2])
    size = path.stat().st_size
    os.truncate(path, cut % size)

    log = Log(path.parent)
    kept = [frame for _, frame in log.replay(0)]

    assert kept == FRAMES[: len(kept)]
    assert [frame for _, frame in Log(path.parent).replay(0)] == kept
    assert path.read_bytes().startswith(MAGIC)


@given(at=st.integers(min_value=0), bit=st.integers(0, 7))
def test_a_flipped_bit_never_yields_a_wrong_frame(tmp_path_factory, at, bit):
    """
    Damage anywhere ends the replay before it, or is refused.
    """
    path = written(tmp_path_factory.mktemp("log"), FRAMES[:2])
    data = bytearray(path.read_bytes())
    data[at % len(data)] ^= 1 << bit
    path.write_bytes(data)

    kept = replayed(path.parent)

    assert kept == FRAMES[: len(kept)]
    assert len(kept) < 2


def test_damage_before_the_last_segment_is_refused_by_name(tmp_path):
    """
    In the middle of the log damage is no crash's doing; the error names file and byte.
    """
    path = written(tmp_path, segment=1)
    written(tmp_path, segment=2)
    os.truncate(path, path.stat().st_size - 1)

    with pytest.raises(StoreError, match=r"0000000000000001\.log is damaged at byte \d+"):
        replayed(tmp_path)


def test_a_missing_segment_is_refused_by_name(tmp_path):
    """
    A gap in the numbers would lose records silently.
    """
    written(tmp_path, segment=1)
    written(tmp_path, segment=3)

    with pytest.raises(StoreError, match=r"0000000000000002\.log is missing"):
        replayed(tmp_path)


def test_a_full_disk_keeps_nothing_of_the_group_and_can_be_tried_again(tmp_path, monkeypatch):
    """
    Half a group was written when the disk filled; once there is room the log goes on, unharmed.
    """
    log = Log(tmp_path)
    log.start(1)
    log.append(FRAMES[:1])
    real_write = os.write

    def full(file, data):
        if len(data) < 100:
            raise OSError(28, "No space left on device")
        return real_write(file, data[:50])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(StoreError, match="No space left on device"):
        log.append(FRAMES[2:])
    monkeypatch.undo()
    log.append(FRAMES[1:2])
    log.close()

    assert replayed(tmp_path) == FRAMES[:2]


def test_a_segment_that_cannot_be_read_ends_the_replay(tmp_path):
    """
    The error names the file and the reason.
    """
    Log(tmp_path).path(1).mkdir()

    with pytest.raises(StoreError, match=r"0001\.log cannot be read: Is a directory"):
        replayed(tmp_path)


def test_a_closed_log_takes_nothing(tmp_path):
    """
    A frame that nobody would find is not acknowledged.
    """
    log = Log(tmp_path)
    log.start(1)
    log.close()

    with pytest.raises(StoreError, match="the log is closed"):
        log.append(FRAMES)
    assert replayed(tmp_path) == []
