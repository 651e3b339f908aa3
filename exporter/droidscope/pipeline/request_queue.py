"""
The requests that wait to become durable, within a limit of bytes.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from droidscope.conventions.reasons import Reason
from droidscope.errors import OverloadedError
from droidscope.ingest.sink import Receipt, Signal
from droidscope.model.mapped_batch import MappedBatch

GROUP_BYTES: Final = 8 * 1024 * 1024
"""
Decoded, a request takes many times its size: so much of it is in memory at once, and one request more.
"""
RETRY_SECONDS: Final = 1.0


class ProcessedRequest(NamedTuple):
    """
    A request decoded and mapped, without its *duplicates*: the items that were seen before.
    """

    mapped: MappedBatch
    duplicates: int = 0


@dataclass(slots=True)
class QueuedRequest:
    """
    One request on its way; *future* is what its sender waits for, *processed* what it contains.
    """

    signal: Signal
    body: bytes
    transport: str
    future: Future[Receipt] = field(default_factory=Future)
    processed: ProcessedRequest = field(default_factory=lambda: ProcessedRequest(MappedBatch()))

    def __post_init__(self) -> None:
        # A sender that gives up must not cancel what the others wait for, too.
        self.future.set_running_or_notify_cancel()


class RequestQueue:
    """
    Many senders put requests in, one thread takes them out in groups and reports them done.

    What waits, and what has been taken out but is not done, takes at most *limit_bytes*; one request
    alone may be larger.
    """

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.waiting_bytes = 0
        self._requests: queue.SimpleQueue[QueuedRequest | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._closed = False

    def put(self, request: QueuedRequest) -> None:
        """
        Queue a request.

        Raises:
            OverloadedError: If too much waits already, or the queue is closed.
        """
        with self._lock:
            if self._closed:
                raise OverloadedError(Reason.STOPPING, "the exporter is stopping; retry", RETRY_SECONDS)
            if self.waiting_bytes and self.waiting_bytes + len(request.body) > self.limit_bytes:
                msg = f"{self.waiting_bytes} bytes wait already; the limit is {self.limit_bytes}"
                raise OverloadedError(Reason.QUEUE_FULL, msg, RETRY_SECONDS)
            self.waiting_bytes += len(request.body)
            self._requests.put(request)

    def close(self) -> None:
        """
        Take no more requests; those that wait can still be taken out.
        """
        with self._lock:
            self._closed = True
            self._requests.put(None)

    def take_group(self, timeout: float) -> tuple[list[QueuedRequest], bool]:
        """
        What waits now, or comes within *timeout* seconds, at most `GROUP_BYTES`; and whether more may come.
        """
        group: list[QueuedRequest] = []
        size = 0
        while size < GROUP_BYTES:
            try:
                request = self._requests.get(timeout=timeout) if timeout else self._requests.get_nowait()
            except queue.Empty:
                break
            if request is None:
                return group, False
            group.append(request)
            size += len(request.body)
            timeout = 0
        return group, True

    def done(self, requests: Iterable[QueuedRequest]) -> None:
        """
        Make room: these requests are finished, in whatever way.
        """
        with self._lock:
            self.waiting_bytes -= sum(len(request.body) for request in requests)
