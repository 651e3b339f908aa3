"""
The write-ahead log: frames appended, made durable in groups, and read again after a crash.

A frame on disk is a 4-byte length (of what follows the checksum), a CRC-32 of that, and then: the
exporter's uptime clock and the wall clock (8 bytes each, nanoseconds), a byte for what it is, and
the payload. All numbers are big-endian. A segment is a file `NNNNNNNNNNNNNNNN.log` that begins
with `MAGIC`; frames never span segments.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from enum import IntEnum
from pathlib import Path
from typing import Final, NamedTuple

from droidscope.errors import StoreError

MAGIC: Final = b"DSLOG1\r\n"
SUFFIX: Final = ".log"
PRIVATE: Final = 0o600
"""
Mode of every file: the log has each request as it was received, with prompts and answers if the sender
records them.
"""
_HEAD = struct.Struct(">II")
_STAMP = struct.Struct(">QQB")


class FrameKind(IntEnum):
    """
    What a frame holds: a request of one signal, or only that time passed.
    """

    TRACES = 1
    METRICS = 2
    LOGS = 3
    TICK = 4


class Frame(NamedTuple):
    """
    One thing that changed the head.

    *clock_ns* is the exporter's uptime over all its lives, *wall_ns* Unix time, both at receipt.
    """

    kind: FrameKind
    clock_ns: int
    wall_ns: int
    payload: bytes = b""


class Log:
    """
    The segments of one directory; `replay` what is there, then `append` to a new segment.

    Not thread-safe: one thread owns it. *truncated_bytes* tells how much of a torn tail the replay
    cut off: bytes that were never acknowledged.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._file: int | None = None
        self._durable = 0
        self._size = 0
        self.segment = 0
        self.truncated_bytes = 0
        directory.mkdir(parents=True, exist_ok=True)

    def segments(self) -> list[int]:
        """
        Numbers of the segments on disk, the oldest first.
        """
        return sorted(int(path.stem) for path in self._directory.glob(f"*{SUFFIX}") if path.stem.isdigit())

    def path(self, segment: int) -> Path:
        """
        Where a segment is.
        """
        return self._directory / f"{segment:016d}{SUFFIX}"

    @property
    def size(self) -> int:
        """
        Bytes in the segment being written.
        """
        return self._size

    @property
    def holds_frames(self) -> bool:
        """
        Whether anything was appended to the segment being written.
        """
        return self._durable > len(MAGIC)

    def replay(self, since: int) -> Iterator[tuple[int, Frame]]:
        """
        The frames of every segment from number *since* on, each with its segment's number.

        What a crash left torn at the end of the last segment is cut off.

        Raises:
            StoreError: If a segment is missing or damaged anywhere else.
        """
        numbers = [number for number in self.segments() if number >= since]
        for expected, number in enumerate(numbers, start=numbers[0] if numbers else 0):
            if number != expected:
                msg = f"{self.path(expected)} is missing; the log cannot be replayed past it"
                raise StoreError(msg)
            yield from ((number, frame) for frame in self._read(number, last=number == numbers[-1]))

    def _read(self, number: int, *, last: bool) -> Iterator[Frame]:
        path = self.path(number)
        try:
            data = path.read_bytes()
        except OSError as error:
            msg = f"{path} cannot be read: {error.strerror}"
            raise StoreError(msg) from error
        offset = len(MAGIC) if data.startswith(MAGIC) else 0
        while frame := _frame_at(data, offset) if offset else None:
            yield frame
            offset += _HEAD.size + _STAMP.size + len(frame.payload)
        if offset == len(data) and offset:
            return
        if not last:
            msg = f"{path} is damaged at byte {offset} of {len(data)}; it ends in the middle of the log"
            raise StoreError(msg)
        self.truncated_bytes += len(data) - offset
        with path.open("r+b") as file:
            file.truncate(offset)
            if not offset:
                file.write(MAGIC)
            os.fsync(file.fileno())

    def start(self, segment: int) -> None:
        """
        Begin to append to a new segment; what was written before is complete.

        Raises:
            StoreError: If the file cannot be made.
        """
        path = self.path(segment)
        try:
            self._trim()
            file = _new_file(path, MAGIC)
            sync_directory(self._directory)
        except OSError as error:
            msg = f"{path} cannot be written: {error.strerror}"
            raise StoreError(msg) from error
        self.close()
        self._file = file
        self.segment = segment
        self._size = self._durable = len(MAGIC)

    def append(self, frames: Iterable[Frame]) -> None:
        """
        Append the frames and make them durable, all or none.

        Raises:
            StoreError: If the disk refuses; the log is as before the call and may be tried again.
        """
        if self._file is None:
            msg = "the log is closed"
            raise StoreError(msg)
        buffer = b"".join(part for frame in frames for part in _encode(frame))
        try:
            self._trim()
            self._size = -1
            _write_all(self._file, buffer)
            os.fdatasync(self._file)
        except OSError as error:
            with suppress(OSError):  # then before the next write
                self._trim()
            msg = f"{self.path(self.segment)} cannot be written: {error.strerror}"
            raise StoreError(msg) from error
        self._durable += len(buffer)
        self._size = self._durable

    def _trim(self) -> None:
        """
        Cut off what a failed write may have left behind the durable frames.
        """
        if self._file is not None and self._size != self._durable:
            os.ftruncate(self._file, self._durable)
            self._size = self._durable

    def close(self) -> None:
        """
        Close the segment being written; everything appended is durable already.
        """
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _encode(frame: Frame) -> tuple[bytes, bytes, bytes]:
    stamp = _STAMP.pack(frame.clock_ns, frame.wall_ns, frame.kind)
    checksum = zlib.crc32(frame.payload, zlib.crc32(stamp))
    return _HEAD.pack(len(stamp) + len(frame.payload), checksum), stamp, frame.payload


def _frame_at(data: bytes, offset: int) -> Frame | None:
    """
    The frame at *offset*, or None where there is no whole, sound one.
    """
    body = offset + _HEAD.size
    if body + _STAMP.size > len(data):
        return None
    length, checksum = _HEAD.unpack_from(data, offset)
    if (
        length < _STAMP.size
        or body + length > len(data)
        or zlib.crc32(memoryview(data)[body : body + length]) != checksum
    ):
        return None
    clock_ns, wall_ns, kind = _STAMP.unpack_from(data, body)
    return Frame(FrameKind(kind), clock_ns, wall_ns, data[body + _STAMP.size : body + length])


def _new_file(path: Path, content: bytes) -> int:
    """
    A new file, durable but for its name, and open to append to.
    """
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, PRIVATE)
    try:
        _write_all(file, content)
        os.fsync(file)
    except OSError:
        os.close(file)
        raise
    return file


def _write_all(file: int, buffer: bytes) -> None:
    view = memoryview(buffer)
    while view:
        view = view[os.write(file, view) :]


def sync_directory(directory: Path) -> None:
    """
    Make the names in a directory durable.
    """
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
