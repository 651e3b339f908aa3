"""
Bounds, drops, order, forks and metrics of the sender.
"""

import asyncio
import os
import threading
import time
from base64 import b64encode

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

import otlp_receiver
from droidscope.errors import ConfigError
from droidscope.instrument.sending.destinations import destinations
from droidscope.instrument.sending.sender import Sender
from otlp_receiver import Reply

UNAVAILABLE = Reply(503)


def test_a_record_leaves_within_a_second(receiver, sender_to, log):
    """
    Without a flush: what has started is known even if the process is killed.
    """
    sender_to(receiver.url).log(log("orchestrator.started"))

    assert receiver.wait_for(lambda: receiver.events() == ["orchestrator.started"], timeout=1)


def test_a_burst_of_tasks_loses_nothing(receiver, sender_to, span, log):
    """
    5,000 asyncio tasks at once, each with an event and a span.
    """
    sender = sender_to(receiver.url)

    async def task(number):
        sender.log(log())
        await asyncio.sleep(0)
        sender.span(span(f"s{number}"))

    async def burst():
        await asyncio.gather(*(task(number) for number in range(5000)))

    asyncio.run(burst())

    assert sender.flush(60) is True
    assert len(receiver.spans()) == len(set(receiver.spans())) == 5000
    assert len(receiver.events()) == 5000


def test_an_exporter_that_is_away_loses_nothing(receiver, sender_to, span):
    """
    Ten minutes of 50 records a second, in short: all wait, and arrive in order when it is back.
    """
    receiver.reply_to = lambda _path, _length: UNAVAILABLE
    sender = sender_to(receiver.url)
    for number in range(30_000):
        sender.span(span(f"s{number}", model="gpt", tokens=number))
        if number % 2000 == 0:
            time.sleep(0.1)
    assert sender.flush(0.1) is False
    assert sender.status().waiting == 30_000

    receiver.reply_to = lambda _path, _length: Reply()

    assert sender.flush(60) is True
    assert receiver.spans() == [f"s{number}" for number in range(30_000)]


def test_memory_is_bounded_in_bytes(receiver, sender_to, span, caplog):
    """
    What is over it is lost, counted and told with its number; what had waited longer is not.
    """
    receiver.reply_to = lambda _path, _length: UNAVAILABLE
    counted = []
    sender = sender_to(
        receiver.url, queue_bytes=100_000, on_loss=lambda reason, count: counted.append((reason, count))
    )
    for number in range(200):
        sender.span(span(f"s{number}", text=os.urandom(2000).hex()))
        if number % 20 == 19:
            sender.flush(0.05)
    receiver.reply_to = lambda _path, _length: Reply()

    assert sender.flush(20) is True  # what was lost is the answer of the flushes before
    assert sender.shutdown(5) is False
    lost = sender.status().lost["queue_full"]
    assert 0 < lost < 200
    assert sum(count for _, count in counted) == lost
    assert receiver.spans() == [f"s{number}" for number in range(200 - lost)]
    assert f"records, queue_full: {receiver.url}/v1/traces has not taken" in caplog.text


def test_records_are_bounded_in_number(sender_to, span, dead_port):
    """
    Before they are encoded.
    """
    sender = sender_to(f"http://127.0.0.1:{dead_port}", queue_items=10)
    release = threading.Event()

    class Slow:
        name = "slow"

        @property
        def status(self):
            release.wait(10)
            raise ValueError

    sender.span(Slow())
    time.sleep(1.0)  # the thread is in it
    for _ in range(15):
        sender.span(span())
    release.set()

    assert sender.status().lost["queue_full"] == 5


def test_one_record_that_cannot_be_encoded_costs_only_itself(receiver, sender_to, span, log):
    """
    Whatever a user has put into it.
    """

    class Broken:
        @property
        def name(self):
            raise ZeroDivisionError

    sender = sender_to(receiver.url)
    for number in range(20):
        sender.span(Broken() if number in {3, 11} else span(f"s{number}"))
        sender.log(object() if number in {0, 19} else log(f"e{number}"))

    assert sender.flush(10) is False
    assert receiver.spans() == [f"s{number}" for number in range(20) if number not in {3, 11}]
    assert receiver.events() == [f"e{number}" for number in range(1, 19)]
    assert sender.status().lost == {"unencodable": 4}


