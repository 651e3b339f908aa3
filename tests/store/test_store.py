"""
The store: whatever a crash, a full disk or a careless hand leaves, the head comes back or the
error says why not.
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from pathlib import Path

import pytest

from droidscope.errors import StoreError
from droidscope.store.log import Frame, FrameKind
from droidscope.store.store import RETRY_NS, Store

SECOND = 1_000_000_000


class Words:
    """
    A head that counts the payloads it was given.
    """

    def __init__(self):
        self.counts = Counter()

    def dump(self):
        return " ".join(sorted(self.counts.elements())).encode()

    def load(self, data):
        self.counts = Counter(data.decode().split())


def opened(directory, **options):
    """
    A store and its head after a start.
    """
    store, head = Store(directory, **options), Words()
    clock = store.restore(head)
    for frame in store.replay():
        head.counts[frame.payload.decode()] += 1
        clock = max(clock, frame.clock_ns)
    store.begin(head, clock)
    return store, head


def put(store, head, *words, clock=1):
    store.append([Frame(FrameKind.TRACES, clock, 1, word.encode()) for word in words])
    head.counts.update(words)


def crashed(store):
    store.abandon()


def open_files():
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture
def place(tmp_path):
    return tmp_path / "store"


def files(place, pattern):
    return sorted(path.name for path in place.glob(pattern))


def test_a_second_exporter_is_refused_by_name(place):
    """
    Two would write over each other.
    """
    store, head = opened(place)

    with pytest.raises(StoreError, match=f"{place} is in use by another exporter"):
        Store(place)
    store.close(head, 1)
    opened(place)


@pytest.mark.parametrize("what", ["a file", "a path below a file"])
def test_a_directory_that_cannot_be_is_one_sentence(tmp_path, what):
    """
    Name and reason.
    """
    path = tmp_path / "file"
    path.touch()
    directory = path if what == "a file" else path / "store"

    with pytest.raises(StoreError, match=f"store {directory} cannot be used: "):
        Store(directory)


def test_only_the_owner_may_read(place):
    """
    The directory, and every file in it even where the directory was made by someone else.
    """
    mask = os.umask(0o022)
    store, head = opened(place)
    put(store, head, "one")
    store.seal(head, 2)
    os.umask(mask)

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in place.rglob("*") if path.is_file()}
    assert len(modes) > 5
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(place.stat().st_mode) == 0o700


def test_two_checkpoints_are_kept_and_the_log_behind_the_older(place):
    """
    So that a damaged checkpoint costs nothing.
    """
    store, head = opened(place)
    for number in range(5):
        put(store, head, f"w{number}", clock=number)
        store.seal(head, number)
    crashed(store)
    newest = place / "checkpoints" / files(place, "checkpoints/*")[-1]
    newest.write_bytes(newest.read_bytes()[:-1])

    _, again = opened(place)

    assert len(files(place, "checkpoints/*")) == 2
    assert again.counts == head.counts


def test_without_any_checkpoint_a_whole_log_is_enough_and_a_pruned_one_is_not(place):
    """
    The error says where the log begins.
    """
    store, head = opened(place)
    put(store, head, "one")
    store.seal(head, 1)
    crashed(store)
    for path in (place / "checkpoints").iterdir():
        path.unlink()
    again, counted = opened(place)
    again.close(counted, 1)
    for path in [*(place / "checkpoints").iterdir(), *(place / "log").glob("*1.log")]:
        path.unlink()

    assert counted.counts == head.counts
    with pytest.raises(StoreError, match="no usable checkpoint, and its log begins at segment 2"):
        opened(place)


def test_a_disk_too_full_for_a_checkpoint_goes_on_logging_and_tries_again_later(place, monkeypatch):
    """
    Ten seconds later, not with every request; no file stays open, and the frames are all there.
    """
    store, head = opened(place, log_segment_bytes=100)
    tries = []

    def full(path, _content):
        tries.append(path)
        msg = "no space left"
        raise StoreError(msg)

    handles = open_files()
    monkeypatch.setattr("droidscope.store.store.write_file", full)
    for second in range(30):
        put(store, head, "x" * 200, clock=second * SECOND)
        store.maybe_seal(head, second * SECOND)
    monkeypatch.undo()

    assert len(tries) == 3
    assert open_files() == handles
    crashed(store)
    assert opened(place)[1].counts == head.counts


def test_a_segment_that_cannot_be_begun_leaves_the_one_there_is(place, monkeypatch):
    """
    The disk refuses a new file: the log goes on in the old one, and no file stays open.
    """
    store, head = opened(place)
    handles = open_files()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    for _ in range(3):
        with pytest.raises(StoreError, match="No space left"):
            store.seal(head, 1)
    monkeypatch.undo()
    put(store, head, "one")

    assert open_files() == handles
    crashed(store)
    assert opened(place)[1].counts == {"one": 1}


def test_what_a_failed_write_left_is_cut_off_before_the_next_segment(place, monkeypatch):
    """
    Neither the write nor its undoing worked; a later segment must not bury the rubbish.
    """
    store, head = opened(place)
    put(store, head, "one")
    write = os.write

    def torn(file, data):
        write(file, data[:10])
        raise OSError(5, "Input/output error")

    def refuse(*_):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as failing:
        failing.setattr(os, "write", torn)
        failing.setattr(os, "ftruncate", refuse)
        with pytest.raises(StoreError):
            store.append([Frame(FrameKind.TRACES, 1, 1, b"two")])
    store.seal(head, 2)
    for path in (place / "checkpoints").iterdir():
        path.unlink()
    crashed(store)

    assert opened(place)[1].counts == {"one": 1}


def test_a_failing_prune_is_no_failing_checkpoint(place, monkeypatch):
    """
    What cannot be deleted stays, is told, and is tried again with the next checkpoint.
    """
    store, head = opened(place)

    def refuse(*_, **__):
        raise OSError(1, "Operation not permitted")

    put(store, head, "one")
    monkeypatch.setattr(Path, "unlink", refuse)
    for clock in range(5):
        store.seal(head, clock)
    monkeypatch.undo()
    before = len(files(place, "checkpoints/*"))
    store.seal(head, 9)

    assert (before, len(files(place, "checkpoints/*"))) == (6, 2)


def test_old_segments_go_after_the_retention(place):
    """
    By their age; what a checkpoint or the ids need stays.
    """
    store, head = opened(place, retention_days=1, seen_horizon_ns=10 * SECOND)
    put(store, head, "one")
    store.seal(head, SECOND)
    for path in (place / "log").glob("*.log"):
        os.utime(path, (0, 0))
    kept = len(files(place, "log/*.log"))
    for clock in (2, 20, 40):
        store.seal(head, clock * SECOND)

    assert kept == 2
    assert "0000000000000001.log" not in files(place, "log/*.log")
    crashed(store)
    assert opened(place)[1].counts == {"one": 1}


def test_a_checkpoint_goes_with_each_large_or_old_segment(place):
    """
    Old only counts where there is something new.
    """
    store, head = opened(place, log_segment_bytes=1000, log_segment_ns=60 * SECOND)
    first = store.segment
    store.maybe_seal(head, 100 * SECOND)
    idle = store.segment
    put(store, head, "one")
    store.maybe_seal(head, 100 * SECOND)
    old = store.segment
    put(store, head, "x" * 2000)
    store.maybe_seal(head, 100 * SECOND + 1)

    assert (idle, old, store.segment) == (first, first + 1, first + 2)
    assert RETRY_NS < 60 * SECOND


def test_a_disk_that_refuses_the_last_checkpoint_does_not_keep_the_directory(place, monkeypatch):
    """
    The end is the end: the log has all frames, and the next start may have the store.
    """
    store, head = opened(place)
    put(store, head, "one", "two")

    def full(*_):
        msg = "no space left"
        raise StoreError(msg)

    with monkeypatch.context() as patch:
        patch.setattr("droidscope.store.store.write_file", full)
        store.close(head, 1)

    assert opened(place)[1].counts == {"one": 1, "two": 1}
