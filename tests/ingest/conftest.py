"""
The ports, served on free ports of the loopback.
"""

from __future__ import annotations

import contextlib
import socket
import threading

import pytest
import uvicorn

from droidscope.ingest.grpc import OtlpGrpc
from droidscope.ingest.http import OtlpHttp
from droidscope.ingest.sink import Limits
from ingest.fakes import CountingMeter, MemorySink

LIMITS = Limits(max_body_bytes=1024 * 1024, read_seconds=10.0, acknowledge_seconds=10.0)


@pytest.fixture
def sink():
    with contextlib.closing(MemorySink()) as sink:
        yield sink


@pytest.fixture
def meter():
    return CountingMeter()


@pytest.fixture
def http_port(sink, meter):
    """
    The port of a uvicorn that serves OTLP/HTTP.
    """
    app = OtlpHttp(sink, LIMITS, meter)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield listener.getsockname()[1]
        server.should_exit = True
        thread.join()


@pytest.fixture
def grpc_port(sink, meter):
    """
    The port of a server of OTLP/gRPC.
    """
    server = OtlpGrpc(sink, "127.0.0.1:0", LIMITS, meter, threads=2)
    yield server.start()
    server.stop(0)