@pytest.mark.parametrize("bad", ["\ud800", "a\udcffb", 2**70, ["\ud800"], {"\ud800": ["\udfff", -(2**65)]}])
def test_no_value_costs_anything(receiver, sender_to, span, log, caplog, bad):
    """
    What is not Unicode is replaced, and integers beyond OTLP's become texts.
    """
    sender = sender_to(receiver.url)
    text = bad if isinstance(bad, str) else "x"
    sender.span(span(f"n{text}", value=bad, other="kept"))
    sender.log(log(f"n{text}", value=bad))

    assert sender.flush(10) is True
    _, request, _ = next(each for each in receiver.received if each[0] == "/v1/traces")
    (sent,) = request.resource_spans[0].scope_spans[0].spans
    assert [attribute.key for attribute in sent.attributes] == ["value", "other"]
    assert sent.attributes[0].value.WhichOneof("value") in {"string_value", "array_value", "kvlist_value"}
    assert caplog.records == []


def test_requests_are_bounded(receiver, sender_to, span):
    """
    Far below what receivers take, however long the texts are.
    """
    lengths = []

    def reply(_path, length):
        lengths.append(length)
        return Reply()

    receiver.reply_to = reply
    sender = sender_to(receiver.url)
    for _ in range(300):
        sender.span(span(text="x" * 20_000))

    assert sender.flush(20) is True
    assert max(lengths) < 2 * 1024 * 1024
    assert len(receiver.spans()) == 300


def test_metrics_are_read_by_the_thread(receiver, sender_to, span):
    """
    With the first records and every interval, as sums; the latest contain those before.
    """
    reader = InMemoryMetricReader()
    counter = MeterProvider([reader]).get_meter("m").create_counter("records")
    sender = sender_to(receiver.url, collect=reader.get_metrics_data, metric_seconds=0.2)
    counter.add(1)
    sender.span(span())

    assert receiver.wait_for(lambda: sum(path == "/v1/metrics" for path, *_ in receiver.received) >= 3)
    receiver.reply_to = lambda path, _length: Reply(400 if path == "/v1/metrics" else 200)
    assert sender.flush(10) is False
    receiver.reply_to = lambda _path, _length: Reply()
    assert sender.flush(10) is True
    assert sender.shutdown(10) is True  # sums that were refused are in the next


def test_a_signal_can_be_switched_off(receiver, span, log):
    """
    Its records are ignored, and cost no loss.
    """
    variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, "OTEL_LOGS_EXPORTER": "none"}
    sender = Sender(destinations(variables=variables))
    sender.log(log())
    sender.span(span())

    assert sender.shutdown(10) is True
    assert {path for path, *_ in receiver.received} == {"/v1/traces"}


def test_a_forked_child_has_a_sender_of_its_own(receiver, sender_to, span):
    """
    What waits in the parent is sent once, by the parent.
    """
    sender = sender_to(receiver.url)
    sender.span(span("parent"))

    child = os.fork()
    if child == 0:
        sender.span(span("child"))
        os._exit(0 if sender.flush(10) else 1)

    assert os.waitpid(child, 0)[1] == 0
    assert sender.flush(10) is True
    assert sorted(receiver.spans()) == ["child", "parent"]


def test_a_fork_amid_sending_leaves_both_at_work(receiver, sender_to, span):
    """
    Even while a request is under way, and whatever the child inherits.
    """
    release = threading.Event()

    def reply(_path, _length):
        release.wait(10)
        return Reply()

    receiver.reply_to = reply
    sender = sender_to(receiver.url)
    sender.span(span("parent"))
    time.sleep(0.7)
    child = os.fork()
    if child == 0:
        sender.span(span("child"))
        os._exit(0 if sender.flush(10) else 1)
    release.set()

    assert os.waitpid(child, 0)[1] == 0
    assert sender.flush(10) is True
    assert sorted(receiver.spans()) == ["child", "parent"]


def test_a_proxy_is_not_asked_for_this_host(receiver, sender_to, span, monkeypatch, dead_port):
    """
    Whatever the variables name; others are sent through it.
    """
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "grpc_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{dead_port}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    sender = sender_to(receiver.url)
    sender.span(span())

    assert sender.flush(10) is True


