"""
Whole files of the store: written so that a reader sees the old one or the new one, and checked.
"""

from __future__ import annotations

import fcntl
import os
import zlib
from pathlib import Path
from typing import Final

from droidscope.errors import StoreError
from droidscope.store.log import PRIVATE, sync_directory

_MAGIC: Final = b"DSFILE1\n"
_CHECKSUM_BYTES: Final = 4


def write_file(path: Path, content: bytes) -> None:
    """
    Replace *path* by *content*, durably and at once.

    Raises:
        StoreError: If the disk refuses; the old file stays.
    """
    draft = path.with_suffix(".draft")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE), "wb") as file:
            file.write(_MAGIC + zlib.crc32(content).to_bytes(_CHECKSUM_BYTES, "big") + content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        sync_directory(path.parent)
    except OSError as error:
        draft.unlink(missing_ok=True)
        msg = f"{path} cannot be written: {error.strerror}"
        raise StoreError(msg) from error


def read_file(path: Path) -> bytes:
    """
    The content that `write_file` put there.

    Raises:
        StoreError: If it is missing or not whole.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}"
        raise StoreError(msg) from error
    content = data[len(_MAGIC) + _CHECKSUM_BYTES :]
    checksum = data[len(_MAGIC) : len(_MAGIC) + _CHECKSUM_BYTES]
    if not data.startswith(_MAGIC) or zlib.crc32(content).to_bytes(_CHECKSUM_BYTES, "big") != checksum:
        msg = f"{path} is damaged: its checksum does not match"
        raise StoreError(msg)
    return content


class DirectoryLock:
    """
    Holds a store's directory for this process alone, until `release` or the process ends.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path = directory / "lock"
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._file)
            msg = f"{directory} is in use by another exporter; give each its own store"
            raise StoreError(msg) from error

    def release(self) -> None:
        """
        Let another process have the directory.
        """
        os.close(self._file)
