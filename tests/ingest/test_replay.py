"""
Recordings, read and sent again.
"""

from __future__ import annotations

import gzip
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from droidscope.errors import MalformedError, OverloadedError, ReplayError
from droidscope.ingest.sink import Signal
from droidscope.replay import ReplaySummary, RetryPolicy, read_records, replay, signal_of
from ingest.otlp import log, logs, span, traces

TRACES = [
    traces(span("a")).SerializeToString(),
    traces(span("b"), span("bad", trace_id=b"")).SerializeToString(),
]
LOGS = [logs(log("orchestrator.started")).SerializeToString()]


def framed(records):
    return b"".join(len(record).to_bytes(4, "big") + record for record in records)


@pytest.fixture
def recordings(tmp_path):
    """
    A recording of two requests of traces and one of a request of logs.
    """
    first, second = tmp_path / "traces-monday.otlp", tmp_path / "logs.otlp"
    first.write_bytes(framed(TRACES))
    second.write_bytes(framed(LOGS))
    return [first, second]


@pytest.fixture(params=["http", "grpc"])
def target(request, http_port, grpc_port):
    """
    The URL of either port.
    """
    return f"http://127.0.0.1:{http_port}" if request.param == "http" else f"grpc://127.0.0.1:{grpc_port}"


class Sleeps(list):
    """
    A clock that only notes for how long it was asked to wait.
    """

    def __call__(self, seconds):
        self.append(seconds)


# --- reading


@given(st.lists(st.binary(max_size=300), max_size=5))
def test_records_come_back_as_written(tmp_path_factory, records):
    """
    Lengths, empty records and their order survive.
    """
    path = tmp_path_factory.mktemp("records") / "traces.otlp"
    path.write_bytes(framed(records))

    assert list(read_records(path)) == records


@pytest.mark.parametrize("kept", [2, 6])
def test_a_file_cut_short_names_the_place(tmp_path, kept):
    """
    Whole records are read; then the error names the byte at which the cut one begins.
    """
    path = tmp_path / "traces.otlp"
    path.write_bytes(framed([b"whole"]) + framed([b"cut short"])[:kept])
    records = read_records(path)

    assert next(records) == b"whole"
    with pytest.raises(
        ReplayError, match=rf"traces\.otlp: the record at byte 9 is cut short.*{9 + kept} bytes"
    ):
        next(records)


def test_a_file_of_another_kind_is_refused_unread(tmp_path):
    """
    Text read as a length would be gigabytes; the file's size shows it.
    """
    path = tmp_path / "traces.otlp"
    path.write_text('{"resourceSpans": []}')

    with pytest.raises(ReplayError, match="at byte 0 is cut short"):
        list(read_records(path))


def test_a_missing_file_is_named(tmp_path):
    """
    The error names the file and the reason.
    """
    with pytest.raises(ReplayError, match=r"traces\.otlp: cannot be read: No such file"):
        list(read_records(tmp_path / "traces.otlp"))


@pytest.mark.parametrize("signal", list(Signal))
def test_the_name_says_the_signal(tmp_path, signal):
    """
    A name begins with its signal.
    """
    assert signal_of(tmp_path / f"{signal}-2.otlp") is signal


def test_a_name_without_a_signal_is_refused(tmp_path):
    """
    The error names the file and the names there are.
    """
    with pytest.raises(
        ReplayError, match=r"monday\.otlp: the name must start with one of traces, metrics, logs"
    ):
        signal_of(tmp_path / "monday.otlp")


# --- sending


def test_every_record_is_sent_in_order(recordings, target, sink):
    """
    The target gets the recorded bytes, and the summary counts them and what was rejected.
    """
    reports = []

    summary = replay(
        recordings, target, progress=lambda path, so_far: reports.append((path.name, so_far.requests))
    )

    assert [(signal, body) for signal, body, _ in sink.requests] == [
        (Signal.TRACES, TRACES[0]),
        (Signal.TRACES, TRACES[1]),
        (Signal.LOGS, LOGS[0]),
    ]
    assert replace(summary, message="") == ReplaySummary(
        requests=3, sent_bytes=sum(map(len, TRACES + LOGS)), rejected=1, retries=0
    )
    assert summary.message.startswith("span 'bad': trace_id is empty")
    assert reports == [("traces-monday.otlp", 1), ("traces-monday.otlp", 2), ("logs.otlp", 3)]


