"""
In services of gevent and eventlet, whenever they patch: the loop goes on, and everything arrives.

Real processes of whichever of the two is installed.
"""

import os
import subprocess
import sys
import textwrap
from importlib.util import find_spec
from pathlib import Path

import pytest

EXPORTER = Path(__file__).parents[3] / "exporter"

PATCHING = {
    "gevent": "from gevent import monkey, spawn, sleep; monkey.patch_all()",
    "eventlet": "import eventlet; eventlet.monkey_patch(); from eventlet import spawn, sleep",
}
LIBRARIES = [
    pytest.param(name, marks=pytest.mark.skipif(find_spec(name) is None, reason=f"{name} is not installed"))
    for name in PATCHING
]
STEPS = {
    "before the import": ["patch", "import", "configure", "record"],
    "before configure": ["import", "patch", "configure", "record"],
    "after configure": ["import", "configure", "patch", "record"],
    "after the first record": ["import", "configure", "record", "patch"],
}
IMPORT = """
import time
import droidscope as ds
from time import perf_counter

def work(name="d"):
    with ds.session("p"), ds.task(name):
        pass
"""
CLOCK = """
lags = []
def tick():
    while True:
        began = perf_counter()
        sleep(0.02)
        lags.append(perf_counter() - began - 0.02)
spawn(tick)
sleep(0.1)
"""
RECORD = "work('first')\n"


@pytest.fixture
def run(tmp_path):
    """
    Runs the steps in a process of their own, then *code*; returns what it has printed.
    """

    def until_end(library, order, endpoint, code, errors="", **configured):
        configure = f"ds.configure(service_name='fleet', endpoint={endpoint!r}, **{configured!r})\n"
        texts = {"patch": PATCHING[library], "import": IMPORT, "configure": configure, "record": RECORD}
        path = tmp_path / "program.py"
        path.write_text("\n".join([*(texts[step] for step in STEPS[order]), CLOCK, textwrap.dedent(code)]))
        kept = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
        done = subprocess.run(
            [sys.executable, "-W", "ignore", path],
            env={**kept, "PYTHONPATH": str(EXPORTER)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert errors in done.stderr if errors else done.stderr == ""
        return done.stdout

    return until_end


def tasks(receiver):
    return sorted(name for name in receiver.spans() if name.startswith("invoke_agent"))


@pytest.mark.parametrize("order", STEPS)
@pytest.mark.parametrize("library", LIBRARIES)
def test_the_loop_goes_on(receiver, run, library, order):
    """
    While records are made and sent, while one greenlet waits for a flush, and with a name to look up.
    """
    code = """
        for number in range(20):
            work()
            sleep(0.05)
        assert ds.flush()
        sleep(0.7)
        work("last")
        assert ds.flush()
        assert max(lags) < 0.5, max(lags)
        assert len(lags) > 60, len(lags)
    """
    run(library, order, receiver.url.replace("127.0.0.1", "localhost"), code)

    assert tasks(receiver) == [*["invoke_agent d"] * 20, "invoke_agent first", "invoke_agent last"]


@pytest.mark.parametrize("order", STEPS)
@pytest.mark.parametrize("library", LIBRARIES)
def test_the_loop_goes_on_while_the_exporter_hangs(run, hanging_port, library, order):
    """
    It takes connections and answers nothing; a flush waits for as long as it was asked to.
    """
    code = """
        work()
        sleep(1.0)
        began = perf_counter()
        assert not ds.flush(1.0)
        assert 0.9 < perf_counter() - began < 1.5
        assert max(lags) < 0.5, max(lags)
        assert len(lags) > 60, len(lags)
        ds.shutdown(0.5)
    """
    run(library, order, f"http://127.0.0.1:{hanging_port}", code, errors="telemetry is lost: 8 records")


@pytest.mark.parametrize("order", STEPS)
@pytest.mark.parametrize("library", LIBRARIES)
def test_what_is_recorded_by_a_forked_worker(receiver, run, library, order):
    """
    As with a server that loads the application before it forks; each process sends its own at its end.
    """
    code = """
        import os
        if os.fork() == 0:
            work("child")
            sleep(0.3)
            assert max(lags) < 0.5, max(lags)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
    """
    run(library, order, receiver.url, code)

    assert tasks(receiver) == ["invoke_agent child", "invoke_agent first"]
