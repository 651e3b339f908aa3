"""
However a process ends, what it has recorded has arrived: real processes, one for each way to end.

They run on this interpreter, and on those for which `make test-long` has made an environment.
"""

import os
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

import pythons

EXPORTER = Path(__file__).parents[3] / "exporter"
OTHERS = [pythons.ENVIRONMENTS / "{}.{}".format(*version) / "bin/python" for version in pythons.VERSIONS[1:]]


def _parameter(path):
    missing = not path.exists()
    reason = f"there is no {path.relative_to(pythons.ROOT)}: make test-long makes it"
    marks = (pytest.mark.skipif(missing, reason=reason), pytest.mark.long)
    return pytest.param(path, marks=marks, id=path.parts[-3])


PYTHONS = [pytest.param(Path(sys.executable), id="this"), *map(_parameter, OTHERS)]

SETUP = """
import multiprocessing, os, signal, sys, time
import droidscope as ds

def work(name="d"):
    with ds.session("p"), ds.task(name):
        pass

def begin():
    with ds.session("p"), ds.task("slow"):
        print("begun", flush=True)
        time.sleep(60)
"""


@pytest.fixture(params=PYTHONS)
def python(request):
    return request.param


@pytest.fixture
def start(receiver, tmp_path, python):
    """
    Starts a process that configures and runs *code*; its *main* runs only where it is not imported.
    """

    @contextmanager
    def started(code, main="", *, configure=True):
        configured = f"ds.configure(service_name='fleet', endpoint='{receiver.url}')\n" if configure else ""
        body = textwrap.indent(textwrap.dedent(main) or "pass", "    ")
        path = tmp_path / "program.py"
        path.write_text(f"{SETUP}{configured}{textwrap.dedent(code)}\nif __name__ == '__main__':\n{body}\n")
        kept = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
        with subprocess.Popen(
            [python, "-W", "ignore::DeprecationWarning", path],
            env={**kept, "PYTHONPATH": f"{EXPORTER}{os.pathsep}{tmp_path}"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    return started


@pytest.fixture
def run(start):
    """
    As `start`, until the process ends, in time and without a word.
    """

    def until_end(code, main="", *, configure=True, returncode=0, errors=""):
        with start(code, main, configure=configure) as process:
            out, err = process.communicate(timeout=60)
            assert process.returncode == returncode
            assert errors in err if errors else err == ""
            return out

    return until_end


def tasks(receiver):
    return sorted(name for name in receiver.spans() if name.startswith("invoke_agent"))


@pytest.mark.parametrize(
    "end", ["", "sys.exit(0)", "import atexit; atexit.register(work, 'late')", "import threading"]
)
def test_an_ordinary_end(receiver, run, end):
    """
    Also on interpreters that start no threads at their end; what other exit handlers record comes first.
    """
    run(f"work(); {end}")

    late = ["invoke_agent late"] if "late" in end else []
    assert tasks(receiver) == ["invoke_agent d", *late]


def test_what_is_recorded_at_exit_alone(receiver, run):
    """
    Where no thread was started before.
    """
    run("import atexit; atexit.register(work)")

    assert tasks(receiver) == ["invoke_agent d"]


def test_what_exit_handlers_from_before_configure_record(receiver, start):
    """
    They run after droidscope's own; the counts say how much there should be. With an earlier record or none.
    """
    for earlier in ("", "work('earlier')"):
        code = f"""
            import atexit
            atexit.register(work, "first")
            atexit.register(lambda: [work("many") for _ in range(20)])
            ds.configure(service_name="fleet", endpoint="{receiver.url}")
            {earlier}
        """
        with start(code, configure=False) as process:
            assert process.communicate(timeout=30)[1] == ""

    expected = ["earlier", "first", "first", *["many"] * 40]
    assert tasks(receiver) == [f"invoke_agent {name}" for name in expected]


def test_late_records_that_cannot_be_sent(dead_port, start):
    """
    Are logged, and do not hold up the end for long.
    """
    code = f"""
        import atexit
        atexit.register(lambda: [work() for _ in range(50)])
        ds.configure(service_name="fleet", endpoint="http://127.0.0.1:{dead_port}")
    """
    began = time.monotonic()
    with start(code, configure=False) as process:
        errors = process.communicate(timeout=30)[1]

    assert "telemetry is lost: 3 records, unsent" in errors
    assert len(errors.splitlines()) < 12
    assert time.monotonic() - began < 12


def test_an_exception_that_nobody_catches(receiver, start):
    """
    It ends the process as ever.
    """
    with start("work(); raise KeyError('x')") as process:
        assert "KeyError: 'x'" in process.communicate(timeout=60)[1]
        assert process.returncode == 1

    assert tasks(receiver) == ["invoke_agent d"]


def test_a_forked_child_that_ends_by_exit(receiver, run):
    """
    As work horses of queues do; the parent's records are sent once, and os._exit is the parent's own.
    """
    run(
        """
        exit_of_parent = os._exit
        work("parent")
        for number in range(3):
            if os.fork() == 0:
                work(f"child{number}")
                os._exit(number)
        codes = sorted(os.waitstatus_to_exitcode(os.wait()[1]) for _ in range(3))
        assert codes == [0, 1, 2] and os._exit is exit_of_parent
        """
    )

    assert tasks(receiver) == [f"invoke_agent {name}" for name in ("child0", "child1", "child2", "parent")]


def test_a_forked_child_that_configures_itself(receiver, run):
    """
    Its parent has never heard of droidscope.
    """
    run(
        f"""
        if os.fork() == 0:
            ds.configure(service_name="fleet", endpoint="{receiver.url}")
            work("child")
            os._exit(0)
        os.wait()
        """,
        configure=False,
    )

    assert tasks(receiver) == (["invoke_agent child"] if sys.platform == "linux" else [])


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_processes_of_multiprocessing(receiver, run, method):
    """
    By each way to start them; those of spawn and of a fork server import the program, which configures.
    """
    run(
        "",
        f"""
        context = multiprocessing.get_context("{method}")
        processes = [context.Process(target=work, args=(f"c{{number}}",)) for number in range(3)]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
        work("parent")
        """,
    )

    assert tasks(receiver) == [f"invoke_agent {name}" for name in ("c0", "c1", "c2", "parent")]


@pytest.mark.parametrize("end", ["close", "terminate"])
def test_a_pool(receiver, run, end):
    """
    Whose workers end with it, or are terminated, or recycled after each task.
    """
    run(
        "",
        f"""
        context = multiprocessing.get_context("fork")
        pool = context.Pool(2, maxtasksperchild=3)
        pool.map(work, [f"t{{number}}" for number in range(10)], chunksize=1)
        pool.{end}()
        pool.join()
        """,
    )

    assert tasks(receiver) == [f"invoke_agent t{number}" for number in range(10)]


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_an_executor_of_processes(receiver, run, method):
    """
    With workers that wait for more when it ends.
    """
    run(
        "",
        f"""
        from concurrent.futures import ProcessPoolExecutor
        with ProcessPoolExecutor(2, multiprocessing.get_context("{method}")) as executor:
            list(executor.map(work, [f"t{{number}}" for number in range(6)]))
        """,
    )

    assert tasks(receiver) == [f"invoke_agent t{number}" for number in range(6)]


def test_sigterm_while_work_goes_on(receiver, start):
    """
    What has ended is sent, what has begun shows as lost, and the process dies by the signal.
    """
    with start("work(); begin()") as process:
        assert process.stdout.readline() == "begun\n"
        process.terminate()
        assert process.wait(10) == -signal.SIGTERM

    assert tasks(receiver) == ["invoke_agent d"]
    assert receiver.events().count("orchestrator.started") == 4


def test_sigterm_in_asyncio(receiver, start):
    """
    Whether the program handles it itself, or nobody does.
    """
    code = """
        import asyncio
        async def main():
            work()
            if HANDLED:
                stop = asyncio.Event()
                asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
                print("begun", flush=True)
                await stop.wait()
                work("last")
            else:
                print("begun", flush=True)
                await asyncio.sleep(60)
        asyncio.run(main())
    """
    for handled, returncode in ((False, -signal.SIGTERM), (True, 0)):
        with start(f"HANDLED = {handled}\n" + textwrap.dedent(code)) as process:
            assert process.stdout.readline() == "begun\n"
            process.terminate()
            assert process.wait(10) == returncode

    assert tasks(receiver) == ["invoke_agent d", "invoke_agent d", "invoke_agent last"]


@pytest.mark.parametrize("before", [True, False])
def test_a_handler_of_the_program_is_called(receiver, start, before):
    """
    Whether it was set before or after `configure`; a handler that goes on is not ended.
    """
    configure = f"ds.configure(service_name='fleet', endpoint='{receiver.url}')"
    handler = """
        def handle(number, frame):
            work("handled")
            print("handled", number, flush=True)
        previous = signal.signal(signal.SIGTERM, handle)
        assert previous == signal.SIG_DFL, previous
    """
    handler = textwrap.dedent(handler)
    steps = [handler, configure] if before else [configure, handler]
    with start(
        "\n".join([*steps, "print('begun', flush=True)", "time.sleep(60)"]), configure=False
    ) as process:
        assert process.stdout.readline() == "begun\n"
        process.terminate()
        assert process.stdout.readline() == "handled 15\n"
        assert receiver.wait_for(lambda: tasks(receiver) == ["invoke_agent handled"], timeout=5)
        assert process.poll() is None


@pytest.mark.parametrize("find", ["signal.getsignal", "getsignal_from_before", "signal.signal"])
def test_a_handler_that_calls_the_one_before_it(receiver, start, find):
    """
    As many do: the service drains, as it would without droidscope, and ends by itself.
    """
    code = f"""
        import threading
        from signal import getsignal as getsignal_from_before
        ds.configure(service_name="fleet", endpoint="{receiver.url}")
        stop = threading.Event()
        find = {find} if "get" in "{find}" else lambda number: signal.signal(number, signal.SIG_IGN)
        previous = find(signal.SIGTERM)
        def handle(number, frame):
            stop.set()
            if callable(previous):
                previous(number, frame)
        signal.signal(signal.SIGTERM, handle)
        work()
        print("begun", flush=True)
        stop.wait(20)
        work("drained")
    """
    with start(code, configure=False) as process:
        assert process.stdout.readline() == "begun\n"
        process.terminate()
        assert process.wait(10) == 0

    assert tasks(receiver) == ["invoke_agent d", "invoke_agent drained"]


def test_the_handler_that_others_see(run):
    """
    Is the one that would be there without droidscope, at any time.
    """
    run(
        """
        def handle(*_):
            pass
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
        assert signal.signal(signal.SIGTERM, handle) == signal.SIG_DFL
        assert signal.getsignal(signal.SIGTERM) == handle
        assert signal.signal(signal.SIGTERM, signal.SIG_DFL) == handle
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
        signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGTERM))
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
        signal.signal(signal.SIGTERM, handle)
        ds.configure(service_name="other", on_exit=False)
        ds.configure(service_name="other")
        assert signal.getsignal(signal.SIGTERM) == handle
        assert signal.getsignal(signal.SIGINT) == signal.default_int_handler
        """
    )


def test_an_ignored_sigterm_stays_ignored(receiver, start):
    """
    As nohup and some supervisors want it.
    """
    configure = f"ds.configure(service_name='fleet', endpoint='{receiver.url}')"
    code = f"""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        {configure}
        work()
        print("x", flush=True)
        time.sleep(60)
    """
    with start(code, configure=False) as process:
        assert process.stdout.readline() == "x\n"
        process.terminate()
        time.sleep(0.5)
        assert process.poll() is None


def test_configured_outside_of_the_main_thread(receiver, run):
    """
    Where no signal can be handled; the ordinary end sends all the same.
    """
    run(
        f"""
        import threading
        def configure():
            ds.configure(service_name="fleet", endpoint="{receiver.url}")
        thread = threading.Thread(target=configure)
        thread.start()
        thread.join()
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
        work()
        """,
        configure=False,
        errors="outside of the main thread, and cannot handle SIGTERM",
    )

    assert tasks(receiver) == ["invoke_agent d"]


def test_it_can_be_switched_off(receiver, start):
    """
    By one argument: nothing of the process is touched.
    """
    code = f"""
        before = (signal.signal, signal.getsignal, signal.getsignal(signal.SIGTERM), os._exit)
        ds.configure(service_name="fleet", endpoint="{receiver.url}")
        ds.configure(service_name="fleet", endpoint="{receiver.url}", on_exit=False)
        assert before == (signal.signal, signal.getsignal, signal.getsignal(signal.SIGTERM), os._exit)
        work()
        if os.fork() == 0:
            assert before == (signal.signal, signal.getsignal, signal.getsignal(signal.SIGTERM), os._exit)
            os._exit(0)
        assert os.wait()[1] == 0
        os.kill(os.getpid(), signal.SIGTERM)
    """
    with start(code, configure=False) as process:
        assert process.wait(10) == -signal.SIGTERM

    assert tasks(receiver) == []


def test_uvicorn(receiver, start, dead_port):
    """
    It imports the application, which configures, when its own handler is set, and dies by the signal.
    """
    application = """
        async def app(scope, receive, send):
            if scope["type"] == "lifespan":
                await receive()
                await send({"type": "lifespan.startup.complete"})
                print("begun", flush=True)
                await receive()
                work("shutdown")
                await send({"type": "lifespan.shutdown.complete"})
    """
    main = f"""
        import uvicorn
        uvicorn.run("program:app", port={dead_port}, log_level="critical")
    """
    configure = f"""
        if __name__ != "__main__":
            ds.configure(service_name="fleet", endpoint="{receiver.url}")
            work("startup")
    """
    code = textwrap.dedent(configure) + textwrap.dedent(application)
    with start(code, main, configure=False) as process:
        assert process.stdout.readline() == "begun\n"
        process.terminate()
        assert process.wait(10) == -signal.SIGTERM

    assert tasks(receiver) == ["invoke_agent shutdown", "invoke_agent startup"]


def test_gunicorn(receiver, start, dead_port, python):
    """
    Whose workers are forked, with the application loaded before or after.
    """
    if subprocess.run([python, "-c", "import gunicorn"], check=False, capture_output=True).returncode:
        pytest.skip("gunicorn is not installed")
    code = """
        def app(environ, start_response):
            work()
            start_response("200 OK", [("Content-Length", "0")])
            return [b""]
    """
    main = f"""
        from gunicorn.app.wsgiapp import run
        import threading, urllib.request
        def ask():
            for _ in range(100):
                try:
                    urllib.request.urlopen("http://127.0.0.1:{dead_port}/").close()
                    break
                except OSError:
                    time.sleep(0.1)
            os.kill(os.getpid(), signal.SIGTERM)
        threading.Thread(target=ask).start()
        quiet = "--log-level=critical"
        sys.argv = ["gunicorn", "-b", "127.0.0.1:{dead_port}", quiet, *PRELOAD, "program:app"]
        run()
    """
    for preload in ([], ["--preload"]):
        with start(f"PRELOAD = {preload}\n" + textwrap.dedent(code), main) as process:
            assert process.wait(30) == 0

    assert tasks(receiver) == ["invoke_agent d"] * 2


def test_sigkill_shows_as_lost(receiver, start):
    """
    What had begun a second before is known to have begun.
    """
    with start("begin()") as process:
        assert process.stdout.readline() == "begun\n"
        time.sleep(1.0)
        process.kill()

    assert receiver.events() == ["orchestrator.started"] * 2


def test_an_exporter_that_is_away_holds_no_end(dead_port, start, receiver):
    """
    Longer than a second where nobody listens, and never longer than five.
    """
    code = f"""
        ds.configure(endpoint="http://127.0.0.1:{dead_port}")
        work()
        began = time.monotonic()
        import atexit
        atexit.unregister(print)
    """
    began = time.monotonic()
    with start(code, configure=False) as process:
        _, errors = process.communicate(timeout=30)

    assert "telemetry is lost: 4 records, unsent" in errors
    assert time.monotonic() - began < 10
    assert receiver.requests == 0
