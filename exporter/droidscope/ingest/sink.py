"""
What the ports need: a sink for requests, a meter and limits.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol

from msgspec import Struct

if TYPE_CHECKING:
    from concurrent.futures import Future


class Signal(StrEnum):
    """
    The three kinds of telemetry, named as in OTLP's paths.
    """

    TRACES = "traces"
    METRICS = "metrics"
    LOGS = "logs"

    @property
    def label(self) -> str:
        """
        The signal's name in the exporter's metrics about itself, which count spans, not traces.
        """
        return "spans" if self is Signal.TRACES else self.value


class Transport(StrEnum):
    """
    How a request arrived, by its name in the exporter's metrics about itself.
    """

    HTTP = "http"
    GRPC = "grpc"


class Receipt(NamedTuple):
    """
    A request is durable, but for *rejected* items; *message* describes the first of those.
    """

    rejected: int = 0
    message: str = ""


class Sink(Protocol):
    """
    Where accepted requests go.
    """

    def submit(self, signal: Signal, body: bytes, transport: str) -> Future[Receipt]:
        """
        Take in the protobuf bytes of one export request.

        Called from the event loop and from many threads, so it must not block. The future resolves
        once the request is durable, or raises MalformedError, OverloadedError or StoreError.

        Raises:
            OverloadedError: At once, if there is no room for the request.
        """


class PortMeter(Protocol):
    """
    The exporter's counts of what its ports refuse, and of the time they take.
    """

    def rejected(self, reason: str, n: int) -> None:
        """
        Count *n* refused requests or items; *reason* is a short, bounded word.
        """

    def ingest_seconds(self, seconds: float) -> None:
        """
        Observe one acknowledged request: from its last byte to the acknowledgement.
        """


class Limits(Struct, frozen=True):
    """
    Limits of one request.

    *max_body_bytes* holds on the wire and after decompression. *read_seconds* is the time a
    sender has for its whole body; *acknowledge_seconds* is how long a port waits for the sink
    before it asks the sender to try again.
    """

    max_body_bytes: int = 16 * 1024 * 1024
    read_seconds: float = 30.0
    acknowledge_seconds: float = 30.0
