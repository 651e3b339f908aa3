"""
The one road in: decode, drop what was seen, make durable, acknowledge, take in.

One thread walks it. What waits is taken in groups, so that many requests share one fdatasync.
Everything that changes the head is a frame of the log first, the passing of time included; so
whatever `/metrics` ever showed, a restart shows again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Final, Protocol

import msgspec
import structlog

from droidscope.conventions.reasons import Reason
from droidscope.errors import StoreError
from droidscope.head.head import Head
from droidscope.ingest.decode import decode
from droidscope.ingest.sink import PortMeter, Receipt, Signal
from droidscope.mapping.mapper import UNKNOWN_SERVICE, Mapper, relevant
from droidscope.model.identity import log_identity, point_identity, span_identity
from droidscope.model.mapped_batch import MappedBatch
from droidscope.model.otlp import Batch
from droidscope.pipeline.request_queue import ProcessedRequest, QueuedRequest, RequestQueue
from droidscope.store.log import Frame, FrameKind
from droidscope.store.seen import SeenIds
from droidscope.store.store import Store
from droidscope.units import SECOND_NS

log = structlog.get_logger(__name__)

TICK_SECONDS: Final = 0.25

_FRAME_KINDS: Final = {
    Signal.TRACES: FrameKind.TRACES,
    Signal.METRICS: FrameKind.METRICS,
    Signal.LOGS: FrameKind.LOGS,
}
_SIGNALS: Final = {kind: signal for signal, kind in _FRAME_KINDS.items()}


class PipelineMeter(PortMeter, Protocol):
    """
    The exporter's counts of what comes in and becomes durable, beside those of its ports.
    """

    def received(self, signal: str, transport: str, outcome: str, n: int) -> None:
        """
        Count *n* items of a signal (its label): stored, duplicate, ignored or rejected.
        """

    def fsync_seconds(self, seconds: float) -> None:
        """
        Observe the time one group of requests took to become durable.
        """

    def last_receipt(self, orchestrator: str, signal: str, unix_seconds: float) -> None:
        """
        Record when something of an orchestrator arrived last.
        """


class Pipeline:
    """
    A `Sink` whose receipts mean "on disk".

    *clock_ns* is monotonic time, *wall_ns* Unix time, both in nanoseconds. `recover` first, then
    `start`; `stop` finishes what waits. *lock* guards the head for readers, not the *store*.
    """

    def __init__(
        self,
        store: Store,
        head: Head,
        mapper: Mapper,
        meter: PipelineMeter,
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
        self._queue = RequestQueue(queue_limit_bytes)
        self._thread: threading.Thread | None = None
        self._interrupted = False
        self._unnamed_logged = False
        self.head = head
        self.lock = threading.Lock()

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
        with self._log_failures("stored_request_unreadable"):
            if frame.kind in _SIGNALS:
                signal = _SIGNALS[frame.kind]
                mapped = process_request(signal, frame.payload, self._mapper, self.store.seen).mapped
            self._enter(frame, mapped)

    def _enter(self, frame: Frame, mapped: MappedBatch | None) -> None:
        """
        Hand a frame to the head, live and replayed alike; *mapped* is None where only time passed.
        """
        with self._log_failures("stored_request_not_recorded"):
            if mapped is None:
                self.head.advance(frame.clock_ns, frame.wall_ns)
            else:
                self.head.take(mapped, frame.clock_ns, frame.wall_ns)

    @contextmanager
    def _log_failures(self, event: str) -> Iterator[None]:
        """
        A fault of the exporter with what is stored is logged and costs one frame: to raise would make
        every start fail at it.
        """
        try:
            yield
        except Exception:
            log.exception(event)
            self._meter.rejected(Reason.INTERNAL, 1)

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
        self._queue.close()
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
        request = QueuedRequest(signal, body, transport)
        self._queue.put(request)
        return request.future

    @property
    def queued_bytes(self) -> int:
        """
        Bytes of the requests that wait to become durable.
        """
        return self._queue.waiting_bytes

    # --- the thread ----------------------------------------------------------------------------------

    def _run(self) -> None:
        running = True
        while running:
            requests, running = self._queue.take_group(TICK_SECONDS)
            self._process_safely(requests)

    def step(self) -> None:
        """
        Do once, on this thread, what the pipeline's thread does in a loop.
        """
        requests, _ = self._queue.take_group(0)
        self._process_safely(requests)

    def _process_safely(self, requests: list[QueuedRequest]) -> None:
        try:
            self._process(requests)
        except Exception:
            # A fault of the exporter must not end the thread: every later request would hang.
            log.exception("pipeline_failed", requests=len(requests))
            _refuse(requests, StoreError("the request could not be processed; see the exporter's log"))
        finally:
            self._queue.done(requests)

    def _process(self, requests: list[QueuedRequest]) -> None:
        clock, wall = self.uptime_ns(), self._wall_ns()
        mark = self.store.seen.mark()
        admitted = [request for request in requests if self._admit(request)]
        changes: list[tuple[Frame, MappedBatch | None]] = [
            (Frame(_FRAME_KINDS[request.signal], clock, wall, request.body), request.processed.mapped)
            for request in admitted
            if request.processed.mapped.has_content
        ]
        due = self.head.next_due()
        if not changes and due is not None and due <= clock:
            changes.append((Frame(FrameKind.TICK, clock, wall), None))
        started = time.perf_counter()
        try:
            if changes:
                self.store.append([frame for frame, _ in changes])
        except StoreError as error:
            log.error("store_refused", error=str(error), requests=len(admitted))  # noqa: TRY400 - the error is all there is
            self.store.seen.forget_since(mark)
            _refuse(admitted, error)
            return
        durable = time.perf_counter()
        for request in admitted:
            mapped = request.processed.mapped
            request.future.set_result(Receipt(mapped.rejected.total(), mapped.message))
        with self.lock:
            for frame, of_frame in changes:
                self._enter(frame, of_frame)
            self.store.maybe_seal(self.head, clock)
        if changes:
            self._meter.fsync_seconds(durable - started)
        for request in admitted:
            self._count(request, wall)

    def _admit(self, request: QueuedRequest) -> bool:
        """
        Decode, drop what was seen and map; False if the request was refused.
        """
        try:
            request.processed = process_request(request.signal, request.body, self._mapper, self.store.seen)
        except Exception as error:  # noqa: BLE001 - one request's fault is no other's; the port tells them apart
            request.future.set_exception(error)
            return False
        return True

    def _count(self, request: QueuedRequest, wall_ns: int) -> None:
        mapped = request.processed.mapped
        name = request.signal.label
        outcomes = {
            "stored": mapped.stored,
            "duplicate": request.processed.duplicates,
            "ignored": mapped.ignored,
            "rejected": mapped.rejected.total(),
        }
        for outcome, count in outcomes.items():
            if count:
                self._meter.received(name, request.transport, outcome, count)
        for reason, count in mapped.rejected.items():
            self._meter.rejected(reason, count)
        if mapped.invalid_values:
            self._meter.rejected(Reason.BAD_ATTRIBUTE, mapped.invalid_values)
        for orchestrator in mapped.orchestrators:
            self._meter.last_receipt(orchestrator, name, wall_ns / SECOND_NS)
            self._flag_unnamed(orchestrator)

    def _flag_unnamed(self, orchestrator: str) -> None:
        if orchestrator.startswith(UNKNOWN_SERVICE) and not self._unnamed_logged:
            self._unnamed_logged = True
            log.warning(
                "sender_without_service_name", orchestrator=orchestrator, remedy="set OTEL_SERVICE_NAME there"
            )


def process_request(signal: Signal, body: bytes, mapper: Mapper, seen: SeenIds) -> ProcessedRequest:
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
        processed = _unseen(batch, mapper, seen)
    except Exception:
        seen.forget_since(mark)
        raise
    if not processed.mapped.has_content:
        seen.forget_since(mark)
    return processed


def _unseen(batch: Batch, mapper: Mapper, seen: SeenIds) -> ProcessedRequest:
    spans = tuple(span for span in batch.spans if seen.add(span_identity(span)))
    logs = tuple(record for record in batch.logs if seen.add(log_identity(record)))
    points = tuple(point for point in batch.points if seen.add(point_identity(point)))
    duplicates = sum(map(len, (batch.spans, batch.logs, batch.points))) - sum(map(len, (spans, logs, points)))
    unseen = msgspec.structs.replace(batch, spans=spans, logs=logs, points=points)
    return ProcessedRequest(mapper.map(unseen), duplicates)


def _refuse(requests: Iterable[QueuedRequest], error: Exception) -> None:
    for request in requests:
        if not request.future.done():
            request.future.set_exception(error)
