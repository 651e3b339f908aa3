"""
What a receiver answers decides what becomes of a batch, and what the user hears of it.
"""

import json
import logging
import os
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)

from otlp_receiver import Reply

HTML = Reply(200, b"<!DOCTYPE html><title>Welcome</title>", {"Content-Type": "text/html"})


def partly(rejected, message):
    partial = ExportTracePartialSuccess(rejected_spans=rejected, error_message=message)
    body = ExportTraceServiceResponse(partial_success=partial).SerializeToString()
    return Reply(200, body, {"Content-Type": "application/x-protobuf"})


def warnings(caplog):
    return [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING]


def test_what_is_accepted_is_true(receiver, sender_to, span, log):
    """
    All of it has arrived, in its order.
    """
    sender = sender_to(receiver.url)
    for number in range(3):
        sender.span(span(f"s{number}"))
    sender.log(log("e"))

    assert sender.flush(10) is True
    assert receiver.spans() == ["s0", "s1", "s2"]
    assert receiver.events() == ["e"]


def test_nothing_recorded_is_true(sender_to, dead_port):
    """
    Whether or not anybody listens.
    """
    sender = sender_to(f"http://127.0.0.1:{dead_port}")

    assert sender.flush(0.1) is True
    assert sender.shutdown(0.1) is True


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        (Reply(400, b"no such thing"), "HTTP 400: no such thing"),
        (Reply(401, b""), "the credentials are missing or wrong"),
        (Reply(403, b""), "the credentials do not allow it"),
        (Reply(404, b""), "the path or the port is wrong"),
        (Reply(302, b"", {"Location": "https://elsewhere/login"}), "redirects to https://elsewhere/login"),
        (Reply(307, b"", {"Location": "http://other/v1"}), "redirects to http://other/v1"),
        (HTML, "this is no OTLP endpoint"),
        (Reply(200, b"OK", {"Content-Type": "text/plain"}), "this is no OTLP endpoint"),
        (Reply(200, b"OK"), "this is no OTLP endpoint"),
        (Reply(200, b'{"ok": true}', {"Content-Type": "application/json"}), "this is no OTLP endpoint"),
        (Reply(200, b"[]", {"Content-Type": "application/json"}), "this is no OTLP endpoint"),
        (partly(2, "two were too old"), "two were too old"),
        (
            Reply(
                200,
                json.dumps({"partialSuccess": {"rejectedSpans": "1", "errorMessage": "no"}}).encode(),
                {"Content-Type": "application/json"},
            ),
            "rejected",
        ),
    ],
)
def test_what_is_refused_is_told(receiver, sender_to, span, caplog, reply, text):
    """
    Flush and shutdown are False, and one warning names the address and the answer.
    """
    receiver.reply_to = lambda _path, _length: reply
    sender = sender_to(receiver.url)
    for _ in range(3):
        sender.span(span())

    assert sender.flush(10) is False
    (warning,) = warnings(caplog)
    assert warning.startswith("droidscope telemetry is lost: ")
    assert receiver.url in warning
    assert text in warning

    receiver.reply_to = lambda _path, _length: Reply()
    sender.span(span())

    assert sender.flush(10) is True
    assert sender.shutdown(10) is False


def test_a_message_without_a_rejection_costs_nothing(receiver, sender_to, span, caplog):
    """
    It is logged.
    """
    receiver.reply_to = lambda _path, _length: partly(0, "please use fewer labels")
    sender = sender_to(receiver.url)
    sender.span(span())

    assert sender.flush(10) is True
    assert "please use fewer labels" in warnings(caplog)[0]


def test_only_the_rejected_are_counted(receiver, sender_to, span):
    """
    By the number that the receiver states.
    """
    receiver.reply_to = lambda _path, _length: partly(2, "too old")
    counted = []
    sender = sender_to(receiver.url, on_loss=lambda *each: counted.append(each))
    for _ in range(5):
        sender.span(span())

    assert sender.flush(10) is False
    assert counted == [("rejected", 2)]
    assert sender.status().lost == {"rejected": 2}


