"""
Where droidscope's own records go: the seam between recording them and sending them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from typing import Any, Protocol


@dataclass(frozen=True)
class Leftovers:
    """
    What one sink leaves to the next: encoded *batches* that could not be sent, what is *lost* by reason, and
    how much of that its `flush` has told.
    """

    batches: Sequence[Any] = ()
    lost: Mapping[str, int] = field(default_factory=dict)
    told: int = 0


class Sink(Protocol):
    """
    Takes records for one endpoint. `span` and `log` never block and never raise.
    """

    def span(self, readable: Any) -> None:  # noqa: ANN401 - duck-typed, as the encoder of the SDK reads it
        """
        Send a span that has ended: what `encode_spans` of the OTLP encoder takes.
        """

    def log(self, readable: Any) -> None:  # noqa: ANN401 - as above
        """
        Send an event: what `encode_logs` of the OTLP encoder takes.
        """

    def flush(self, timeout_seconds: float) -> bool:
        """
        Send what waits, counts included; False if any of it was not delivered in time.
        """

    def shutdown(self, timeout_seconds: float) -> bool:
        """
        As `flush`, and take nothing more; False if anything was not delivered since the start.
        """

    def retire(self, successor: Callable[[], Sink | None], timeout_seconds: float) -> Leftovers:
        """
        As `shutdown`, but what still comes goes to the *successor*, and what was not sent is returned.
        """

    def take_over(self, left: Leftovers, *, is_same: bool) -> None:
        """
        Go on with what another sink has *left*; its batches are lost unless they are of the *same* service.
        """


@dataclass(frozen=True)
class Destination:
    """
    Where to send, as `configure` was given it: None leaves the choice to the standard OTEL_* variables.

    *spool* is a folder for what cannot be sent now, of at most *spool_bytes* on disk, None for the default;
    *queue_bytes* is what waits in memory, None for the default.
    """

    endpoint: str | None = None
    protocol: str | None = None
    headers: Mapping[str, str] | None = None
    spool: str | PathLike[str] | None = None
    spool_bytes: int | None = None
    queue_bytes: int | None = None


Collect = Callable[[], Any]
"""
Returns the `MetricsData` of now, None if there is none. It is called once an interval and at each flush.
"""