def test_a_refusal_of_the_moment_is_waited_for(recordings, target, sink):
    """
    The pause is what the target asks for, within the longest one.
    """
    sink.faults = [OverloadedError("full", "full", 3), OverloadedError("full", "full", 900)]
    sleeps = Sleeps()

    summary = replay(recordings, target, policy=RetryPolicy(longest_delay_seconds=15), sleep=sleeps)

    assert sleeps == [3, 15]
    assert (summary.requests, summary.retries) == (3, 2)
    assert len(sink.batches) == 3


def test_a_target_that_never_recovers_ends_the_replay(recordings, target, sink):
    """
    After the last attempt the error names file, target, request and the reason of the target.
    """
    sink.faults = [OverloadedError("full", "no room", 1)] * 3
    sleeps = Sleeps()

    with pytest.raises(ReplayError, match=rf"monday\.otlp: {target} does not accept request 1 .*no room"):
        replay(recordings, target, policy=RetryPolicy(attempts=3), sleep=sleeps)

    assert len(sleeps) == 2


def test_a_refusal_for_good_is_not_repeated(recordings, target, sink):
    """
    What can never succeed ends the replay at once; what was sent before stays sent.
    """
    sink.faults = [None, MalformedError("odd", "the request is odd")]

    with pytest.raises(ReplayError, match=r"request 2 .*the request is odd"):
        replay(recordings, target, sleep=Sleeps())

    assert len(sink.requests) == 2
    assert len(sink.batches) == 1


@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_an_absent_target_is_tried_again(recordings, scheme):
    """
    The pauses double, up to the longest.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    sleeps = Sleeps()
    policy = RetryPolicy(attempts=5, first_delay_seconds=1, longest_delay_seconds=5)

    with pytest.raises(ReplayError, match="does not accept request 1"):
        replay(recordings, f"{scheme}://127.0.0.1:{port}", policy=policy, sleep=sleeps)

    assert sleeps == [1, 2, 4, 5]


def test_nothing_is_sent_if_a_name_is_wrong(recordings, target, sink, tmp_path):
    """
    All names are checked before the first request.
    """
    with pytest.raises(ReplayError):
        replay([*recordings, tmp_path / "other.otlp"], target)

    assert sink.requests == []


@pytest.mark.parametrize("to", ["localhost:4318", "ftp://host", "http://", "", "grpc:4317"])
def test_a_target_is_a_url(recordings, to):
    """
    The error shows the target and the forms there are.
    """
    with pytest.raises(ReplayError, match=r"it must be http://host:port"):
        replay(recordings, to)


# --- targets that are something else


@pytest.fixture
def web_server():
    """
    A server that gives every POST the same answer: its attributes `status`, `headers` and `body`.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(self.server.status)
            for name, text in self.server.headers.items():
                self.send_header(name, text)
            self.send_header("Content-Length", str(len(self.server.body)))
            self.end_headers()
            self.wfile.write(self.server.body)

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.headers, server.body = {}, b""
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("status", "headers", "body", "reason"),
    [
        (200, {"Content-Type": "text/html"}, b"<html>", "the answer is not OTLP"),
        (404, {"Content-Type": "text/html"}, b"<html>", "404 Not Found: no reason given"),
        (400, {"Content-Type": "application/x-protobuf"}, b"<html>", "400 Bad Request: no reason given"),
    ],
)
def test_a_target_that_is_no_otlp_port_ends_the_replay(recordings, web_server, status, headers, body, reason):
    """
    Success counts only if the answer is one, and no page of HTML ends up in the error.
    """
    web_server.status, web_server.headers, web_server.body = status, headers, body

    with pytest.raises(ReplayError, match=reason):
        replay(recordings, f"http://127.0.0.1:{web_server.server_port}", sleep=Sleeps())


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_date_to_return_at_is_left_to_the_backoff(recordings, web_server, status):
    """
    Every status that OTLP calls retryable is tried again, with our own pauses if there is no number.
    """
    web_server.status, web_server.headers = status, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}
    sleeps = Sleeps()
    policy = RetryPolicy(attempts=3, first_delay_seconds=1)

    with pytest.raises(ReplayError, match=str(status)):
        replay(recordings, f"http://127.0.0.1:{web_server.server_port}", policy=policy, sleep=sleeps)

    assert sleeps == [1, 2]


def test_a_gzipped_recording_is_read_as_it_is(tmp_path):
    """
    The name ends in .gz; the records are those inside.
    """
    path = tmp_path / "traces.otlp.gz"
    path.write_bytes(gzip.compress(framed(TRACES)))

    assert list(read_records(path)) == TRACES
