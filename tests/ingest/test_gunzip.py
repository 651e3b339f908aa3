"""
Gunzip never makes more of a body than it may.
"""

from __future__ import annotations

import gzip
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from droidscope.ingest.gunzip import TooLargeError, gunzip


@given(st.binary(max_size=2000))
def test_gunzip_undoes_gzip(content):
    """
    Content of exactly the limit comes back; one byte less of a limit is too little.
    """
    data = gzip.compress(content)

    assert gunzip(data, len(content)) == content
    if content:
        with pytest.raises(TooLargeError, match=f"longer than {len(content) - 1} bytes"):
            gunzip(data, len(content) - 1)


def test_a_bomb_stays_small():
    """
    64 MiB in 64 KiB are refused at 1 MiB, and no more than that is ever made of them.
    """
    bomb = gzip.compress(bytes(64 * 1024 * 1024))
    tracemalloc.start()

    with pytest.raises(TooLargeError):
        gunzip(bomb, 1024 * 1024)

    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 4 * 1024 * 1024


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"plain text",
        gzip.compress(b"content")[:-1],
        gzip.compress(b"content")[:-8] + bytes(8),
        gzip.compress(b"content") + b"more",
        gzip.compress(b"content") * 2,
    ],
    ids=["empty", "no gzip", "cut short", "wrong checksum", "followed by junk", "two members"],
)
def test_damaged_gzip_is_an_error(data):
    """
    Whatever is not exactly one gzip member is refused, not guessed at.
    """
    with pytest.raises(ValueError, match=r"gzip"):
        gunzip(data, 1000)


@given(st.binary(max_size=200))
def test_random_bytes_are_an_error_or_content(data):
    """
    No body raises anything but ValueError.
    """
    try:
        content = gunzip(b"\x1f\x8b\x08" + data, 1000)
    except ValueError:
        return

    assert len(content) <= 1000
