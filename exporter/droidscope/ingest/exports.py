"""
OTLP's three export calls: the path, the method and the messages of each, written once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

from droidscope.ingest.sink import Receipt, Signal

if TYPE_CHECKING:
    from google.protobuf.message import Message


class Export(Struct, frozen=True):
    """
    One export call. *rejected_field* is where its partial success counts rejected items.
    """

    path: str
    service: str
    request: type[Message]
    response: type[Message]
    rejected_field: str

    @property
    def method(self) -> str:
        """
        The full name of the gRPC method.
        """
        return f"/{self.service}/Export"

    def response_to(self, receipt: Receipt) -> Message:
        """
        The answer to a request that was taken in, with a partial success if items were rejected.
        """
        response = self.response()
        if receipt.rejected:
            partial = response.partial_success  # type: ignore[attr-defined] # all three responses have it
            setattr(partial, self.rejected_field, receipt.rejected)
            partial.error_message = receipt.message
        return response

    def receipt_of(self, response: Message) -> Receipt:
        """
        The receipt in an answer, as a sender reads it.
        """
        partial = response.partial_success  # type: ignore[attr-defined] # all three responses have it
        return Receipt(getattr(partial, self.rejected_field), partial.error_message)


EXPORTS: Final = {
    Signal.TRACES: Export(
        "/v1/traces",
        "opentelemetry.proto.collector.trace.v1.TraceService",
        trace_service_pb2.ExportTraceServiceRequest,
        trace_service_pb2.ExportTraceServiceResponse,
        "rejected_spans",
    ),
    Signal.METRICS: Export(
        "/v1/metrics",
        "opentelemetry.proto.collector.metrics.v1.MetricsService",
        metrics_service_pb2.ExportMetricsServiceRequest,
        metrics_service_pb2.ExportMetricsServiceResponse,
        "rejected_data_points",
    ),
    Signal.LOGS: Export(
        "/v1/logs",
        "opentelemetry.proto.collector.logs.v1.LogsService",
        logs_service_pb2.ExportLogsServiceRequest,
        logs_service_pb2.ExportLogsServiceResponse,
        "rejected_log_records",
    ),
}
