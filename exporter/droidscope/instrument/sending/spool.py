"""
Files for requests that cannot be sent now: bounded, in order, and safe over processes and sudden ends.

    DIR/<name>/lock          held while the process lives that owns the folder
    DIR/<name>/<number>-<signal>-<items>.batch
    DIR/corrupt/             files whose checksum is wrong, for people to look at

Each process writes to a folder of its own. A folder that nobody holds any more belongs to a process that has
ended: the next process that looks takes it over and sends what is in it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, time_ns
from typing import Final
from uuid import uuid4
from zlib import crc32

from droidscope.errors import ConfigError
from droidscope.instrument.never_raise import logger
from droidscope.instrument.sending.encoding import EncodedBatch
from droidscope.instrument.sending.otlp_variables import SIGNALS

try:
    import fcntl
except ImportError:  # Windows has no such locks
    fcntl = None  # type: ignore[assignment]

SPOOL_BYTES: Final = 1024 * 1024 * 1024
"""
How much all processes together keep in one spool.
"""

LOOK_SECONDS: Final = 5.0
"""
How often a process looks for folders of processes that have ended.
"""

_MAGIC: Final = b"droidscope-batch-1\n"
_CHECKSUM_BYTES: Final = 4
_SUFFIX: Final = ".batch"
_LOCK: Final = "lock"
_CORRUPT: Final = "corrupt"
_SNAPSHOT: Final = "snapshot"
_FOLDER_MODE: Final = 0o700
_FILE_MODE: Final = 0o600


@dataclass(frozen=True)
class SpooledBatch:
    """
    A request that was read from a file, which is removed when the request is delivered.
    """

    path: Path
    batch: EncodedBatch


@dataclass
class _Folder:
    """
    A folder this process holds, and the files in it that are still to be sent, by signal, oldest first.
    """

    path: Path
    lock: int
    files: dict[str, list[Path]]


class Spool:
    """
    The files of one process below *directory*, and those it has taken over.

    Raises:
        ConfigError: If *directory* cannot be made or written, or this system has no locks for it.
    """

    def __init__(
        self, directory: Path, limit_bytes: int = SPOOL_BYTES, clock: Callable[[], float] = monotonic
    ) -> None:
        if fcntl is None:
            raise ConfigError("spool needs the file locks of POSIX, which this system does not have")
        self.on_damage: Callable[[int, str], object] = lambda _items, _text: None
        self.warn: Callable[..., object] = lambda _kind, message, *args: logger.warning(message, *args)
        self._directory = directory
        self._limit_bytes = limit_bytes
        self._clock = clock
        self._folders: list[_Folder] = []
        self._own: _Folder | None = None
        self._number = 0
        self._bytes = 0
        self._looked_at = float("-inf")
        _check(directory)

    def leave_to_parent(self) -> None:
        """
        Let go of the folders of the parent of this forked process, without unlocking them.
        """
        for folder in self._folders:
            with suppress(OSError):
                os.close(folder.lock)
        self._folders, self._own, self._looked_at = [], None, float("-inf")

    def close(self) -> None:
        """
        Leave the folders to the next process, and remove those that are empty.
        """
        for folder in self._folders:
            _release(folder)
        self._folders, self._own = [], None

    @property
    def items(self) -> int:
        """
        How many items are still to be sent from the files of this process.
        """
        return sum(
            _items(path) for folder in self._folders for paths in folder.files.values() for path in paths
        )

    def has(self, signal: str) -> bool:
        """
        Whether there are requests of *signal* in the files of this process.
        """
        return any(folder.files[signal] for folder in self._folders)

    def write(self, batch: EncodedBatch) -> bool:
        """
        Keep *batch* in a file, behind all others of its signal; False if there is no room or no way to do it.

        The counts of metrics are sums: a process keeps the latest alone.
        """
        content = _MAGIC + crc32(batch.body).to_bytes(_CHECKSUM_BYTES) + batch.body
        if self._bytes + len(content) > self._limit_bytes:
            self._bytes = _used(self._directory)
            if self._bytes + len(content) > self._limit_bytes:
                return False
        try:
            folder = self._own_folder()
            self._number += 1
            stem = _SNAPSHOT if batch.signal == "metrics" else f"{self._number:012}"
            path = folder.path / f"{stem}-{batch.signal}-{batch.items}{_SUFFIX}"
            _write(path, content)
        except OSError as error:
            self.warn(
                f"spool:{error.errno}", "droidscope cannot write to its spool %s: %s", self._directory, error
            )
            return False
        self._bytes += len(content)
        if path not in folder.files[batch.signal]:
            folder.files[batch.signal].append(path)
        return True

    def oldest(self, signal: str) -> SpooledBatch | None:
        """
        The oldest request of *signal* in the files of this process, None if there is none.

        A file that is damaged is set aside, and *on_damage* gets how many items it had and a text.
        """
        for folder in self._folders:
            while folder.files[signal]:
                path = folder.files[signal][0]
                batch = _read(path, signal)
                if batch is not None:
                    return SpooledBatch(path, batch)
                self._set_aside(path)
                folder.files[signal].pop(0)
        return None

    def remove(self, spooled: SpooledBatch) -> None:
        """
        Remove the file of a request that needs to be sent no more.
        """
        with suppress(OSError):
            spooled.path.unlink()
        self._bytes = max(0, self._bytes - len(spooled.batch.body) - len(_MAGIC) - _CHECKSUM_BYTES)
        for folder in self._folders:
            if spooled.path in folder.files[spooled.batch.signal][:1]:
                folder.files[spooled.batch.signal].pop(0)

    def adopt(self) -> None:
        """
        Take over the folders of processes that have ended; looks at most every `LOOK_SECONDS`.
        """
        now = self._clock()
        if now < self._looked_at + LOOK_SECONDS:
            return
        self._looked_at = now
        self._bytes = _used(self._directory)
        held = {folder.path for folder in self._folders}
        for path in _folders(self._directory):
            if path not in held and (folder := _hold(path)) is not None:
                self._folders.append(folder)
        for folder in [
            each for each in self._folders if each is not self._own and not any(each.files.values())
        ]:
            _release(folder)
            self._folders.remove(folder)
        # What is older was written by others: it goes first.
        self._folders.sort(key=lambda folder: (folder is self._own, folder.path.name))

    def _own_folder(self) -> _Folder:
        if self._own is None:
            name = f"{time_ns():020}-{os.getpid()}-{uuid4().hex[:8]}"
            path = self._directory / name
            path.mkdir(mode=_FOLDER_MODE)
            (path / _LOCK).touch(_FILE_MODE)
            folder = _hold(path)
            if folder is None:  # another process was faster, and has removed it as empty
                return self._own_folder()
            self._own = folder
            self._folders.append(folder)
        return self._own

    def _set_aside(self, path: Path) -> None:
        aside = self._directory / _CORRUPT
        target = aside / f"{path.parent.name}-{path.name}"
        try:
            aside.mkdir(mode=_FOLDER_MODE, exist_ok=True)
            path.rename(target)
        except OSError:
            with suppress(OSError):
                path.unlink()
        self.on_damage(_items(path), f"a file of the spool is damaged, and set aside as {target}")


def _check(directory: Path) -> None:
    probe = directory / f".probe-{uuid4().hex}"
    try:
        directory.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        _write(probe, b"")
        probe.unlink()
    except OSError as error:
        raise ConfigError(f"spool is {str(directory)!r}, which cannot be written: {error}") from error


def _write(path: Path, content: bytes) -> None:
    """
    Write a file that is whole or not there.
    """
    partial = path.with_suffix(".partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _FILE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    partial.rename(path)


def _read(path: Path, signal: str) -> EncodedBatch | None:
    """
    The request in a file, None if that is damaged or gone.
    """
    try:
        content = path.read_bytes()
    except OSError:
        return None
    start = len(_MAGIC) + _CHECKSUM_BYTES
    checksum, body = content[len(_MAGIC) : start], content[start:]
    if not content.startswith(_MAGIC) or crc32(body).to_bytes(_CHECKSUM_BYTES) != checksum:
        return None
    return EncodedBatch(signal, _items(path), body)


def _hold(path: Path) -> _Folder | None:
    """
    The folder, locked for this process; None if another holds it, or it is gone.
    """
    try:
        lock = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT, _FILE_MODE)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Between the two calls its holder may have removed it: then this lock is of a file without a name.
        if os.fstat(lock).st_ino == (path / _LOCK).stat().st_ino:
            return _Folder(path, lock, _files(path))
        os.close(lock)
    except OSError:
        os.close(lock)
    return None


def _release(folder: _Folder) -> None:
    """
    Let another process take the folder, or remove it if it is empty.
    """
    with suppress(OSError):
        if not any(folder.files.values()):
            (folder.path / _LOCK).unlink()
            folder.path.rmdir()
    with suppress(OSError):
        os.close(folder.lock)


def _files(path: Path) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {signal: [] for signal in SIGNALS}
    for file in sorted(path.glob(f"*{_SUFFIX}")):
        signal = _signal(file)
        if signal in found:
            found[signal].append(file)
    for partial in path.glob("*.partial"):  # its process ended while it was writing
        with suppress(OSError):
            partial.unlink()
    return found


def _signal(path: Path) -> str:
    return path.stem.split("-")[1] if path.stem.count("-") == 2 else ""  # noqa: PLR2004 - number, signal, items


def _items(path: Path) -> int:
    text = path.stem.rpartition("-")[2]
    return int(text) if text.isdecimal() else 1


def _folders(directory: Path) -> Iterator[Path]:
    with suppress(OSError):
        yield from sorted(
            path for path in directory.iterdir() if path.name != _CORRUPT and (path / _LOCK).exists()
        )


def _used(directory: Path) -> int:
    """
    How many bytes all processes keep.
    """
    total = 0
    for path in directory.rglob("*"):
        with suppress(OSError):
            if path.suffix == _SUFFIX:
                total += path.stat().st_size
    return total
