"""
Whole files: a reader sees the old one or the new one, or an error that names the file.
"""

from __future__ import annotations

import errno
import os

import pytest

from droidscope.errors import StoreError
from droidscope.store.files import read_file, write_file


def refuse(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("call", ["fsync", "open"])
def test_a_disk_that_refuses_leaves_the_old_file_and_no_draft(tmp_path, monkeypatch, call):
    """
    Whether it refuses a new file or what is to be in it.
    """
    path = tmp_path / "one"
    write_file(path, b"old")
    with monkeypatch.context() as patch:
        patch.setattr(os, call, refuse)
        with pytest.raises(StoreError, match="one cannot be written: No space left"):
            write_file(path, b"new")

    assert read_file(path) == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_is_not_there_is_named(tmp_path):
    """
    With the reason of the system.
    """
    with pytest.raises(StoreError, match="one cannot be read: No such file"):
        read_file(tmp_path / "one")


@pytest.mark.parametrize(
    "damage",
    [lambda data: data[:-1], lambda data: b"X" + data[1:], lambda data: data[:-1] + b"X", lambda _: b""],
)
def test_a_file_that_is_not_whole_is_no_content(tmp_path, damage):
    """
    Cut short, of another kind, changed or empty.
    """
    path = tmp_path / "one"
    write_file(path, b"content")
    path.write_bytes(damage(path.read_bytes()))

    with pytest.raises(StoreError, match="one is damaged"):
        read_file(path)
