"""
The store of one exporter: its log, the ids seen and the checkpoints of its head, in one directory.

    lock                          held while an exporter runs
    log/0000000000000007.log      frames, see `log`
    log/0000000000000007.ids      the ids that segment brought, once it is sealed
    checkpoints/0000000000000008  the head as it was before the first frame of segment 8
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

import msgspec
import structlog

from droidscope.errors import StoreError
from droidscope.store.files import DirectoryLock, read_file, write_file
from droidscope.store.log import Frame, Log
from droidscope.store.seen import Generation, SeenIds, decode_generation, encode_generation
from droidscope.units import DAY_SECONDS, MINUTE_NS, SECOND_NS

log = structlog.get_logger(__name__)

CHECKPOINTS_KEPT: Final = 2
RETRY_NS: Final = 10 * SECOND_NS
"""
Uptime until a checkpoint that failed is tried again.
"""


class Checkpointed(Protocol):
    """
    What a checkpoint holds.
    """

    def dump(self) -> bytes:
        """
        All of it, as bytes.
        """

    def load(self, data: bytes) -> None:
        """
        Go on from there; raises msgspec.ValidationError if it cannot.
        """


class Checkpoint(msgspec.Struct, frozen=True):
    """
    The head before segment *segment*, at uptime *clock_ns*.
    """

    segment: int
    clock_ns: int
    head: bytes


class Store:
    """
    Opens and holds *directory*; one thread uses it.

    Raises:
        StoreError: If it is in use, damaged, or cannot be written.
    """

    def __init__(
        self,
        directory: Path,
        *,
        log_segment_bytes: int = 64 * 1024 * 1024,
        log_segment_ns: int = 15 * MINUTE_NS,
        retention_days: float = 30.0,
        seen_limit: int = 5_000_000,
        seen_horizon_ns: int = 24 * 60 * MINUTE_NS,
    ) -> None:
        self._directory = directory
        self._checkpoints = directory / "checkpoints"
        self._log_segment_bytes = log_segment_bytes
        self._log_segment_ns = log_segment_ns
        self._retention_days = retention_days
        try:
            self._lock = DirectoryLock(directory)
            self._checkpoints.mkdir(exist_ok=True)
            self._log = Log(directory / "log")
        except OSError as error:
            msg = f"store {directory} cannot be used: {error.strerror}"
            raise StoreError(msg) from error
        self._replay_from = 0
        self._sealed_clock = 0
        self._retry_clock = 0
        self._unsaved: list[Generation] = []
        self._sealed_bytes = 0
        self.seen = SeenIds(seen_limit, seen_horizon_ns)

    # --- start -----------------------------------------------------------------------------------

    def restore(self, head: Checkpointed) -> int:
        """
        Bring the head and the ids to the newest usable checkpoint.

        Returns:
            The uptime clock at that checkpoint, 0 without one.

        Raises:
            StoreError: If there is no usable checkpoint and the log does not begin at its beginning.
        """
        for path in reversed(self._checkpoint_paths()):
            try:
                checkpoint = msgspec.msgpack.decode(read_file(path), type=Checkpoint)
                head.load(checkpoint.head)
            except (StoreError, msgspec.MsgspecError) as error:
                log.warning("checkpoint_unusable", path=str(path), error=str(error))
                continue
            self._replay_from = checkpoint.segment
            self._restore_ids(checkpoint)
            return checkpoint.clock_ns
        segments = self._log.segments()
        if segments and segments[0] > 1:
            msg = f"{self._directory} has no usable checkpoint, and its log begins at segment {segments[0]}"
            raise StoreError(msg)
        return 0

    def _checkpoint_paths(self) -> list[Path]:
        return sorted(path for path in self._checkpoints.iterdir() if path.name.isdigit())

    def _restore_ids(self, checkpoint: Checkpoint) -> None:
        for segment in self._log.segments():
            path = self._ids_path(segment)
            if segment < checkpoint.segment and path.exists():
                self.seen.restore(decode_generation(read_file(path)))
        self.seen.expire(checkpoint.clock_ns)

    def replay(self) -> Iterator[Frame]:
        """
        The frames behind the checkpoint. Ids are sealed where they were, so what was forgotten
        between two frames is forgotten between them again.

        Raises:
            StoreError: If the log is damaged.
        """
        reached, clock_ns = None, 0
        for segment, frame in self._log.replay(self._replay_from):
            if reached is not None and segment != reached:
                self._unsaved.append(self.seen.seal(reached, clock_ns))
            yield frame
            reached, clock_ns = segment, frame.clock_ns
        if self._log.truncated_bytes:
            log.info("log_truncated", bytes=self._log.truncated_bytes)

    def begin(self, head: Checkpointed, clock_ns: int) -> None:
        """
        Begin to write, after the replay.

        Raises:
            StoreError: If the disk refuses.
        """
        self._log.segment = max([*self._log.segments(), self._replay_from - 1, 0])
        self.seal(head, clock_ns)

    # --- work ------------------------------------------------------------------------------------

    def append(self, frames: list[Frame]) -> None:
        """
        Make frames durable, all or none.

        Raises:
            StoreError: If the disk refuses; nothing of them is kept, and it may be tried again.
        """
        self._log.append(frames)

    def maybe_seal(self, head: Checkpointed, clock_ns: int) -> None:
        """
        Begin a new segment with a checkpoint if the current one is large or old enough.

        A disk that refuses is logged, not raised: the log goes on as it was.
        """
        old = self._log.holds_frames and clock_ns - self._sealed_clock >= self._log_segment_ns
        large = self._log.size >= self._log_segment_bytes and clock_ns >= self._retry_clock
        if not old and not large:
            return
        try:
            self.seal(head, clock_ns)
        except StoreError as error:
            log.error("checkpoint_failed", error=str(error))  # noqa: TRY400 - the error is all there is
            self._sealed_clock, self._retry_clock = clock_ns, clock_ns + RETRY_NS

    def seal(self, head: Checkpointed, clock_ns: int) -> None:
        """
        Begin a new segment, with a checkpoint of the *head* as it is before the segment's first frame.

        Raises:
            StoreError: If the disk refuses; nothing is lost, and it may be tried again.
        """
        # The order matters: a crash or a full disk between any two steps leaves a store that the
        # last complete checkpoint and the log behind it restore exactly.
        sealed = self._log.segment
        self._log.start(sealed + 1)
        self._sealed_clock = clock_ns
        self._unsaved.append(self.seen.seal(sealed, clock_ns))
        while self._unsaved:
            write_file(self._ids_path(self._unsaved[0].segment), encode_generation(self._unsaved[0]))
            del self._unsaved[0]
        checkpoint = Checkpoint(sealed + 1, clock_ns, head.dump())
        write_file(self._checkpoints / f"{sealed + 1:016d}", msgspec.msgpack.encode(checkpoint))
        try:
            self._prune()
        except OSError as error:
            log.warning("old_files_deletion_failed", path=str(self._directory), error=str(error))

    def _ids_path(self, segment: int) -> Path:
        return self._log.path(segment).with_suffix(".ids")

    def _prune(self) -> None:
        """
        Keep two checkpoints, the log behind the older one, and records for the retention time.
        """
        paths = self._checkpoint_paths()
        for path in paths[:-CHECKPOINTS_KEPT]:
            path.unlink(missing_ok=True)
        needed_from = int(paths[-CHECKPOINTS_KEPT:][0].name)
        oldest = time.time() - self._retention_days * DAY_SECONDS
        remembered = set(self.seen.segments())
        for segment in self._log.segments():
            path = self._log.path(segment)
            if segment < needed_from and segment not in remembered:
                self._ids_path(segment).unlink(missing_ok=True)
                if path.stat().st_mtime < oldest:
                    path.unlink(missing_ok=True)
        self._sealed_bytes = sum(file.stat().st_size for file in self._directory.rglob("*") if file.is_file())

    # --- facts and the end -------------------------------------------------------------------------

    @property
    def segment(self) -> int:
        """
        Number of the segment being written.
        """
        return self._log.segment

    @property
    def size_bytes(self) -> int:
        """
        About how much disk it takes.
        """
        return self._sealed_bytes + max(0, self._log.size)

    @property
    def free_bytes(self) -> int:
        """
        Free bytes on its disk.
        """
        return shutil.disk_usage(self._directory).free

    def close(self, head: Checkpointed, clock_ns: int) -> None:
        """
        Leave a checkpoint and release the directory.
        """
        try:
            self.seal(head, clock_ns)
        except StoreError as error:
            log.error("last_checkpoint_failed", error=str(error))  # noqa: TRY400 - likewise
        self.abandon()

    def abandon(self) -> None:
        """
        Release the directory as it is, as the end of the process would: without a checkpoint.
        """
        self._log.close()
        self._lock.release()