@pytest.mark.parametrize("status", [408, 429, 502, 503, 504])
def test_what_may_succeed_later_is_kept_in_order(receiver, sender_to, span, status):
    """
    However often it is refused before.
    """
    replies = iter([Reply(status, b"", {"Retry-After": "0.05"})] * 3)
    receiver.reply_to = lambda _path, _length: next(replies, Reply())
    sender = sender_to(receiver.url)
    for number in range(5):
        sender.span(span(f"s{number}"))

    assert sender.flush(10) is True
    assert receiver.requests == 4
    assert receiver.spans() == [f"s{number}" for number in range(5)]


def test_a_receiver_that_is_asked_to_wait_for_is_waited_for(receiver, sender_to, span):
    """
    Nothing is sent before the time it gave.
    """
    times = []

    def reply(_path, _length):
        times.append(time.monotonic())
        return Reply(503, b"", {"Retry-After": "1"}) if len(times) == 1 else Reply()

    receiver.reply_to = reply
    sender = sender_to(receiver.url)
    sender.span(span())

    assert sender.flush(10) is True
    assert times[1] - times[0] >= 1.0


def test_flush_is_bounded_and_false_while_nobody_answers(sender_to, span, dead_port, caplog):
    """
    What waits is not lost by it.
    """
    sender = sender_to(f"http://127.0.0.1:{dead_port}")
    sender.span(span())
    began = time.monotonic()

    assert sender.flush(0.3) is False
    assert time.monotonic() - began < 2
    assert sender.status().waiting == 1
    assert sender.status().lost == {}
    assert "refused" in warnings(caplog)[0]


def test_a_receiver_that_never_answers_holds_nobody(sender_to, span):
    """
    Longer than was asked for.
    """
    with socket.create_server(("127.0.0.1", 0)) as silent:
        sender = sender_to(f"http://127.0.0.1:{silent.getsockname()[1]}")
        sender.span(span())
        began = time.monotonic()

        assert sender.flush(0.5) is False
        assert sender.shutdown(0.5) is False
        assert time.monotonic() - began < 5


def test_too_large_is_halved_and_sent_again(receiver, sender_to, span, caplog):
    """
    In order; a single item that is still too large is lost alone.
    """
    receiver.reply_to = lambda _path, length: Reply(413 if length > 4000 else 200)
    sender = sender_to(receiver.url)
    for number in range(64):
        sender.span(span(f"s{number}", text="x" * (5000 if number == 20 else 100)))

    assert sender.flush(10) is False
    assert receiver.spans() == [f"s{number}" for number in range(64) if number != 20]
    assert sender.status().lost == {"too_large": 1}
    assert "1 records, too_large" in warnings(caplog)[0]


def test_the_latest_answer_can_be_read(receiver, sender_to, span):
    """
    With its time, for those who look for what is wrong.
    """
    sender = sender_to(receiver.url)
    sender.span(span())
    assert sender.flush(10)

    status = sender.status().signals["traces"]

    assert status.endpoint == f"{receiver.url}/v1/traces"
    assert status.kind == "delivered"
    assert abs(status.answered_at - time.time()) < 10


@pytest.fixture
def grpc_receiver():
    """
    A gRPC server: its *url*, the *bodies* it got and the *answers* it gives, functions of the context.
    """

    class Receiver(grpc.GenericRpcHandler):
        def __init__(self):
            self.bodies, self.answers = [], []

        def service(self, details):
            if "Export" not in details.method:
                return None

            def export(body, context):
                answer = self.answers.pop(0) if self.answers else None
                if answer is not None:
                    return answer(context)
                self.bodies.append(body)
                return b""

            return grpc.unary_unary_rpc_method_handler(export)

    handler = Receiver()
    pool = ThreadPoolExecutor(2)
    server = grpc.server(pool, (handler,))
    handler.port = server.add_insecure_port("127.0.0.1:0")
    handler.url = f"http://127.0.0.1:{handler.port}"
    server.start()
    yield handler
    server.stop(0).wait()
    pool.shutdown()


