"""
Requests that wait for their delivery: in order, bounded in bytes, in memory or in the spool.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import uniform
from time import monotonic, sleep, time
from typing import Final, Protocol

from droidscope.instrument.never_raise import logger
from droidscope.instrument.sending.answers import AnswerKind, ExportAnswer
from droidscope.instrument.sending.destinations import SignalDestination
from droidscope.instrument.sending.encoding import EncodedBatch, halves
from droidscope.instrument.sending.losses import Losses
from droidscope.instrument.sending.otlp_variables import GRPC_PROTOCOL
from droidscope.instrument.sending.sender_status import SignalStatus
from droidscope.instrument.sending.spool import Spool, SpooledBatch

FIRST_PAUSE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 15.0
LONGEST_RETRY_AFTER_SECONDS: Final = 60.0
UNREACHABLE_SECONDS: Final = 1.0
"""
How long the end of a process waits for a receiver that nobody can connect to.
"""


class OtlpExport(Protocol):
    """
    One destination's way to send.
    """

    def send(self, packed: bytes, timeout_seconds: float) -> ExportAnswer:
        """
        Send one gzipped request and wait for the answer; never raises.
        """

    def close(self) -> None:
        """
        Close the connection.
        """

    def abandon(self) -> None:
        """
        Leave the connection to the parent of this forked process.
        """


def export_to(destination: SignalDestination) -> OtlpExport:
    """
    What sends to *destination*. grpcio is imported only where it is needed.
    """
    if destination.protocol == GRPC_PROTOCOL:
        from droidscope.instrument.sending.grpc_export import GrpcExport  # noqa: PLC0415 - as above

        return GrpcExport(destination)
    from droidscope.instrument.sending.http_export import HttpExport  # noqa: PLC0415 - likewise

    return HttpExport(destination)


@dataclass
class Lane:
    """
    One signal: where it goes, what waits, and the latest answer (None before the first, its time a Unix one).
    """

    destination: SignalDestination
    export: OtlpExport
    waiting: deque[EncodedBatch] = field(default_factory=deque)
    failures: int = 0
    retry_at: float = 0.0
    unreachable_since: float | None = None
    answer: ExportAnswer | None = None
    answered_at: float | None = None

    def status(self) -> SignalStatus:
        """
        What it is at now.
        """
        answer = self.answer
        return SignalStatus(
            endpoint=self.destination.endpoint,
            protocol=self.destination.protocol,
            kind="none yet" if answer is None else str(answer.kind),
            text="" if answer is None else answer.text,
            answered_at=self.answered_at,
        )


class Outbox:
    """
    Sends requests on the thread that calls it, each signal in order.

    What the spool has no room for waits in memory; what memory has no room for is lost.
    """

    def __init__(
        self,
        destinations: Mapping[str, SignalDestination],
        queue_bytes: int,
        losses: Losses,
        spool: Spool | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.lanes = {
            signal: Lane(destination, export_to(destination)) for signal, destination in destinations.items()
        }
        self.losses = losses
        self.spool = spool
        self.metrics_lost = False
        self._queue_bytes = queue_bytes
        self._bytes = 0
        self._clock = clock
        if spool is not None:
            spool.on_damage, spool.warn = self._lose_file, losses.warn

    @property
    def items(self) -> int:
        """
        How many items wait in memory and in the files of this process.
        """
        in_memory = sum(batch.items for lane in self.lanes.values() for batch in list(lane.waiting))
        return in_memory + (0 if self.spool is None else self.spool.items)

    @property
    def is_empty(self) -> bool:
        """
        Whether everything has been sent, or is lost.
        """
        return not any(self._has(lane) for lane in self.lanes.values())

    def add(self, batch: EncodedBatch) -> None:
        """
        Let *batch* wait for its turn. Sums of metrics replace older ones, which they contain.
        """
        lane = self.lanes[batch.signal]
        if batch.signal == "metrics":
            self.metrics_lost = False
            while lane.waiting:
                self._take_first(lane)
        elif self._bytes + len(batch.body) > self._queue_bytes:
            self.losses.add(
                "queue_full", batch.items, f"{lane.destination.endpoint} has not taken what waits for it"
            )
            return
        lane.waiting.append(batch)
        self._bytes += len(batch.body)
        if lane.failures:
            self._spill(lane)

    def send_due(self) -> None:
        """
        Send one request of each signal, except where there is a pause that was asked for, or after a failure.

        Counts go last, so that none arrives before what it counts.
        """
        if self.spool is not None:
            self.spool.adopt()
        for signal, lane in self.lanes.items():
            others = [each for each in self.lanes.values() if each is not lane]
            if self._is_due(lane) and (signal != "metrics" or not any(map(self._is_due, others))):
                self._send_first(lane, float("inf"))

    def send_all(self, deadline: float, *, is_end: bool = False) -> bool:
        """
        Send everything until *deadline*; True if nothing waits any more.

        At the *end* of a process a receiver that cannot be reached is given up sooner, and at once where
        there is a spool.
        """
        if self.spool is not None:
            self.spool.adopt()
        for lane in self.lanes.values():
            lane.retry_at, lane.unreachable_since = 0.0, None
            lane.failures = min(lane.failures, 1)  # the pauses are short once more
        while True:
            for lane in self.lanes.values():
                self._send_lane(lane, deadline)
            open_lanes = [lane for lane in self.lanes.values() if self._has(lane)]
            if not open_lanes:
                return True
            if is_end and all(self._is_hopeless(lane) for lane in open_lanes):
                return False
            pause = min(lane.retry_at for lane in open_lanes) - self._clock()
            if self._clock() + max(0.0, pause) >= deadline:
                return False
            sleep(max(0.01, pause))

    def next_due(self) -> float:
        """
        When something is to be tried again: of the clock, infinite if nothing waits.
        """
        return min(
            (lane.retry_at for lane in self.lanes.values() if self._has(lane)),
            default=float("inf"),
        )

    def spill(self) -> None:
        """
        Move everything to the spool, if there is one: the process ends.
        """
        for lane in self.lanes.values():
            self._spill(lane)

    def lose_rest(self) -> None:
        """
        Count what waits in memory as lost: it will not be sent any more.
        """
        for lane in self.lanes.values():
            while (batch := self._take_first(lane)) is not None:
                if batch.signal == "metrics":
                    self.metrics_lost = True
                else:
                    reason = (lane.answer.text if lane.answer is not None else "") or "there was no time"
                    self.losses.add("unsent", batch.items, f"{lane.destination.endpoint}: {reason}")

    def take_rest(self) -> list[EncodedBatch]:
        """
        Give away what waits in memory; counts are in those of the next sender.
        """
        rest: list[EncodedBatch] = []
        for lane in self.lanes.values():
            while (batch := self._take_first(lane)) is not None:
                if batch.signal != "metrics":
                    rest.append(batch)
        return rest

    def close(self) -> None:
        """
        Close all connections and leave the files to the next process.
        """
        for lane in self.lanes.values():
            lane.export.close()
        if self.spool is not None:
            self.spool.close()

    def leave_to_parent(self) -> None:
        """
        Touch nothing that belongs to the parent of this forked process.
        """
        for lane in self.lanes.values():
            lane.export.abandon()
        if self.spool is not None:
            self.spool.leave_to_parent()

    def _is_hopeless(self, lane: Lane) -> bool:
        if self.spool is not None and lane.failures:
            return True
        since = lane.unreachable_since
        return since is not None and self._clock() - since >= UNREACHABLE_SECONDS

    def _has(self, lane: Lane) -> bool:
        return bool(lane.waiting) or (self.spool is not None and self.spool.has(lane.destination.signal))

    def _first(self, lane: Lane) -> SpooledBatch | EncodedBatch | None:
        spooled = None if self.spool is None else self.spool.oldest(lane.destination.signal)
        return spooled or (lane.waiting[0] if lane.waiting else None)

    def _send_lane(self, lane: Lane, deadline: float) -> None:
        """
        Send what *lane* has until there is nothing left, or the receiver cannot take it now.
        """
        while self._is_due(lane) and self._clock() < deadline:
            self._send_first(lane, deadline)

    def _is_due(self, lane: Lane) -> bool:
        return self._has(lane) and self._clock() >= lane.retry_at

    def _send_first(self, lane: Lane, deadline: float) -> None:
        first = self._first(lane)
        timeout = min(lane.destination.timeout_seconds, deadline - self._clock())
        if first is None or timeout <= 0:
            return
        batch = first.batch if isinstance(first, SpooledBatch) else first
        answer = lane.export.send(batch.body, timeout)
        lane.answer, lane.answered_at = answer, time()
        if answer.kind is AnswerKind.LATER:
            self._pause(lane, answer)
            return
        self._recover(lane)
        self._remove(lane, first)
        self._conclude(lane, batch, answer)

    def _conclude(self, lane: Lane, batch: EncodedBatch, answer: ExportAnswer) -> None:
        """
        Do what a final answer asks for.
        """
        text = f"{lane.destination.endpoint}: {answer.text}"
        match answer.kind:
            case AnswerKind.DELIVERED:
                if answer.text:
                    self.losses.warn("message", "droidscope was answered by %s", text)
            case AnswerKind.TOO_LARGE if (parts := halves(batch)) is not None:
                for part in reversed(parts):
                    lane.waiting.appendleft(part)
                    self._bytes += len(part.body)
            case AnswerKind.TOO_LARGE:
                self._lose(batch, "too_large", batch.items, text)
            case AnswerKind.PARTIAL:
                self._lose(batch, "rejected", answer.rejected, text)
            case _:
                self._lose(batch, "refused", batch.items, text)

    def _lose(self, batch: EncodedBatch, reason: str, count: int, text: str) -> None:
        if batch.signal == "metrics":  # the next sums contain them
            self.metrics_lost = True
            self.losses.warn(
                f"metrics:{reason}", "droidscope telemetry is lost: metrics, %s: %s", reason, text
            )
        else:
            self.losses.add(reason, count, text)

    def _lose_file(self, items: int, text: str) -> None:
        self.losses.add("spool_damaged", items, text)

    def _pause(self, lane: Lane, answer: ExportAnswer) -> None:
        now = self._clock()
        pause = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**lane.failures)
        if answer.retry_after_seconds is not None:
            pause = min(LONGEST_RETRY_AFTER_SECONDS, answer.retry_after_seconds)
        else:
            pause *= uniform(0.8, 1.2)  # noqa: S311 - so that many processes do not come back at once
        lane.failures = min(lane.failures + 1, 10)
        lane.retry_at = now + pause
        if answer.reached:
            lane.unreachable_since = None
        elif lane.unreachable_since is None:
            lane.unreachable_since = now
        self.losses.warn(
            f"later:{lane.destination.signal}" if answer.reached else "unreachable",
            "droidscope cannot send to %s now, and tries again; %d records wait: %s",
            lane.destination.endpoint, self.items, answer.text,
        )  # fmt: skip
        self._spill(lane)

    def _recover(self, lane: Lane) -> None:
        if lane.failures:
            logger.info("droidscope can send to %s again", lane.destination.endpoint)
        lane.failures, lane.retry_at, lane.unreachable_since = 0, 0.0, None

    def _remove(self, lane: Lane, first: SpooledBatch | EncodedBatch) -> None:
        if isinstance(first, SpooledBatch):
            if self.spool is not None:
                self.spool.remove(first)
        elif lane.waiting and lane.waiting[0] is first:
            self._take_first(lane)

    def _take_first(self, lane: Lane) -> EncodedBatch | None:
        try:
            batch = lane.waiting.popleft()
        except IndexError:
            return None
        self._bytes -= len(batch.body)
        return batch

    def _spill(self, lane: Lane) -> None:
        """
        Move what waits in memory to files, oldest first, as far as there is room.
        """
        while self.spool is not None and lane.waiting and self.spool.write(lane.waiting[0]):
            self._take_first(lane)
