"""
Every code block of docs/existing-service.md runs as it stands, and the exporter counts what it does.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys

import pytest

from e2e.processes import ROOT, Program, fetch, free_port, until
from examples.example_runs import environment, shown

pytestmark = pytest.mark.slow

PAGE = (ROOT / "docs/existing-service.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
ONE = {"sessions completed": 1, "tasks completed": 1, "attempts succeeded": 1}
COUNTS = {
    "TraceIdRatioBased(0.1)": {"sessions completed": 20, "tasks completed": 20, "attempts succeeded": 20},
    "threading.Thread(": {"sessions completed": 2, "tasks completed": 5, "attempts succeeded": 5},
    "ThreadingInstrumentor(": ONE,
    "multiprocessing.Pool(": {"sessions completed": 1, "tasks completed": 6, "attempts succeeded": 6},
    "receive_count": {
        "sessions completed": 1,
        "tasks completed": 2,
        "tasks failed": 1,
        "attempts succeeded": 2,
        "attempts failed": 4,
        "retries": 3,
    },
    "Retrying(": {
        "sessions completed": 1,
        "tasks completed": 2,
        "attempts succeeded": 2,
        "attempts failed": 3,
        "retries": 3,
    },
    "session.wait(": {
        "sessions completed": 2,
        "tasks completed": 2,
        "tasks cancelled": 1,
        "attempts succeeded": 2,
        "attempts cancelled": 1,
    },
    "on_event(": {"sessions completed": 1, "sessions failed": 1},
    "ds.IdFilter()": ONE,
    "ds.check(": ONE,
}
"""
What is counted, by what is found in one block alone.
"""
SERVED = ("# wsgi.py", "gunicorn --preload", "droidscope doctor", "opentelemetry-instrument")
"""
Likewise what is found in blocks that have a test of their own.
"""


def block(telling):
    (found,) = (text for _, text in BLOCKS if telling in text)
    return found


def test_each_block_is_tried():
    """
    A new one needs a row above, or a test.
    """
    told = [[telling for telling in (*COUNTS, *SERVED) if telling in text] for _, text in BLOCKS]

    assert sorted(one for (one,) in told) == sorted((*COUNTS, *SERVED))


@pytest.mark.parametrize("telling", COUNTS)
def test_a_block_does_what_the_exporter_counts(exporter, tmp_path, telling):
    """
    As a script, in a process of its own.
    """
    service = f"page-{re.sub('[^a-z]+', '-', telling.lower()).strip('-')}"
    (tmp_path / "script.py").write_text(block(telling))
    done = subprocess.run(
        [sys.executable, "script.py"],
        cwd=tmp_path,
        env=environment(exporter, OTEL_SERVICE_NAME=service),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert shown(exporter, service, COUNTS[telling]) == COUNTS[telling]
    assert all(said in done.stdout + done.stderr for said in re.findall(r"  # (WARNING.*)", block(telling)))
    assert "Traceback" not in done.stderr, done.stderr


@pytest.mark.parametrize(
    "server",
    [
        "gunicorn --preload",  # as the page has it
        "uvicorn --interface wsgi --workers 2 --log-level warning --port $PORT wsgi:app",
        "uvicorn --interface wsgi --log-level warning --port $PORT wsgi:app",
    ],
)
def test_servers_fork_recycle_and_end_workers(exporter, tmp_path, server):
    """
    Each of the requests is a session with a task, whichever worker it was, and however that ended.
    """
    (tmp_path / "wsgi.py").write_text(block("# wsgi.py"))
    port, wanted = free_port(), 23
    service = f"page-{re.sub('[^a-z]+', '-', server)}"
    env = environment(exporter, OTEL_SERVICE_NAME=service, PORT=str(port))
    env["PATH"] = f"{os.path.dirname(sys.executable)}:{env['PATH']}"  # noqa: PTH120 - a part of a PATH
    url = f"http://127.0.0.1:{port}"
    command = block(server).strip() if "gunicorn" in server else server

    with Program(
        ["bash", "-c", f"exec {command}"], tmp_path / "server.log", cwd=tmp_path, env=env
    ) as program:
        program.await_answer(f"{url}/first")
        for number in range(wanted - 1):
            until(lambda number=number: fetch(f"{url}/{number}"), "an answer")
        program.stop(signal.SIGTERM)

    expected = {"sessions completed": wanted, "tasks completed": wanted, "attempts succeeded": wanted}
    assert shown(exporter, service, expected) == expected


def test_a_framework_is_seen_without_a_line_of_code(exporter, tmp_path):
    """
    A program that knows nothing of droidscope: its agent's run is a session.
    """
    (tmp_path / "script.py").write_text(
        "from pydantic_ai import Agent\n"
        "from pydantic_ai.capabilities import Instrumentation\n"
        "from pydantic_ai.models.test import TestModel\n"
        "Agent(TestModel(), name='helper', capabilities=[Instrumentation()]).run_sync('why?')\n"
    )
    env = environment(exporter, OTEL_SERVICE_NAME="page-framework")
    env["PATH"] = f"{os.path.dirname(sys.executable)}:{env['PATH']}"  # noqa: PTH120 - a part of a PATH
    command = ["bash", "-euc", block("opentelemetry-instrument")]
    done = subprocess.run(
        command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 0, done.stderr
    expected = ONE | {"models succeeded": 1, "tokens input": 51, "tokens output": 4}
    assert shown(exporter, "page-framework", expected) == expected


def test_the_doctor_finds_the_exporter(exporter):
    """
    It says what is right, and its exit code that nothing is wrong.
    """
    droidscope = shutil.which("droidscope", path=os.path.dirname(sys.executable))  # noqa: PTH120 - a PATH
    env = environment(exporter, OTEL_SERVICE_NAME="page-doctor")
    done = subprocess.run(
        [droidscope, *block("droidscope doctor").split()[1:]],
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
