"""
Metrics of the exporter itself.
"""

from __future__ import annotations

from droidscope.conventions.metrics.spec import counter, gauge, histogram

BUILD_INFO = gauge("droidscope_build_info", "version", help="1; the label says which version runs.")
RECEIVED = counter(
    "droidscope_received_total",
    "signal",
    "transport",
    "outcome",
    help="Spans, log records and metric points received since the process started.",
)
REJECTED = counter(
    "droidscope_rejected_total",
    "reason",
    help="Requests and items refused since the process started, by reason.",
)
LATE_RECORDS = counter(
    "droidscope_late_records_total", help="Records that arrived after their session had been closed."
)
RECORDS = counter("droidscope_records_total", "kind", help="Records stored, by kind.")
INGEST_DURATION = histogram(
    "droidscope_ingest_duration_seconds",
    help="Receipt of a request to its acknowledgement.",
    bounds=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
FSYNC_DURATION = histogram(
    "droidscope_fsync_duration_seconds",
    help="Time to make a group of requests durable.",
    bounds=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5),
)
QUEUE_BYTES = gauge("droidscope_queue_bytes", help="Bytes received and not yet durable.")
QUEUE_LIMIT_BYTES = gauge("droidscope_queue_limit_bytes", help="Bytes at which requests are refused for now.")
OPEN_SESSIONS = gauge(
    "droidscope_open_sessions", help="Sessions held in memory: running, settling or lately closed."
)
STORE_BYTES = gauge("droidscope_store_bytes", help="Size of the store on disk.")
STORE_FREE_BYTES = gauge("droidscope_store_free_bytes", help="Free bytes on the disk of the store.")
STORE_RECORDS = gauge("droidscope_store_records", help="Records the store has taken in over its life.")
COLLECT_DURATION = gauge(
    "droidscope_collect_duration_seconds", "part", help="Time the last collection of a part took."
)
COLLECT_SUCCESS = gauge(
    "droidscope_collect_success", "part", help="1 if the last collection of a part succeeded."
)
LAST_RECEIPT = gauge(
    "droidscope_last_receipt_timestamp_seconds", "orchestrator", "signal", help="When something last arrived."
)
LABEL_OVERFLOW = counter(
    "droidscope_label_overflow_total",
    "orchestrator",
    "label",
    help="Events counted under `other` for want of room.",
)
LABEL_VALUES = gauge("droidscope_label_values", "orchestrator", "label", help="Distinct values of a label.")
LABEL_VALUES_LIMIT = gauge(
    "droidscope_label_values_limit", "label", help="Values of a label before `other` takes over."
)
CLIENT_RECORDS_EMITTED = counter(
    "droidscope_client_records_emitted_total",
    "orchestrator",
    "kind",
    help="Records the instrumentation says it emitted.",
)
CLIENT_RECORDS_STORED = counter(
    "droidscope_client_records_stored_total",
    "orchestrator",
    "kind",
    help="Records of our instrumentation stored.",
)
COMPLETENESS = gauge(
    "droidscope_completeness_ratio",
    "orchestrator",
    help="Records stored of records emitted; below 1 telemetry is lost.",
)
