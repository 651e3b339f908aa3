"""
One daemon thread a process takes what is recorded, encodes it and sends it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from queue import Empty
from sys import is_finalizing
from threading import get_ident
from time import monotonic, sleep
from typing import Any, Final
from weakref import WeakSet

from droidscope.instrument.emission.forks import after_fork_in_child
from droidscope.instrument.emission.os_threads import OsThread, RealQueue, real_lock, wait_for
from droidscope.instrument.emission.sink import Leftovers, Sink
from droidscope.instrument.never_raise import logger, warn_once
from droidscope.instrument.sending.destinations import SignalDestination
from droidscope.instrument.sending.encoding import EncodedBatch, encode, encode_snapshot
from droidscope.instrument.sending.losses import Losses
from droidscope.instrument.sending.outbox import Outbox
from droidscope.instrument.sending.sender_limits import (
    BATCH_ITEMS,
    IDLE_SECONDS,
    LINGER_SECONDS,
    METRIC_SECONDS,
    QUEUE_BYTES,
    QUEUE_ITEMS,
    REQUEST_ITEMS,
)
from droidscope.instrument.sending.sender_status import SenderStatus
from droidscope.instrument.sending.sender_tokens import SendAll, StopSending
from droidscope.instrument.sending.spool import LOOK_SECONDS, Spool


class Sender:
    """
    Takes records on any thread without blocking and without raising, and sends them on its own.

    Spans and log records are what the OTLP encoders take. *collect* gives the SDK's MetricsData, None if
    there is nothing; it is called on the sender's thread every *metric_seconds*, once something was recorded.
    *on_loss* gets the reason and the number of what is lost.

    A signal without a destination is switched off: its records are ignored.
    """

    _told: int
    _is_closed: bool
    _inherited: deque[EncodedBatch]

    def __init__(
        self,
        destinations: Mapping[str, SignalDestination],
        *,
        queue_bytes: int = QUEUE_BYTES,
        queue_items: int = QUEUE_ITEMS,
        spool: Spool | None = None,
        collect: Callable[[], Any] | None = None,
        metric_seconds: float = METRIC_SECONDS,
        on_loss: Callable[[str, int], None] = lambda _reason, _count: None,
    ) -> None:
        self._destinations = dict(destinations)
        self._queue_bytes, self._queue_items = queue_bytes, queue_items
        self._spool = spool
        self._collect, self._metric_seconds = collect, metric_seconds
        self._on_loss = on_loss
        self._successor: Callable[[], Sink | None] | None = None
        self._restart()
        _senders.add(self)
        if spool is not None:  # what processes before have left is sent without waiting for a record
            self._wake.put(None)
            self._start()

    def span(self, readable: Any) -> None:  # noqa: ANN401 - duck-typed by the encoder
        """
        Send a span that has ended.
        """
        self._put(self._spans, readable)

    def log(self, readable: Any) -> None:  # noqa: ANN401 - duck-typed by the encoder
        """
        Send a log record.
        """
        self._put(self._logs, readable)

    def serve(self, collect: Callable[[], Any], on_loss: Callable[[str, int], None]) -> Sender:
        """
        Go on with these, as if made with them.
        """
        self._collect, self._on_loss = collect, on_loss
        return self

    def flush(self, timeout_seconds: float) -> bool:
        """
        Send everything now; True if all that was recorded since the flush before has been accepted.

        It waits at most *timeout_seconds* and never raises.
        """
        before, is_sent = self._told, self._finish(timeout_seconds, is_end=False)
        self._told = lost = self._losses.total
        return is_sent and lost <= before

    def end(self, timeout_seconds: float) -> bool:
        """
        As `shutdown`, except that what is recorded later is still taken: for the end of the process.

        A receiver that nobody can connect to is given up after a second; what is left goes to the spool.
        """
        is_sent = self._finish(timeout_seconds, is_end=True)
        if not is_sent:
            self._losses.is_ending = True
            self.give_up()
        self._losses.tell_rest()
        self._losses.is_ending = False
        return is_sent and not self._losses.total

    def shutdown(self, timeout_seconds: float) -> bool:
        """
        Send everything and end; True if all that was ever recorded has been accepted. It never raises.
        """
        if self._is_closed:
            return not self._losses.total
        is_sent = self.end(timeout_seconds)
        self._is_closed = True
        self._stop(timeout_seconds)
        return is_sent

    def _stop(self, timeout_seconds: float) -> None:
        self._wake.put(StopSending())
        if self._thread is not None and self._thread.is_alive():
            self._thread.join(max(0.0, min(timeout_seconds, LINGER_SECONDS)))
        else:
            self._outbox.close()

    def retire(self, successor: Callable[[], Sink | None], timeout_seconds: float) -> Leftovers:
        """
        As `shutdown`, but what still comes goes to the *successor*, and what was not sent is returned.
        """
        self._successor, self._is_closed = successor, True
        self._finish(timeout_seconds, is_end=True)
        is_idle = self._working.acquire(timeout=LINGER_SECONDS)
        try:
            self._gather(is_due=False)
            self._outbox.spill()
            rest = self._outbox.take_rest()
        finally:
            if is_idle:
                self._working.release()
        self._stop(LINGER_SECONDS)
        self._losses.tell_rest()
        return Leftovers(rest, self._losses.by_reason, self._told)

    def take_over(self, left: Leftovers, *, is_same: bool) -> None:
        """
        Go on with what another sender has *left*; its batches are lost unless they are of the *same* service.
        """
        self._losses.inherit(left.lost)
        self._told += left.told
        if is_same:
            self._inherited.extend(each for each in left.batches if each.signal in self._destinations)
            self._is_armed = self._is_used = True
            self._wake.put(None)
            self._start()
        elif count := sum(batch.items for batch in left.batches):
            self._losses.add("unsent", count, "configure was called again before they could be sent")

    def hurry(self) -> None:
        """
        Begin to send everything, without waiting for it: the process may end soon.
        """
        if self._is_running():
            self._wake.put(SendAll(monotonic() + LINGER_SECONDS, is_end=False, done=RealQueue()))

    def status(self) -> SenderStatus:
        """
        What it is at now.
        """
        signals = {signal: lane.status() for signal, lane in self._outbox.lanes.items()}
        return SenderStatus(
            signals, len(self._spans) + len(self._logs) + self._outbox.items, self._losses.by_reason
        )

    def restart_in_child(self) -> None:
        """
        Begin anew in a forked child: what waits is its parent's, and so are connections and files.
        """
        self._outbox.leave_to_parent()
        self._restart()

    def _restart(self) -> None:
        self._losses = Losses(lambda reason, count: self._on_loss(reason, count))  # noqa: PLW0108 - `serve`
        # Here and not on the thread: what that imports would be half imported in a child forked meanwhile.
        self._outbox = Outbox(self._destinations, self._queue_bytes, self._losses, self._spool)
        self._told = 0
        self._spans, self._logs, self._inherited = deque[Any](), deque[Any](), deque[EncodedBatch]()
        # Its methods may be called by a signal handler while they run on the same thread.
        self._wake: RealQueue[SendAll | StopSending | None] = RealQueue()
        self._thread: OsThread | None = None
        self._starting, self._working = real_lock(), real_lock()
        self._worker = 0  # the thread that holds it
        self._is_armed = self._is_full = self._is_used = False
        self._is_closed = self._successor is not None
        self._linger_until, self._metrics_at = float("inf"), 0.0

    def _put(self, items: deque[Any], readable: Any) -> None:  # noqa: ANN401 - duck-typed by the encoder
        waiting = len(self._spans) + len(self._logs)
        if waiting >= self._queue_items or self._is_closed:
            self._refuse(items, readable)
            return
        items.append(readable)
        if self._is_closed:  # by another thread, a moment ago
            self._refuse_rest(items)
            return
        if not self._is_armed:
            self._is_armed = self._is_used = True
            self._wake.put(None)
            if self._thread is None:
                self._start()
        elif waiting >= BATCH_ITEMS and not self._is_full:
            self._is_full = True
            self._wake.put(None)

    def _refuse_rest(self, items: deque[Any]) -> None:
        with suppress(IndexError):
            while True:
                self._refuse(items, items.popleft())

    def _refuse(self, items: deque[Any], readable: Any) -> None:  # noqa: ANN401 - duck-typed by the encoder
        successor = None if self._successor is None else self._successor()
        if successor is not None and successor is not self:
            (successor.span if items is self._spans else successor.log)(readable)
        elif self._is_closed:
            self._losses.add("shut_down", 1, "it was recorded after the end")
        else:
            self._losses.add("queue_full", 1, f"{self._queue_items} records wait to be encoded")

    def _start(self) -> None:
        if not self._starting.acquire(blocking=False):
            return
        try:
            if self._thread is None:
                thread = OsThread(self._run, "droidscope")
                thread.start()
                self._thread = thread
        except RuntimeError:  # the interpreter is at its end, or the system has no more threads
            logger.info("droidscope cannot start its thread now: what is recorded waits for a flush")
        finally:
            self._starting.release()

    def _is_running(self) -> bool:
        # At the very end of the interpreter threads stand still, and look alive.
        return self._thread is not None and self._thread.is_alive() and not is_finalizing()

    def _run(self) -> None:
        while True:
            try:
                token = self._next()
                if isinstance(token, StopSending):
                    self._outbox.close()
                    return
                if token is None:
                    self._work()
                else:
                    token.done.put(self._send_all(token))
            except Exception as error:  # noqa: BLE001 - the thread must go on
                warn_once(f"sender:{type(error).__name__}", "droidscope could not send: %r", error)
                sleep(LINGER_SECONDS)

    def _next(self) -> SendAll | StopSending | None:
        """
        What wakes the thread; None is something recorded, or something due.
        """
        try:
            return self._wake.get(timeout=self._pause())
        except Empty:
            return None

    def _pause(self) -> float:
        """
        Seconds until there is something to do without being woken.
        """
        idle = IDLE_SECONDS if self._spool is None else LOOK_SECONDS
        times = [self._linger_until, self._outbox.next_due(), monotonic() + idle]
        if self._is_used and self._collect is not None:
            times.append(self._metrics_at)
        return max(0.0, min(times) - monotonic())

    def _work(self) -> None:
        """
        Encode what was recorded, and send a request of each signal: while it is under way more is recorded.
        """
        now = monotonic()
        if self._is_armed and not self._is_full and now < min(self._linger_until, self._outbox.next_due()):
            # The first record since the last batch: others will follow.
            self._linger_until = min(self._linger_until, now + LINGER_SECONDS)
            return
        with self._working:
            self._worker = get_ident()
            self._gather(is_due=now >= self._metrics_at)
            self._outbox.send_due()
            self._worker = 0

    def _gather(self, *, is_due: bool) -> None:
        """
        Encode what is recorded by now, and the counts if they are due.
        """
        # Counts are read first, so that none is sent before what it counts.
        metrics = self._read_metrics() if is_due else None
        self._is_armed = self._is_full = False
        self._linger_until = float("inf")
        while self._inherited:
            self._outbox.add(self._inherited.popleft())
        for signal, items in (("logs", self._logs), ("traces", self._spans)):
            for _ in range(0, len(items), REQUEST_ITEMS):
                self._encode(signal, items)
        if metrics is not None:
            self._outbox.add(encode_snapshot(metrics))

    def _read_metrics(self) -> Any:  # noqa: ANN401 - the SDK's MetricsData
        if self._collect is None or not self._is_used or "metrics" not in self._destinations:
            return None
        self._metrics_at = monotonic() + self._metric_seconds
        try:
            return self._collect()
        except Exception as error:  # noqa: BLE001 - counts are no reason to lose records
            warn_once("collect", "droidscope could not read its counters: %r", error)
            return None

    def _encode(self, signal: str, items: deque[Any]) -> None:
        taken: list[Any] = []
        while items and len(taken) < REQUEST_ITEMS:
            taken.append(items.popleft())
        if not taken or signal not in self._destinations:
            return
        batches, lost = encode(signal, taken)
        for batch in batches:
            self._outbox.add(batch)
        if lost:
            self._losses.add("unencodable", lost, f"{signal} that OTLP cannot express")

    def _finish(self, timeout_seconds: float, *, is_end: bool) -> bool:
        """
        Have the thread send everything, or do it here where there is none.
        """
        if not self._is_used and self._spool is None:
            return True
        request = SendAll(monotonic() + timeout_seconds, is_end, RealQueue())
        if self._worker == get_ident():
            return False  # a handler of logging, or of a signal, has interrupted what sends: it cannot wait
        if self._is_running():
            self._wake.put(request)
            try:
                return wait_for(request.done, timeout_seconds)
            except Empty:
                return False
        try:
            return self._send_all(request)
        except Exception as error:  # noqa: BLE001 - whatever happens is no success
            logger.warning("droidscope could not send what was waiting: %r", error)
            return False

    def _send_all(self, request: SendAll) -> bool:
        if not self._working.acquire(timeout=max(0.0, request.deadline - monotonic())):
            return False
        self._worker = get_ident()
        try:
            outbox = self._outbox
            self._gather(is_due=True)
            is_sent = outbox.send_all(request.deadline, is_end=request.is_end)
            return is_sent and not outbox.metrics_lost
        finally:
            self._worker = 0
            self._working.release()

    def give_up(self) -> None:
        """
        The process ends: what is left goes to the spool, and is lost where there is no room.
        """
        try:
            for signal, items in (("logs", self._logs), ("traces", self._spans)):
                while items:
                    self._encode(signal, items)
            self._outbox.spill()
            self._outbox.lose_rest()
        except Exception as error:  # noqa: BLE001 - the end of a process is never held up
            logger.warning("droidscope could not keep what was waiting: %r", error)


_senders: Final[WeakSet[Sender]] = WeakSet()


def _restart_in_child() -> None:
    for sender in list(_senders):
        sender.restart_in_child()


after_fork_in_child(_restart_in_child)
