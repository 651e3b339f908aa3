"""
A log event with what is needed and no more; the OTLP encoder reads it as it reads one of the SDK.
"""

from __future__ import annotations

from collections.abc import Mapping
from time import time_ns
from typing import Any

from opentelemetry._logs import SeverityNumber
from opentelemetry.trace import SpanContext

from droidscope.instrument.emission.texts import AttributeValue


class EventRecord:
    """
    An event about the span of *context*, now.
    """

    __slots__ = ("attributes", "event_name", "instrumentation_scope", "resource", "span_id", "timestamp",
                 "trace_flags", "trace_id")  # fmt: skip

    body = None
    severity_text = None
    severity_number = SeverityNumber.INFO
    dropped_attributes = 0

    def __init__(
        self,
        resource: Any,  # noqa: ANN401 - as the encoder reads it
        scope: Any,  # noqa: ANN401 - as above
        name: str,
        attributes: Mapping[str, AttributeValue],
        context: SpanContext,
    ) -> None:
        self.resource = resource
        self.instrumentation_scope = scope
        self.event_name = name
        self.attributes = attributes
        self.trace_id, self.span_id, self.trace_flags = context[0], context[1], context[3]
        self.timestamp = time_ns()

    @property
    def observed_timestamp(self) -> int:
        """
        When it was seen: when it happened.
        """
        return self.timestamp

    @property
    def log_record(self) -> EventRecord:
        """
        Itself: the encoder asks what it is given for its record.
        """
        return self
