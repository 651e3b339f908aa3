"""
The one road in: decode, drop what was seen, make durable, acknowledge, take in.

One thread walks it. What waits is taken in groups, so that many requests share one fdatasync.
Everything that changes the head is a frame of the log first, the passing of time included; so
whatever `/metrics` ever showed, a restart shows again.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

import msgspec
import structlog

from droidscope.conventions.reasons import Reason
from droidscope.errors import OverloadedError, StoreError
from droidscope.head.head import Head
from droidscope.ingest.decode import decode
from droidscope.ingest.sink import Receipt, Signal
from droidscope.mapping.mapper import UNKNOWN_SERVICE, Mapper, relevant
from droidscope.model.identity import log_identity, point_identity, span_identity
from droidscope.model.mapped_batch import MappedBatch
from droidscope.model.otlp import Batch
from droidscope.store.log import Frame, FrameKind
from droidscope.store.seen import SeenIds
from droidscope.store.store import Store
from droidscope.units import SECOND_NS

log = structlog.get_logger(__name__)

TICK_SECONDS: Final = 0.25
GROUP_BYTES: Final = 8 * 1024 * 1024
"""
Decoded, a request takes many times its size: so much of it is in memory at once, and one request more.
"""
RETRY_SECONDS: Final = 1.0

_FRAME_KINDS: Final = {
    Signal.TRACES: FrameKind.TRACES,
    Signal.METRICS: FrameKind.METRICS,
    Signal.LOGS: FrameKind.LOGS,
}
_SIGNALS: Final = {kind: signal for signal, kind in _FRAME_KINDS.items()}


class Meter(Protocol):
    """
    Where the pipeline counts what it does.
    """

    def received(self, signal: str, transport: str, outcome: str, n: int = 1) -> None:
        """
        Count items received.
        """

    def rejected(self, reason: str, n: int = 1) -> None:
        """
        Count what was refused.
        """

    def fsync_seconds(self, seconds: float) -> None:
        """
        Observe the time one group took to become durable.
        """

    def last_receipt(self, orchestrator: str, signal: str, unix_seconds: float) -> None:
        """
        Note that something of an orchestrator arrived.
        """


class ProcessedRequest(NamedTuple):
    """
    A request's meaning, without its *duplicates*: the items that were seen before.
    """

    mapped: MappedBatch
    duplicates: int = 0


@dataclass(slots=True)
class QueuedRequest:
    """
    One request on its way; *future* is what its sender waits for, *understood* what it means.
    """

    signal: Signal
    body: bytes
    transport: str
    future: Future[Receipt] = field(default_factory=Future)
    understood: ProcessedRequest = field(default_factory=lambda: ProcessedRequest(MappedBatch()))

    def __post_init__(self) -> None:
        # A sender that gives up must not cancel what the others wait for, too.
        self.future.set_running_or_notify_cancel()


class Pipeline:
    """
    A `Sink` whose receipts mean "on disk".

    *clock_ns* is monotonic time, *wall_ns* Unix time, both in nanoseconds. `recover` first, then
    `start`; `stop` finishes what waits. *lock* guards the head for readers; the *store* is the pipeline's own
    while it runs.
    """

    def __init__(
        self,
        store: Store,
        head: Head,
        mapper: Mapper,
        meter: Meter,
        *,
        queue_limit_bytes: int,
        clock_ns: Callable[[], int] = time.monotonic_ns,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.store = store
        self._mapper = mapper
        self._meter = meter
        self._monotonic_ns = clock_ns
        self._wall_ns = wall_ns
        self._uptime_zero = 0
        self._jobs: queue.SimpleQueue[QueuedRequest | None] = queue.SimpleQueue()
        self._queue_lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closing = False
        self._interrupted = False
        self._unnamed_told = False
        self.head = head
        self.lock = threading.Lock()
        self.queue_limit_bytes = queue_limit_bytes
        self.queued_bytes = 0

    # --- life ------------------------------------------------------------------------------------

    def recover(self, progress: Callable[[int], None] = lambda _frames: None) -> int | None:
        """
        Rebuild the head from the store; the uptime clock goes on where it stopped.

        Returns:
            How many frames were replayed behind the checkpoint; None if `interrupt` was called
            before the end, which leaves the store as it was and this pipeline of no use.

        Raises:
            StoreError: If the store is damaged.
        """
        clock = self.store.restore(self.head)
        frames = 0
        for frames, frame in enumerate(self.store.replay(), start=1):
            if self._interrupted:
                return None
            self._replay(frame)
            clock = max(clock, frame.clock_ns)
            if frames % 1000 == 0:
                progress(frames)
        self._uptime_zero = self._monotonic_ns() - clock
        self.store.begin(self.head, clock)
        return frames

    def interrupt(self) -> None:
        """
        Have a `recover` that is under way on another thread end soon.
        """
        self._interrupted = True

    def _replay(self, frame: Frame) -> None:
        mapped = None
        with self._log_failures("a stored request could not be read"):
            if frame.kind in _SIGNALS:
                signal = _SIGNALS[frame.kind]
                mapped = understand(signal, frame.payload, self._mapper, self.store.seen).mapped
            self._enter(frame, mapped)

    def _enter(self, frame: Frame, mapped: MappedBatch | None) -> None:
        """
        Hand a frame to the head, live and replayed alike; *mapped* is None where only time passed.
        """
        with self._log_failures("a stored request could not be taken in"):
            if mapped is None:
                self.head.advance(frame.clock_ns, frame.wall_ns)
            else:
                self.head.take(mapped, frame.clock_ns, frame.wall_ns)

    @contextmanager
    def _log_failures(self, event: str) -> Iterator[None]:
        """
        A fault of ours with what is stored is told and costs one frame: to raise would make every
        start fail at it.
        """
        try:
            yield
        except Exception:
            log.exception(event)
            self._meter.rejected(Reason.INTERNAL)

    def start(self) -> None:
        """
        Begin to take requests.
        """
        self._thread = threading.Thread(target=self._run, name="pipeline", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """
        Refuse new requests, finish those that wait, and leave a checkpoint.
        """
        with self._queue_lock:
            self._closing = True
            self._jobs.put(None)
        if self._thread is not None:
            self._thread.join()
        with self.lock:
            self.store.close(self.head, self.uptime_ns())

    def uptime_ns(self) -> int:
        """
        The exporter's uptime over all its lives; its downtime does not count.
        """
        return self._monotonic_ns() - self._uptime_zero

    # --- the senders' side -------------------------------------------------------------------------

    def submit(self, signal: Signal, body: bytes, transport: str) -> Future[Receipt]:
        """
        Queue a request; see `Sink`.

        Raises:
            OverloadedError: If too much waits already, or the exporter is about to stop.
        """
        job = QueuedRequest(signal, body, transport)
        with self._queue_lock:
            if self._closing:
                raise OverloadedError(Reason.STOPPING, "the exporter is stopping; retry", RETRY_SECONDS)
            if self.queued_bytes and self.queued_bytes + len(body) > self.queue_limit_bytes:
                msg = f"{self.queued_bytes} bytes wait already; the limit is {self.queue_limit_bytes}"
                raise OverloadedError(Reason.QUEUE_FULL, msg, RETRY_SECONDS)
            self.queued_bytes += len(body)
            self._jobs.put(job)
        return job.future

    # --- the thread ----------------------------------------------------------------------------------

    def _run(self) -> None:
        running = True
        while running:
            jobs, running = self._group(TICK_SECONDS)
            self._process_safely(jobs)

    def step(self) -> None:
        """
        Do once, on this thread, what the pipeline's thread does in a loop.
        """
        jobs, _ = self._group(0)
        self._process_safely(jobs)

    def _process_safely(self, jobs: list[QueuedRequest]) -> None:
        try:
            self._process(jobs)
        except Exception:
            # A fault of ours must not end the thread: every later request would hang.
            log.exception("pipeline failed", requests=len(jobs))
            _refuse(jobs, StoreError("the request could not be processed; see the exporter's log"))
        finally:
            with self._queue_lock:
                self.queued_bytes -= sum(len(job.body) for job in jobs)

    def _group(self, timeout: float) -> tuple[list[QueuedRequest], bool]:
        """
        What waits now, or comes within *timeout* seconds, at most GROUP_BYTES; and whether more may come.
        """
        jobs: list[QueuedRequest] = []
        size = 0
        while size < GROUP_BYTES:
            try:
                job = self._jobs.get(timeout=timeout) if timeout else self._jobs.get_nowait()
            except queue.Empty:
                break
            if job is None:
                return jobs, False
            jobs.append(job)
            size += len(job.body)
            timeout = 0
        return jobs, True

    def _process(self, jobs: list[QueuedRequest]) -> None:
        clock, wall = self.uptime_ns(), self._wall_ns()
        mark = self.store.seen.mark()
        admitted = [job for job in jobs if self._admit(job)]
        changes: list[tuple[Frame, MappedBatch | None]] = [
            (Frame(_FRAME_KINDS[job.signal], clock, wall, job.body), job.understood.mapped)
            for job in admitted
            if job.understood.mapped.has_content
        ]
        due = self.head.next_due()
        if not changes and due is not None and due <= clock:
            changes.append((Frame(FrameKind.TICK, clock, wall), None))
        started = time.perf_counter()
        try:
            if changes:
                self.store.append([frame for frame, _ in changes])
        except StoreError as error:
            log.error("store refuses", error=str(error), requests=len(admitted))  # noqa: TRY400 - the sentence says it all
            self.store.seen.forget_since(mark)
            _refuse(admitted, error)
            return
        durable = time.perf_counter()
        for job in admitted:
            mapped = job.understood.mapped
            job.future.set_result(Receipt(mapped.rejected.total(), mapped.message))
        with self.lock:
            for frame, of_frame in changes:
                self._enter(frame, of_frame)
            self.store.maybe_seal(self.head, clock)
        if changes:
            self._meter.fsync_seconds(durable - started)
        for job in admitted:
            self._count(job, wall)

    def _admit(self, job: QueuedRequest) -> bool:
        """
        Decode, drop what was seen and map; False if the request was refused.
        """
        try:
            job.understood = understand(job.signal, job.body, self._mapper, self.store.seen)
        except Exception as error:  # noqa: BLE001 - one request's fault is no other's; the port tells them apart
            job.future.set_exception(error)
            return False
        return True

    def _count(self, job: QueuedRequest, wall_ns: int) -> None:
        mapped = job.understood.mapped
        name = job.signal.label
        outcomes = {
            "stored": mapped.stored,
            "duplicate": job.understood.duplicates,
            "ignored": mapped.ignored,
            "rejected": mapped.rejected.total(),
        }
        for outcome, count in outcomes.items():
            if count:
                self._meter.received(name, job.transport, outcome, count)
        for reason, count in mapped.rejected.items():
            self._meter.rejected(reason, count)
        if mapped.invalid_values:
            self._meter.rejected(Reason.BAD_ATTRIBUTE, mapped.invalid_values)
        for orchestrator in mapped.orchestrators:
            self._meter.last_receipt(orchestrator, name, wall_ns / SECOND_NS)
            self._flag_unnamed(orchestrator)

    def _flag_unnamed(self, orchestrator: str) -> None:
        if orchestrator.startswith(UNKNOWN_SERVICE) and not self._unnamed_told:
            self._unnamed_told = True
            log.warning(
                "a sender has no service.name; set OTEL_SERVICE_NAME there", orchestrator=orchestrator
            )


def understand(signal: Signal, body: bytes, mapper: Mapper, seen: SeenIds) -> ProcessedRequest:
    """
    Decode a request, drop what was seen before, and map the rest.

    The same when it arrives and when it is replayed; only *seen* is changed, and only by what is
    worth keeping: the ids of a request that leaves no frame could not be known after a restart.

    Raises:
        MalformedError: If it cannot be decoded at all.
    """
    batch = relevant(decode(signal, body))
    mark = seen.mark()
    try:
        understood = _unseen(batch, mapper, seen)
    except Exception:
        seen.forget_since(mark)
        raise
    if not understood.mapped.has_content:
        seen.forget_since(mark)
    return understood


def _unseen(batch: Batch, mapper: Mapper, seen: SeenIds) -> ProcessedRequest:
    spans = tuple(span for span in batch.spans if seen.add(span_identity(span)))
    logs = tuple(record for record in batch.logs if seen.add(log_identity(record)))
    points = tuple(point for point in batch.points if seen.add(point_identity(point)))
    duplicates = sum(map(len, (batch.spans, batch.logs, batch.points))) - sum(map(len, (spans, logs, points)))
    unseen = msgspec.structs.replace(batch, spans=spans, logs=logs, points=points)
    return ProcessedRequest(mapper.map(unseen), duplicates)


def _refuse(jobs: Iterable[QueuedRequest], error: Exception) -> None:
    for job in jobs:
        if not job.future.done():
            job.future.set_exception(error)
