"""
An OTLP/HTTP receiver for tests: it keeps what it gets, and answers as it is told.
"""

from __future__ import annotations

import gzip
import threading
import zlib
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REQUESTS = {
    "/v1/traces": ExportTraceServiceRequest,
    "/v1/logs": ExportLogsServiceRequest,
    "/v1/metrics": ExportMetricsServiceRequest,
}
UNPACK = {"gzip": gzip.decompress, "deflate": zlib.decompress, "": bytes}


@dataclass
class Reply:
    """
    An HTTP answer.
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


OK = Reply()


class OtlpReceiver:
    """
    What has arrived; *reply_to* gets the path and the length of each body and gives the answer.

    Only what is answered with 200 is kept.
    """

    def __init__(self) -> None:
        self.received: list[tuple[str, object, dict[str, str]]] = []
        self.reply_to: Callable[[str, int], Reply] = lambda _path, _length: OK
        self.requests = 0
        self.url = ""
        self.changed = threading.Condition()

    def take(self, path: str, body: bytes, headers: dict[str, str]) -> Reply:
        """
        Take one request in.
        """
        body = UNPACK[headers.get("content-encoding", "")](body)
        reply = self.reply_to(path, len(body))
        with self.changed:
            self.requests += 1
            if reply.status == OK.status:
                self.received.append((path, REQUESTS[path].FromString(body), headers))
            self.changed.notify_all()
        return reply

    def wait_for(self, predicate: Callable[[], bool], timeout: float = 20) -> bool:
        """
        Wait until *predicate* holds; it is asked after each request.
        """
        with self.changed:
            return self.changed.wait_for(predicate, timeout)

    def spans(self) -> list[str]:
        """
        The names of the spans that have arrived, in their order.
        """
        return [
            span.name
            for path, request, _ in list(self.received)
            if path == "/v1/traces"
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def events(self) -> list[str]:
        """
        The names of the log events that have arrived, in their order.
        """
        return [
            log.event_name
            for path, request, _ in list(self.received)
            if path == "/v1/logs"
            for resource in request.resource_logs
            for scope in resource.scope_logs
            for log in scope.log_records
        ]


@contextmanager
def serve(port: int = 0) -> Iterator[OtlpReceiver]:
    """
    A receiver that listens on 127.0.0.1.
    """
    receiver = OtlpReceiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = receiver.take(self.path.partition("?")[0], body, headers)
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, *_):
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, *_):  # a client that was killed
            pass

    server = Server(("127.0.0.1", port), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
