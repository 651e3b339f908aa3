"""
Child processes: started, watched, stopped.
"""

import os
import socket
import sys
import threading

import pytest

from droidscope_demo.children import Child, DemoError, await_ready, fetch, stop_all
from droidscope_demo.servers import LOOPBACK

SERVER = """
import http.server, sys
class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/-/ready" else 503)
        self.end_headers()
        self.wfile.write(b"ready")
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Ready).serve_forever()
"""
OBEDIENT = """
import signal, sys, threading
signal.signal(signal.SIGTERM, lambda *_: (print("flushed"), sys.exit(0)))
print("up", flush=True)
threading.Event().wait()
"""
STUBBORN = """
import signal, threading
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
threading.Event().wait()
"""


@pytest.fixture
def start(tmp_path):
    """
    Starts a Python program as a child; none survives the test.
    """
    children = []

    def start(program, *args):
        child = Child("child", [sys.executable, "-c", program, *args], tmp_path / "child.log", os.environ)
        children.append(child)
        return child

    yield start
    stop_all(children, grace_seconds=0)


@pytest.fixture
def port():
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return probe.getsockname()[1]


def wait_for_output(child):
    while "up" not in child.tail():
        threading.Event().wait(0.02)


def never():
    return False


def test_a_server_is_awaited_until_it_is_ready(start, port):
    """
    Its first 200 ends the wait, and its pages can be read.
    """
    child = start(SERVER, str(port))

    await_ready(child, port, "/-/ready", 20, never)

    assert child.exit_code is None
    assert fetch(port, "/-/ready") == "ready"
    assert fetch(port, "/busy") is None


def test_a_child_that_dies_is_reported_with_its_last_lines(start, port):
    """
    The error has the exit code and the end of the output, not its beginning.
    """
    child = start("import sys\nfor n in range(30): print('line', n)\nsys.exit('no disk')")

    with pytest.raises(DemoError) as error:
        await_ready(child, port, "/-/ready", 20, never)

    assert "child ended with exit code 1" in str(error.value)
    assert "no disk" in str(error.value)
    assert "line 2\n" not in str(error.value)


def test_a_server_that_never_gets_ready_is_an_error(start, port):
    """
    Patience has an end.
    """
    child = start(STUBBORN)

    with pytest.raises(DemoError, match=r"not ready after 0\.2 s"):
        await_ready(child, port, "/-/ready", 0.2, never)


def test_waiting_ends_when_the_demo_is_stopped(start, port):
    """
    A Ctrl-C during the start is no error.
    """
    child = start(STUBBORN)

    await_ready(child, port, "/-/ready", 20, lambda: True)

    assert child.exit_code is None


def test_a_child_may_finish_its_work(start):
    """
    Stopping is a SIGTERM: what the child does on it still happens.
    """
    child = start(OBEDIENT)
    wait_for_output(child)

    stop_all([child], grace_seconds=20)

    assert child.exit_code == 0
    assert "flushed" in child.tail()


def test_a_child_that_does_not_listen_is_killed(start):
    """
    No child outlives the demo.
    """
    child = start(STUBBORN)
    wait_for_output(child)

    stop_all([child], grace_seconds=0.2)

    assert child.exit_code == -9


def test_a_child_is_out_of_reach_of_the_terminal(start):
    """
    It leads a session of its own, so that Ctrl-C stops the demo, which stops it in order.
    """
    child = start("import os; print('up', os.getsid(0) == os.getpid(), flush=True)")
    wait_for_output(child)

    assert child.tail() == "up True"