def test_another_host_is_reached_through_the_proxy(receiver, sender_to, span, monkeypatch):
    """
    Unless NO_PROXY names it.
    """
    monkeypatch.setenv("http_proxy", receiver.url)
    monkeypatch.setenv("no_proxy", "elsewhere.invalid")
    monkeypatch.delenv("NO_PROXY", raising=False)
    paths = []
    receiver.take = lambda path, _body, headers: paths.append((path, headers["host"])) or Reply()
    through = sender_to("http://exporter.invalid:4318")
    through.span(span())
    around = sender_to("http://elsewhere.invalid:4318")
    around.span(span())

    assert through.flush(10) is True
    assert around.flush(0.5) is False
    assert paths == [("http://exporter.invalid:4318/v1/traces", "exporter.invalid:4318")]


def test_what_is_recorded_after_the_end_is_lost_and_told(receiver, sender_to, span):
    """
    Nobody would send it.
    """
    sender = sender_to(receiver.url)
    assert sender.shutdown(5) is True

    sender.span(span())

    assert sender.status().lost == {"shut_down": 1}
    assert sender.shutdown(5) is False


def test_without_a_thread_a_flush_sends_all_the_same(receiver, sender_to, span, monkeypatch):
    """
    Some interpreters start none at their end.
    """

    def refuse(_thread):
        msg = "can't create new thread at interpreter shutdown"
        raise RuntimeError(msg)

    sender = sender_to(receiver.url)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        sender.span(span())
        # The receiver has a thread for each connection, too.
        patched.undo()
        assert sender.shutdown(5) is True

    assert receiver.spans() == ["work"]


@pytest.mark.parametrize("compression", ["gzip", "deflate"])
def test_standard_variables_hold(receiver, sender_to, span, monkeypatch, compression):
    """
    Compression and headers of a signal, and an endpoint of one signal as it is.
    """
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", compression)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "x-a=1,x-b=two%20words")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", f"{receiver.url}/v1/traces?tenant=1")
    sender = sender_to(None, headers={"X-A": "3"})
    sender.span(span())

    assert sender.flush(10) is True
    _, _, headers = receiver.received[0]
    assert (headers["x-a"], headers["x-b"], headers["content-encoding"]) == ("3", "two words", compression)


def test_credentials_of_the_address_become_a_header(receiver, sender_to, span):
    """
    And are not shown.
    """
    sender = sender_to(receiver.url.replace("//", "//me:p%40ss@"))
    sender.span(span())

    assert sender.flush(10) is True
    assert receiver.received[0][2]["authorization"] == "Basic " + b64encode(b"me:p@ss").decode()
    assert "ss@" not in sender.status().signals["traces"].endpoint


@pytest.mark.parametrize(
    ("variables", "text"),
    [
        (
            {"OTEL_EXPORTER_OTLP_PROTOCOL": "carrier-pigeon"},
            "OTEL_EXPORTER_OTLP_PROTOCOL is 'carrier-pigeon'; expected one of",
        ),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "localhost:4318"},
            "OTEL_EXPORTER_OTLP_ENDPOINT is 'localhost:4318'; expected a URL",
        ),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://h:port"},
            "OTEL_EXPORTER_OTLP_ENDPOINT is 'http://h:port'; expected a URL",
        ),
        ({"OTEL_EXPORTER_OTLP_TIMEOUT": "soon"}, "TIMEOUT is 'soon'; expected seconds"),
        (
            {"OTEL_EXPORTER_OTLP_COMPRESSION": "zip"},
            "OTEL_EXPORTER_OTLP_COMPRESSION is 'zip'; expected one of",
        ),
        ({"OTEL_EXPORTER_OTLP_CERTIFICATE": "/none"}, "CERTIFICATE is '/none', which cannot be read"),
    ],
)
def test_what_cannot_be_meant_stops_at_start_up(monkeypatch, variables, text):
    """
    By an error that names it.
    """
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(ConfigError, match=text):
        destinations()


def test_a_receiver_that_comes_back_on_its_port_is_found(sender_to, span, dead_port):
    """
    By itself, without a flush.
    """
    sender = sender_to(f"http://127.0.0.1:{dead_port}")
    sender.span(span("before"))
    time.sleep(1.2)

    with otlp_receiver.serve(dead_port) as receiver:
        assert receiver.wait_for(lambda: receiver.spans() == ["before"], timeout=20)
