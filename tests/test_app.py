"""
The exporter as a process: it says when it is ready, what keeps it from starting, and stops in time.
"""

from __future__ import annotations

import asyncio
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

import pytest

import builders as b
from droidscope import __version__, config
from droidscope.app import Exporter
from droidscope.errors import ConfigError
from droidscope.pipeline.pipeline import Pipeline
from droidscope.store.log import Frame, FrameKind, Log

READY = re.compile(
    rf"droidscope {re.escape(__version__)} is ready: OTLP/gRPC on (\S+), OTLP/HTTP on (\S+), "
    r"pages on http://(\S+), store in (.+)\n"
)
STOP_SECONDS = 5
HOST = "127.0.0.1"


def command(*arguments):
    return [sys.executable, "-m", "droidscope", *map(str, arguments)]


def serve(store, **ports):
    """
    The command of an exporter on free ports, but for those that are given.
    """
    addresses = {"listen": f"{HOST}:0", "otlp-http": f"{HOST}:0", "otlp-grpc": f"{HOST}:0", **ports}
    flags = [part for name, address in addresses.items() for part in (f"--{name}", address)]
    return command("serve", "--store", store, *flags)


class Running(NamedTuple):
    """
    A process that said it is ready, and where it listens.
    """

    process: subprocess.Popen
    grpc: str
    http: str
    web: str

    def get(self, path):
        with urllib.request.urlopen(f"http://{self.web}{path}", timeout=10) as answer:
            return answer.read().decode()

    def post(self, body):
        headers = {"Content-Type": "application/x-protobuf"}
        request = urllib.request.Request(f"http://{self.http}/v1/traces", body, headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status

    def stop(self, number=signal.SIGTERM):
        """
        Signal the process; its exit code, and how long it took.
        """
        started = time.monotonic()
        self.process.send_signal(number)
        code = self.process.wait(30)
        return code, time.monotonic() - started


@contextmanager
def started(arguments):
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@contextmanager
def running(store):
    with started(serve(store)) as process:
        line = process.stdout.readline()
        match = READY.fullmatch(line)
        assert match, line + process.stderr.read()
        yield Running(process, *match.groups()[:3])


def failed(arguments):
    """
    What a command that must fail says on standard error.
    """
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    return done.stderr


@pytest.fixture
def store(tmp_path):
    return tmp_path / "store"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_was_acknowledged_is_there_after_a_stop(store, number):
    """
    Ready, one request, stopped with exit code 0 in time; the next exporter shows it.
    """
    with running(store) as exporter:
        assert exporter.get("/-/ready") == "Ready.\n"
        assert exporter.post(b.traces(b.task(), b.session())) == 200
        code, seconds = exporter.stop(number)

    assert code == 0
    assert seconds < STOP_SECONDS
    with running(store) as exporter:
        assert exporter.get("/api/v1/summary").count('"completed_tasks":1') == 1


def connected(address, sent=b""):
    host, _, port = address.rpartition(":")
    connection = socket.create_connection((host, int(port)), timeout=10)
    connection.sendall(sent)
    return connection


def test_stuck_clients_do_not_hold_up_a_stop(store):
    """
    Half a body, half a header, an idle connection and half a greeting, on every port at once.
    """
    head = b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
    half_body = head + b"Content-Length: 99\r\n\r\nx"
    http2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
    with running(store) as exporter, ExitStack() as clients:
        for address, sent in [
            (exporter.http, half_body),
            (exporter.http, head),
            (exporter.http, b""),
            (exporter.web, half_body),
            (exporter.web, b"GET /metrics HTTP/1.1\r\n"),
            (exporter.grpc, http2),
            (exporter.grpc, b""),
        ]:
            clients.enter_context(connected(address, sent))
        exporter.post(b.traces(b.task()))

        code, seconds = exporter.stop()

    assert code == 0
    assert seconds < STOP_SECONDS


@pytest.mark.parametrize("port", ["listen", "otlp-http", "otlp-grpc"])
def test_a_port_in_use_is_one_line(store, port):
    """
    Which setting, which address, and exit code 1.
    """
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        address = f"{HOST}:{taken.getsockname()[1]}"

        said = failed(serve(store, **{port: address}))

    lines = [line for line in said.splitlines() if line.startswith("Error: ")]
    assert len(lines) == 1
    assert address in lines[0]
    assert "cannot be bound" in lines[0]
    assert "Traceback" not in said


def test_a_port_that_another_process_takes_after_it_was_bound_ends_the_start(store, monkeypatch):
    """
    The other one is bound to it as well and listens first: not ready, and one line.
    """
    replay, ready = Pipeline.recover, []
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind((HOST, 0))
        taken = f"{HOST}:{other.getsockname()[1]}"
        monkeypatch.setattr(Pipeline, "recover", lambda *given: (replay(*given), other.listen())[0])
        addresses = {"listen": f"{HOST}:0", "otlp_http": taken, "otlp_grpc": f"{HOST}:0"}
        exporter = Exporter(config.load(flags={"store": store, **addresses}, environ={}), ready.append)

        with pytest.raises(ConfigError) as caught:
            asyncio.run(exporter.run())

    assert str(caught.value) == f"otlp_http is {taken}, which cannot be bound: Address already in use"
    assert ready == []


def test_a_second_exporter_on_a_store_is_one_line(store):
    """
    The first goes on.
    """
    with running(store) as exporter:
        assert (
            failed(serve(store)) == f"Error: {store} is in use by another exporter; give each its own store\n"
        )
        assert exporter.post(b.traces(b.task())) == 200


def test_a_damaged_store_is_one_line(store):
    """
    Not a traceback.
    """
    with running(store) as exporter:
        exporter.post(b.traces(b.task()))
        exporter.process.kill()
    for path in (store / "checkpoints").iterdir():
        path.write_bytes(b"rubbish")
    (store / "log" / f"{1:016d}.log").unlink(missing_ok=True)
    Log(store / "log").start(3)

    said = failed(serve(store)).splitlines()[-1]
    assert said.startswith("Error: ")
    assert str(store) in said


@pytest.fixture
def slow_store(store):
    """
    A store whose log takes long to replay.
    """
    log = Log(store / "log")
    log.start(1)
    body = b.traces(*(b.task(id=f"t{number}") for number in range(500)))
    for _ in range(10):
        log.append([Frame(FrameKind.TRACES, 1, b.NOON, body)] * 100)
    log.close()
    return store


def test_while_the_log_is_replayed_there_are_no_metrics_and_a_stop_is_obeyed(slow_store):
    """
    Half a replay would look like a reset: 503, alive but not ready. Stopped, it ends soon.
    """
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        address = f"{HOST}:{probe.getsockname()[1]}"
    with started(serve(slow_store, listen=address)) as process:
        exporter = Running(process, "", "", address)
        while True:
            try:
                healthy = exporter.get("/-/healthy")
                break
            except urllib.error.URLError:
                assert process.poll() is None, process.stderr.read()
                time.sleep(0.01)
        answers = []
        for path in ("/metrics", "/-/ready"):
            with pytest.raises(urllib.error.HTTPError) as refused:
                exporter.get(path)
            answers.append((refused.value.code, refused.value.read().decode()))
            refused.value.close()
        code, seconds = exporter.stop()
        said = process.stdout.read()

    assert healthy == "Healthy.\n"
    assert answers == [(503, "starting: the log is being replayed\n")] * 2
    assert (code, said) == (0, "")
    assert seconds < STOP_SECONDS / 2
    assert [path.name for path in (slow_store / "log").iterdir()] == [f"{1:016d}.log"]


def test_config_check_says_what_serve_would(tmp_path):
    """
    Valid: exit code 0. Else one line for each fault, and exit code 1.
    """
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text("retention: 5d\n")
    bad.write_text("retention: soon\nlabel_limit: 0\n")

    assert subprocess.check_output(command("config", "check", "--config", good), text=True) == (
        "configuration is valid\n"
    )
    lines = failed(command("config", "check", "--config", bad)).splitlines()
    assert len(lines) == 2
    assert lines[0].startswith(f"Error: retention ({bad}) is 'soon'; expected a duration")
    assert failed(command("serve", "--config", bad)).splitlines() == lines


def test_config_show_prints_a_file_that_says_the_same(tmp_path):
    """
    Given back, it prints itself.
    """
    shown = subprocess.check_output(command("config", "show", "--store", tmp_path / "s"), text=True)
    file = tmp_path / "shown.yaml"
    file.write_text(shown)

    assert subprocess.check_output(command("config", "show", "--config", file), text=True) == shown
