"""
What became of one request: the answers of OTLP over HTTP and gRPC have this form in common.
"""

from __future__ import annotations

from enum import StrEnum
from importlib import import_module
from typing import Any, Final, NamedTuple

TEXT_LIMIT: Final = 200
"""
How many characters of an answer are shown.
"""

_SERVICES: Final = {"traces": "trace.v1.trace", "logs": "logs.v1.logs", "metrics": "metrics.v1.metrics"}
_REJECTED: Final = {
    "traces": "rejected_spans",
    "logs": "rejected_log_records",
    "metrics": "rejected_data_points",
}


class AnswerKind(StrEnum):
    """
    What became of a request.
    """

    DELIVERED = "delivered"
    PARTIAL = "partly rejected"
    TOO_LARGE = "too large"
    LATER = "try again later"
    REFUSED = "refused"


class ExportAnswer(NamedTuple):
    """
    One answer, or why there is none.

    *text* says it for people, empty if there is nothing to say. *rejected* counts the items that a partial
    success left out. *retry_after_seconds* is what the receiver asks for, None if it does not. *reached* is
    False if nobody listens at the address.
    """

    kind: AnswerKind
    text: str = ""
    rejected: int = 0
    retry_after_seconds: float | None = None
    reached: bool = True


def read_success(signal: str, body: bytes) -> ExportAnswer:
    """
    The answer in the protobuf *body* of a success: whole, or partial.

    Raises:
        DecodeError: If that is not OTLP.
    """
    module = import_module(f"opentelemetry.proto.collector.{_SERVICES[signal]}_service_pb2")
    name = {"traces": "Trace", "logs": "Logs", "metrics": "Metrics"}[signal]
    response: Any = getattr(module, f"Export{name}ServiceResponse").FromString(body)
    partial = response.partial_success
    return partial_success(getattr(partial, _REJECTED[signal]), partial.error_message)


def partial_success(rejected: int, message: str) -> ExportAnswer:
    """
    The answer to a request of which *rejected* items were left out.
    """
    text = shorten(message)
    if rejected <= 0:
        return ExportAnswer(AnswerKind.DELIVERED, text)
    return ExportAnswer(AnswerKind.PARTIAL, text or "no reason was given", rejected)


def shorten(text: str) -> str:
    """
    *text* on one line of at most `TEXT_LIMIT` characters.
    """
    line = " ".join(text.split())
    return line if len(line) <= TEXT_LIMIT else f"{line[:TEXT_LIMIT]}..."