def test_grpc_delivers(grpc_receiver, sender_to, span):
    """
    And an answer with a rejection is False there, too.
    """
    sender = sender_to(grpc_receiver.url, "grpc")
    sender.span(span())

    assert sender.flush(10) is True
    assert len(grpc_receiver.bodies) == 1

    grpc_receiver.answers = [lambda _context: partly(1, "no").body]
    sender.span(span())

    assert sender.flush(10) is False
    assert sender.status().lost == {"rejected": 1}


def test_grpc_goes_on_in_a_forked_child(grpc_receiver, sender_to, span):
    """
    And in its parent, over connections of their own.
    """
    sender = sender_to(grpc_receiver.url, "grpc")
    sender.span(span())
    assert sender.flush(10) is True
    child = os.fork()
    if child == 0:
        sender.span(span())
        os._exit(0 if sender.flush(10) else 1)

    assert os.waitpid(child, 0)[1] == 0
    sender.span(span())
    assert sender.flush(10) is True
    assert len(grpc_receiver.bodies) == 3


def refusal(code, details):
    return lambda context: context.abort(code, details)


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED])
def test_grpc_tries_again(grpc_receiver, sender_to, span, code):
    """
    Where another try may succeed.
    """
    grpc_receiver.answers = [refusal(code, "busy")]
    sender = sender_to(grpc_receiver.url, "grpc")
    sender.span(span())

    assert sender.flush(10) is True


def test_grpc_halves_what_is_too_large(grpc_receiver, sender_to, span):
    """
    By what servers of gRPC say of it.
    """
    grpc_receiver.answers = [
        refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "Received message larger than max (9 vs. 8)")
    ]
    sender = sender_to(grpc_receiver.url, "grpc")
    for _ in range(4):
        sender.span(span())

    assert sender.flush(10) is True
    assert len(grpc_receiver.bodies) == 2


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, "gRPC INVALID_ARGUMENT: no"),
        (grpc.StatusCode.UNAUTHENTICATED, "the credentials are missing or wrong"),
        (grpc.StatusCode.PERMISSION_DENIED, "the credentials do not allow it"),
        (grpc.StatusCode.UNIMPLEMENTED, "this is no OTLP endpoint"),
    ],
)
def test_grpc_refusals_are_told(grpc_receiver, sender_to, span, caplog, code, text):
    """
    As those of HTTP.
    """
    grpc_receiver.answers = [refusal(code, "no")]
    sender = sender_to(grpc_receiver.url, "grpc")
    sender.span(span())

    assert sender.flush(10) is False
    assert text in warnings(caplog)[0]


def test_http_to_a_port_of_grpc_is_named(grpc_receiver, sender_to, span, caplog):
    """
    By what is to be done.
    """
    sender = sender_to(grpc_receiver.url)
    sender.span(span())

    assert sender.flush(1) is False
    assert "this is a gRPC port" in warnings(caplog)[0]


def test_grpc_to_a_port_of_http_is_named(receiver, sender_to, span, caplog):
    """
    Likewise.
    """
    sender = sender_to(receiver.url, "grpc")
    sender.span(span())

    assert sender.flush(1) is False
    assert "this is no gRPC port" in warnings(caplog)[0]


def test_a_connection_that_was_closed_meanwhile_is_opened_again(sender_to, span):
    """
    Without a retry that anybody would notice: receivers close idle connections after seconds.
    """
    served = []

    def serve(listener):
        for _ in range(2):
            connection, _ = listener.accept()
            with connection:
                connection.recv(100_000)
                served.append(1)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        sender = sender_to(f"http://127.0.0.1:{listener.getsockname()[1]}")
        for _ in range(2):
            sender.span(span())
            assert sender.flush(5) is True
        thread.join()

    assert len(served) == 2
