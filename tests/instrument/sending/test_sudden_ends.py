"""
Ends at which Python runs no exit handler, in processes that were not forked: os._exit and os.exec*.
"""

import os
import socket
import subprocess
import sys
import textwrap
import time

import pytest

SETUP = """
import os, signal, sys, threading, time, warnings
import droidscope as ds

def work(name="d"):
    with ds.session("p"), ds.task(name):
        pass

ds.configure(service_name="fleet", endpoint=sys.argv[1])
"""


@pytest.fixture
def run(receiver):
    """
    Runs *code* in a process that sends to *url*; its return code, output and errors, and how long it took.
    """

    def until_end(code, url=None):
        began = time.monotonic()
        kept = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
        done = subprocess.run(
            [sys.executable, "-c", SETUP + textwrap.dedent(code), url or receiver.url],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env=kept,
        )
        return done.returncode, done.stdout, done.stderr, time.monotonic() - began

    return until_end


def tasks(receiver):
    return sorted(name.removeprefix("invoke_agent ") for name in receiver.spans() if "agent" in name)


@pytest.mark.parametrize(
    "end",
    [
        "os._exit(7)",
        "os._exit(status=7)",
        "threading.Thread(target=os._exit, args=(7,)).start(); time.sleep(30)",
        "signal.signal(signal.SIGUSR1, lambda *_: os._exit(7)); os.kill(os.getpid(), signal.SIGUSR1)",
        "[threading.Thread(target=os._exit, args=(7,)).start() for _ in range(5)]; time.sleep(30)",
    ],
)
def test_an_exit_without_handlers(receiver, run, end):
    """
    From wherever it comes, and however often: the status is the program's.
    """
    code, _, errors, _ = run(f"work(); {end}")

    assert (code, errors) == (7, "")
    assert tasks(receiver) == ["d"]


@pytest.mark.parametrize(
    "call",
    [
        "os.execv(sys.executable, arguments)",
        "os.execve(sys.executable, arguments, os.environ)",
        "os.execl(sys.executable, *arguments)",
        "os.execle(sys.executable, *arguments, os.environ)",
        "os.execlp(sys.executable, *arguments)",
        "os.execvp(sys.executable, arguments)",
        "os.execvpe(sys.executable, arguments, os.environ)",
        "os.execve(os.open(sys.executable, os.O_RDONLY), arguments, os.environ)",
    ],
)
def test_a_process_that_becomes_another_program(receiver, run, call):
    """
    By each of the functions there are.
    """
    code, output, errors, _ = run(f"work(); arguments = [sys.executable, '-c', 'print(1)']; {call}")

    assert (code, output, errors) == (0, "1\n", "")
    assert tasks(receiver) == ["d"]


def test_a_program_that_is_not_there(receiver, run):
    """
    Nothing is waited for, and the process goes on, with all of its records.
    """
    code, _, errors, _ = run(
        """
        work("before")
        for call in (os.execvp, os.execv):
            try:
                call("no-such-program", ["x"])
            except FileNotFoundError:
                work("after")
        assert os.execve in os.supports_fd
        """
    )

    assert (code, errors) == (0, "")
    assert tasks(receiver) == ["after", "after", "before"]


def test_wrong_arguments_raise_as_ever(receiver, run):
    """
    And the process goes on.
    """
    code, _, errors, _ = run(
        """
        work()
        for call in (lambda: os._exit("x"), lambda: os._exit(), lambda: os.execv(None, [])):
            try:
                call()
            except TypeError:
                work("after")
        """
    )

    assert (code, errors) == (0, "")
    assert tasks(receiver) == ["after"] * 3 + ["d"]


@pytest.mark.parametrize(
    "end",
    [
        "os._exit(7)",
        "threading.Thread(target=os._exit, args=(7,)).start(); time.sleep(30)",
        "signal.signal(signal.SIGALRM, lambda *_: os._exit(7)); signal.alarm(1); os._exit(8)",
        "os.execv(sys.executable, [sys.executable, '-c', 'raise SystemExit(7)'])",
    ],
)
def test_an_end_is_never_held_up(dead_port, run, end):
    """
    Though the sender's thread hangs for good in a handler of the program's logging, and its lock is held.
    """
    code, _, _, seconds = run(
        f"""
        import logging
        hung = threading.Event()
        class Handler(logging.Handler):
            def emit(self, record):
                hung.set()
                time.sleep(60)
        logging.getLogger("droidscope").addHandler(Handler())
        work()
        assert hung.wait(20)
        {end}
        """,
        f"http://127.0.0.1:{dead_port}",
    )

    assert code == 7
    assert seconds < 15


def test_a_receiver_that_does_not_answer(run):
    """
    Costs two seconds.
    """
    with socket.create_server(("127.0.0.1", 0)) as silent:
        code, _, errors, seconds = run(
            "work(); os._exit(7)",
            f"http://127.0.0.1:{silent.getsockname()[1]}",
        )

    assert code == 7
    assert "telemetry is lost: 4 records, unsent" in errors
    assert seconds < 10


def test_it_is_undone(receiver, run):
    """
    By its argument and by `shutdown`, except where others have wrapped the wrapped function.
    """
    code, _, errors, _ = run(
        """
        url = sys.argv[1]
        real = os._exit.__wrapped__, os.execv.__wrapped__, os.execve.__wrapped__
        ds.configure(service_name='fleet', endpoint=url, on_exit=False)
        assert (os._exit, os.execv, os.execve) == real and os.execve in os.supports_fd
        ds.configure(service_name='fleet', endpoint=url)
        assert (os._exit.__wrapped__, os.execv.__wrapped__, os.execve.__wrapped__) == real
        ds.shutdown()
        assert (os._exit, os.execv, os.execve) == real
        ds.configure(service_name='fleet', endpoint=url)
        wrapped = os._exit
        os._exit = lambda status: wrapped(status + 1)
        ds.configure(service_name='fleet', endpoint=url, on_exit=False)
        ds.configure(service_name='fleet', endpoint=url)
        work()
        os._exit(6)
        """
    )

    assert (code, errors) == (7, "")
    assert tasks(receiver) == ["d"]


def test_a_parent_that_goes_into_the_background(receiver, run):
    """
    As daemons do: the first process ends by os._exit, its child goes on.
    """
    code, _, errors, _ = run(
        """
        work("parent")
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads
        if os.fork():
            os._exit(7)
        work("child")
        """
    )

    assert (code, errors) == (7, "")
    assert receiver.wait_for(lambda: tasks(receiver) == ["child", "parent"])
