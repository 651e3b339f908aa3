"""
What is around the calling code can be had by its kind, and taken into threads.
"""

import asyncio
import contextvars
import inspect
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from opentelemetry import context
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.instrumentation.threading import ThreadingInstrumentor

import droidscope as ds
from droidscope.conventions import attributes as names
from droidscope.instrument import around


def test_current_is_the_innermost_of_its_kind(seen):
    """
    Without a kind it is the innermost of all.
    """
    with ds.session("p") as session, ds.phase("f") as phase, ds.task("lead"), ds.task("helper") as task:
        with ds.attempt() as attempt, ds.tool("x") as tool:
            found = [ds.current(kind) for kind in (ds.Session, ds.Phase, ds.Task, ds.Attempt, ds.Tool)]
            assert found == [session, phase, task, attempt, tool]
            assert ds.current() is tool
            assert ds.current(ds.Gate) is None
        with ds.gate("g") as gate, ds.synthesis() as synthesis, ds.ask("d", "e") as query:
            assert [ds.current(ds.Gate), ds.current(ds.Synthesis), ds.current()] == [gate, synthesis, query]
    assert ds.current() is None
    assert len(seen.records("task")) == 2


def test_a_decorated_function_states_its_outcome(seen):
    """
    Skipped, failed, rejected: as in a block.
    """

    @ds.phase("f")
    def phase():
        ds.current(ds.Phase).skip()

    @ds.task("d")
    def task():
        ds.current(ds.Task).outcome("failed", error_type="invalid_output")

    @ds.ask("d", "e")
    def ask():
        ds.current(ds.Query).rejected()

    with ds.session("p"):
        for call in (phase, task, ask):
            call()

    assert seen.one("phase").attributes[names.PHASE_OUTCOME] == "skipped"
    assert seen.one("task").attributes[names.ERROR_TYPE] == "invalid_output"
    assert seen.one("message").attributes[names.MESSAGE_OUTCOME] == "rejected"


async def test_what_has_ended_is_not_current(seen):
    """
    A task of the event loop that outlives its block is inside of what is still open.
    """
    is_over = asyncio.Event()

    async def late():
        await is_over.wait()
        return ds.current(), ds.current(ds.Task)

    with ds.session("p") as session:
        with ds.task("d"):
            waiting = asyncio.create_task(late())
            await asyncio.sleep(0)
        is_over.set()
        assert await waiting == (session, None)
    assert seen.one("task")


def test_nothing_is_current_in_a_context_from_elsewhere(seen):
    """
    A message of another session is not about what happens to be open here.
    """
    headers = {}
    with ds.session("theirs"):
        W3CBaggagePropagator().inject(headers)
    with ds.session("ours"):
        token = context.attach(W3CBaggagePropagator().extract(headers))
        assert ds.current() is None
        context.detach(token)
    assert len(seen.spans) == 2


def work(number=0):
    """
    A piece of work with an output.
    """
    with ds.tool("x"):
        ds.output(files_created=1)
    return number


async def by_executor(pool):
    await asyncio.get_running_loop().run_in_executor(pool, ds.carry(work))


def by_thread(pool):  # noqa: ARG001 - as the others
    thread = threading.Thread(target=ds.carry(work))
    thread.start()
    thread.join()


WAYS = {
    "submit": lambda pool: pool.submit(ds.carry(work)).result(),
    "map": lambda pool: list(pool.map(ds.carry(work), range(1))),
    "thread": by_thread,
    "run_in_executor": lambda pool: asyncio.run(by_executor(pool)),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_carry_takes_the_task_into_threads(seen, caplog, way):
    """
    Its tools and outputs belong to the task, and nothing is left on the thread.
    """
    with ThreadPoolExecutor(1) as pool:
        with ds.session("p", id="s"), ds.task("d"):
            way(pool)
        assert pool.submit(ds.current).result() is None

    assert seen.one("tool").attributes[names.SESSION_ID] == "s"
    assert seen.one("tool").parent.span_id == seen.one("task").context.span_id
    assert seen.one("task").attributes[names.OUTPUT_FILES_CREATED] == 1
    assert not caplog.records


def test_one_carried_function_serves_many_calls_at_once(seen):
    """
    Each begins with the context as it was, whatever the others do to theirs.
    """
    mine = contextvars.ContextVar("mine", default=0)
    together = threading.Barrier(4)

    def step(number):
        mine.set(mine.get() + number)
        together.wait(10)
        work()
        return mine.get()

    with ds.session("p"), ds.task("d"), ThreadPoolExecutor(4) as pool:
        mine.set(100)
        carried = ds.carry(step)
        assert list(pool.map(carried, range(4))) == [100, 101, 102, 103]
        assert list(pool.map(carried, range(4))) == [100, 101, 102, 103]

    assert len(seen.records("tool")) == 8
    assert seen.one("task").attributes[names.OUTPUT_FILES_CREATED] == 8


def test_a_carried_function_keeps_its_face():
    """
    Name, docstring, signature, and what it raises.
    """

    def build(spec: str, *, fast: bool = False) -> str:
        """Build it."""
        raise KeyError(spec, fast)

    carried = ds.carry(build)

    assert (carried.__name__, carried.__doc__) == ("build", "Build it.")
    assert inspect.signature(carried) == inspect.signature(build)
    with pytest.raises(KeyError):
        carried("x", fast=True)


def test_a_carried_coroutine_function_is_one(seen):
    """
    Its context is that of the place where it was carried, wherever it is awaited.
    """

    @ds.carry
    async def outside():
        return ds.current()

    with ds.session("p") as session:

        @ds.carry
        async def inside():
            await asyncio.sleep(0)
            with ds.tool("x"):
                return ds.current(ds.Session)

    assert inspect.iscoroutinefunction(inside)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(asyncio.run, outside()).result() is None
        with suppress(RuntimeError):
            pool.submit(asyncio.run, inside()).result()
    assert seen.one("tool").parent.span_id == session.span.get_span_context().span_id


def test_with_the_extra_threads_need_no_carrying(seen, caplog):
    """
    OpenTelemetry's instrumentation of threads takes our ids along with its own.
    """
    ThreadingInstrumentor().instrument()
    try:
        with ds.session("p", id="s"), ds.task("d"), ThreadPoolExecutor(1) as pool:
            pool.submit(work).result()
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
    finally:
        ThreadingInstrumentor().uninstrument()

    assert [span.attributes[names.SESSION_ID] for span in seen.records("tool")] == ["s", "s"]
    assert seen.one("task").attributes[names.OUTPUT_FILES_CREATED] == 2
    assert not caplog.records


def test_what_can_be_current_is_all_that_is_entered():
    """
    The type that `current` returns without a kind names each of them.
    """
    entered = {ds.Session, ds.Phase, ds.Task, ds.Attempt, ds.Tool, ds.ModelCall}
    assert set(around.Current.__args__) == entered | {ds.Gate, ds.Synthesis, ds.Query}
