"""
Warnings name the line of the user's code that they are about, whoever called it, and come once for each.
"""

import asyncio
import logging
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from inspect import currentframe

import pytest
from opentelemetry import context
from opentelemetry.baggage.propagation import W3CBaggagePropagator

import droidscope as ds
from droidscope.instrument import never_raise
from droidscope.testing import capture


def here():
    """
    The line of the caller.
    """
    return currentframe().f_back.f_lineno


@ds.task("d")
def work():
    pass


@ds.task("d")
async def work_later():
    pass


@ds.tool("x")
def stream():
    yield 1


WORK = work.__wrapped__.__code__.co_firstlineno
WORK_LATER = work_later.__wrapped__.__code__.co_firstlineno


def by_thread():
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def by_submit():
    with ThreadPoolExecutor(1) as pool:
        pool.submit(work).result()


def by_partial():
    with ThreadPoolExecutor(1) as pool:
        pool.submit(ds.tool("x")(partial(work.__wrapped__))).result()


async def by_loop():
    await asyncio.create_task(work_later())


async def by_run_in_executor():
    await asyncio.get_running_loop().run_in_executor(None, work)


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (by_thread, WORK),
        (by_submit, WORK),
        (by_partial, WORK),
        (lambda: asyncio.run(by_loop()), WORK_LATER),
        (lambda: asyncio.run(by_run_in_executor()), WORK),
    ],
    ids=["thread", "submit", "partial", "loop", "run_in_executor"],
)
@pytest.mark.usefixtures("seen")
def test_what_a_library_calls_is_named_itself(caplog, call, line):
    """
    An executor's line would help nobody: it is the decorated function that has no session.
    """
    call()

    (record,) = caplog.records
    assert (record.pathname, record.lineno, record.levelname) == (__file__, line, "WARNING")
    assert record.getMessage().endswith(f"({__file__}:{line})")
    assert "droidscope.carry(function)" in record.getMessage()


@pytest.mark.usefixtures("seen")
def test_blocks_and_calls_are_named_by_their_line(caplog):
    """
    Directly, through a context manager of the standard library, and in a generator's step.
    """
    lines = []
    with ds.phase("f"):
        lines.append(here() - 1)
    with ExitStack() as stack:
        stack.enter_context(ds.gate("g"))
        lines.append(here() - 1)
    next(stream())
    lines.append(here() - 1)
    ds.tell("d")
    lines.append(here() - 1)

    assert [record.lineno for record in caplog.records] == lines
    assert {(record.pathname, record.name) for record in caplog.records} == {(__file__, "droidscope")}
    assert caplog.records[0].funcName == "test_blocks_and_calls_are_named_by_their_line"


EVERY_KIND = {
    "phase": ds.phase("f")(lambda: None),
    "task": ds.task("d")(lambda: None),
    "tool": ds.tool("x")(lambda: None),
    "model call": ds.model_call("m")(lambda: None),
    "gate": ds.gate("g")(lambda: None),
    "synthesis": ds.synthesis(lambda: None),
    "query": ds.ask("d", "e")(lambda: None),
    "message": lambda: ds.tell("d", "e"),
    "conflict": lambda: ds.conflict("schema"),
    "progress": lambda: ds.progress(0.5),
    "blocked": lambda: ds.blocked("review"),
    "waiting": lambda: ds.waiting("approval"),
    "output": lambda: ds.output(files_created=1),
    "attempt": ds.attempt(lambda: None),
}


@pytest.mark.parametrize("record", EVERY_KIND.values(), ids=EVERY_KIND.keys())
@pytest.mark.usefixtures("seen")
def test_every_kind_outside_of_a_session_is_warned_about(caplog, record):
    """
    Once, with file and line.
    """
    for _ in range(3):
        record()

    (warning,) = caplog.records
    assert warning.pathname == __file__
    assert f"{__file__}:{warning.lineno}" in warning.getMessage()


@pytest.mark.usefixtures("seen")
def test_a_session_elsewhere_is_a_session(caplog):
    """
    What came with baggage belongs to the session that it names.
    """
    headers = {}
    with ds.session("p"), ds.task("d"):
        W3CBaggagePropagator().inject(headers)
    token = context.attach(W3CBaggagePropagator().extract(headers))
    for name, record in EVERY_KIND.items():
        if name != "output":  # a task of another process cannot be written to
            record()
    context.detach(token)

    assert not caplog.records


def test_each_capture_logs_anew(caplog):
    """
    Tests do not depend on their order, and what was logged before is remembered after.
    """

    def misuse():
        ds.tell("d")

    with capture():
        misuse()
    for _ in range(2):
        with capture():
            misuse()
            misuse()

    assert len(caplog.records) == 3


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("\ud800", r"'\ud800'"),
        ("x" * 10_000, "'" + "x" * 199 + "…"),
        pytest.param(10**5000, "<int that cannot be shown: ValueError>", id="huge"),
        (["größer"], "['größer']"),
    ],
)
def test_values_are_shown_as_every_handler_can_write_them(caplog, value, shown):
    """
    Short, without halves of surrogate pairs.
    """
    never_raise.warn_once("key", "it is %r", value)

    message = caplog.records[0].getMessage()
    assert message.startswith(f"it is {shown} (")
    assert message.encode()


def test_nothing_is_formatted_for_a_logger_that_is_off(caplog):
    """
    Not even shown.
    """

    class Counted:
        shown = 0

        def __repr__(self):
            Counted.shown += 1
            return "counted"

    with caplog.at_level(logging.ERROR, "droidscope"):
        never_raise.warn_once("key", "it is %r", Counted())

    assert Counted.shown == 0


def test_a_user_in_an_installed_package_is_named(tmp_path):
    """
    Services are installed beside their libraries, in containers above all.
    """
    package = tmp_path / "site-packages" / "service"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(
        textwrap.dedent("""
            import droidscope as ds

            def run():
                ds.tell("d")
        """)
    )
    program = """
        import logging, droidscope.testing, service
        logging.basicConfig(format="%(pathname)s:%(lineno)d")
        with droidscope.testing.capture():
            import threading
            thread = threading.Thread(target=service.run)
            thread.start()
            thread.join()
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        env={"PYTHONPATH": f"{tmp_path / 'site-packages'}:{':'.join(filter(None, sys.path))}"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stderr.strip() == f"{package / '__init__.py'}:5"
