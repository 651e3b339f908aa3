"""
A receiver, spans and log records of the SDK, and senders that are ended.
"""

import socket
import time

import pytest
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext

import otlp_receiver
from droidscope.instrument.sending.destinations import destinations
from droidscope.instrument.sending.sender import Sender

RESOURCE = Resource({"service.name": "fleet"})
SCOPE = InstrumentationScope("droidscope", "1")


@pytest.fixture
def receiver():
    with otlp_receiver.serve() as served:
        yield served


@pytest.fixture
def dead_port():
    """
    Where nobody answers.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture
def hanging_port():
    """
    Where connections are taken, and nothing is answered.
    """
    with socket.socket() as hanging:
        hanging.bind(("127.0.0.1", 0))
        hanging.listen(64)
        yield hanging.getsockname()[1]


@pytest.fixture
def span():
    """
    Makes a span that has ended.
    """

    def make(name="work", **attributes):
        return ReadableSpan(
            name,
            SpanContext(1, 2, is_remote=False),
            resource=RESOURCE,
            instrumentation_scope=SCOPE,
            attributes=attributes,
            start_time=time.time_ns(),
            end_time=time.time_ns(),
        )

    return make


@pytest.fixture
def log():
    """
    Makes a log event.
    """

    def make(name="orchestrator.started", **attributes):
        record = LogRecord(
            timestamp=time.time_ns(),
            event_name=name,
            severity_number=SeverityNumber.INFO,
            attributes=attributes,
        )
        return ReadableLogRecord(record, RESOURCE, SCOPE)

    return make


@pytest.fixture
def sender_to():
    """
    Makes a sender to an endpoint, which is ended after the test.
    """
    made = []

    def make(endpoint, protocol=None, headers=None, **arguments):
        sender = Sender(destinations(endpoint, protocol, headers), **arguments)
        made.append(sender)
        return sender

    yield make
    for sender in made:
        sender.shutdown(0.0)
