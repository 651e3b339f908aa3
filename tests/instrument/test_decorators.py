"""
One object decorates functions of every sort and serves as a context manager, and never gets in the way.
"""

import asyncio
import functools
import gc
import inspect
import weakref
from contextlib import ExitStack, closing

import pytest
from opentelemetry import context
from opentelemetry._logs import NoOpLoggerProvider
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.trace import StatusCode, get_current_span

import droidscope as ds
from droidscope.conventions import attributes as names
from droidscope.instrument import instrumented_span, providers


def test_a_decorated_function_keeps_its_face():
    """
    Name, docstring and signature are those of the function.
    """

    @ds.task("d", "t")
    def build(spec: str, *, fast: bool = False) -> int:
        """Build it."""
        return len(spec) + fast

    assert build.__name__ == "build"
    assert build.__doc__ == "Build it."
    assert str(inspect.signature(build)) == "(spec: str, *, fast: bool = False) -> int"


def test_a_decorated_function_returns_what_it_returns(seen):
    """
    Arguments go in, the result comes out, around it is one span.
    """

    @ds.tool("add")
    def add(a, b=1):
        return a + b

    assert add(2, b=3) == 5
    assert seen.one("tool")


async def test_a_decorated_coroutine_function_is_one(seen):
    """
    The span lasts until the coroutine has ended, not until it was made.
    """

    @ds.phase("p")
    async def work():
        await asyncio.sleep(0)
        return get_current_span()

    assert inspect.iscoroutinefunction(work)
    coroutine = work()
    assert not seen.spans

    span = await coroutine
    assert seen.one("phase").context == span.get_span_context()


@pytest.mark.usefixtures("seen")
def test_a_decorated_method_gets_its_self():
    """
    Decorators work in classes.
    """

    class Droid:
        @ds.tool("whoami")
        def me(self):
            return self

        @staticmethod
        @ds.tool("static")
        def one():
            return 1

    droid = Droid()

    assert droid.me() is droid
    assert Droid.one() == 1


async def test_a_partial_and_a_callable_object_can_be_decorated(seen):
    """
    What is called may be any callable, also one whose `__call__` is a coroutine function.
    """

    class Caller:
        async def __call__(self):
            return 7

    async def power(base, exponent):
        return base**exponent

    assert await ds.tool("caller")(Caller())() == 7
    assert await ds.tool("partial")(functools.partial(power, 2))(3) == 8
    assert [span.status.status_code for span in seen.spans] == [StatusCode.UNSET] * 2


async def test_a_returned_coroutine_is_followed_to_its_end(seen):
    """
    As of a lambda: the span begins with the call, and is around what is awaited, wherever that is.
    """

    async def work(delay):
        await asyncio.sleep(delay)
        return instrumented_span.current()

    coroutine = ds.tool("lambda")(lambda: work(0))()
    assert instrumented_span.current() is None
    with ds.session("p") as elsewhere:
        inside = await coroutine
        assert instrumented_span.current() is elsewhere

    assert inside.kind == "tool"
    assert [span.attributes[names.KIND] for span in seen.spans] == ["tool", "session"]


async def test_a_returned_coroutine_fails_its_span(seen):
    """
    Also in a task of its own, where the exception goes on.
    """

    async def fail(delay):
        await asyncio.sleep(delay)
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await asyncio.create_task(ds.tool("lambda")(lambda: fail(0))())

    assert seen.one("tool").attributes[names.ERROR_TYPE] == "ConnectionError"


async def test_a_returned_coroutine_needs_no_span(caplog, seen):
    """
    An attempt outside of any task is none, but what it does is done.
    """
    assert await ds.attempt(lambda: asyncio.sleep(0, "done"))() == "done"

    assert not seen.spans
    assert len(caplog.records) == 1


async def test_a_returned_future_is_handed_on_as_it_is(seen):
    """
    It may be anybody's: its span ends with the call.
    """
    future = asyncio.get_running_loop().create_future()

    assert ds.tool("future")(lambda: future)() is future

    assert seen.one("tool")


def test_what_has_ended_is_freed_at_once(seen):
    """
    Without waiting for the collector of cycles, which would cost the orchestrator time.
    """
    emitter = providers.from_providers(seen.tracer_provider, NoOpLoggerProvider(), NoOpMeterProvider())
    gc.disable()
    try:
        with providers.override(emitter), ds.session("p"):
            with ds.task("d") as task, ds.tool("x"):
                ended = weakref.ref(task)
            del task
            assert ended() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("decorate", [ds.attempt, ds.attempt()])
def test_attempt_needs_no_parentheses(seen, decorate):
    """
    `@attempt` and `@attempt()` are the same.
    """

    @decorate
    def once():
        return "done"

    with ds.task("d"):
        assert once() == "done"
    assert seen.one("attempt")


def test_a_hand_written_retry_loop_yields_attempts(seen):
    """
    The decorator of the task stands outside of the loop, the attempt's inside.
    """
    failures = iter([TimeoutError, TimeoutError, None])

    @ds.attempt
    def once():
        failure = next(failures)
        if failure:
            raise failure
        return "done"

    @ds.task("d")
    def persist():
        while True:
            try:
                return once()
            except TimeoutError:
                continue

    assert persist() == "done"
    attempts = seen.records("attempt")
    assert [span.attributes[names.TASK_ATTEMPT] for span in attempts] == [1, 2, 3]
    assert [span.status.is_ok for span in attempts] == [False, False, True]
    task = seen.one("task")
    assert task.attributes[names.TASK_ATTEMPTS] == 3
    assert task.status.is_ok


@pytest.mark.usefixtures("seen")
def test_exceptions_pass_through_unchanged():
    """
    The very object that was raised, by decorator and by block.
    """
    error = ValueError("mine")

    @ds.tool("fail")
    def fail():
        raise error

    with pytest.raises(ValueError, match="mine") as by_decorator:
        fail()
    with pytest.raises(ValueError, match="mine") as by_block, ds.tool("fail"):
        raise error

    assert by_decorator.value is error
    assert by_block.value is error


async def test_a_cancelled_task_has_not_failed(seen):
    """
    Its outcome is cancelled, without an error, and the cancellation goes on.
    """

    @ds.task("d")
    async def wait():
        await asyncio.Event().wait()

    waiting = asyncio.create_task(wait())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    span = seen.one("task")
    assert span.attributes[names.TASK_OUTCOME] == "cancelled"
    assert names.ERROR_TYPE not in span.attributes
    assert span.status.status_code is StatusCode.UNSET


def test_a_generator_is_one_span_from_first_to_last(seen):
    """
    It starts with the first item, not with the call.
    """

    @ds.tool("stream")
    def stream():
        yield 1
        yield 2

    items = stream()
    assert inspect.isgeneratorfunction(stream)
    assert next(items) == 1
    assert not seen.spans

    assert list(items) == [2]
    assert seen.one("tool").status.is_ok


def test_a_generator_does_not_leak_its_context(seen):
    """
    Between items its consumer runs, who is not inside of it.
    """

    @ds.task("d")
    def stream():
        with ds.tool("inner"):
            yield instrumented_span.current().kind
            yield instrumented_span.current().kind

    with ds.session("p"):
        kinds = []
        for kind in stream():
            kinds += [kind, instrumented_span.current().kind]

    assert kinds == ["tool", "session", "tool", "session"]
    assert instrumented_span.current() is None
    assert seen.one("tool").parent.span_id == seen.one("task").context.span_id


def test_a_generator_takes_values_and_errors_and_returns(seen):
    """
    `send`, `throw` and the value of `return` work as ever.
    """

    @ds.tool("talk")
    def talk():
        received = yield "ready"
        try:
            yield received
        except KeyError:
            yield "caught"
        return "bye"

    talking = talk()
    heard = [next(talking), talking.send("hello"), talking.throw(KeyError())]
    with pytest.raises(StopIteration) as stop:
        next(talking)

    assert heard == ["ready", "hello", "caught"]
    assert stop.value.value == "bye"
    assert seen.one("tool").status.is_ok


def test_a_generator_closed_early_has_done_its_work(seen):
    """
    GeneratorExit is no failure, and the generator's own cleaning up is done.
    """
    cleaned = []

    @ds.tool("stream")
    def stream():
        try:
            yield 1
            yield 2
        finally:
            cleaned.append(True)

    with closing(stream()) as items:
        next(items)

    assert cleaned
    assert seen.one("tool").status.is_ok


def test_a_failing_generator_fails_its_span(seen):
    """
    The exception reaches the consumer.
    """

    @ds.tool("stream")
    def stream():
        yield 1
        raise ConnectionError

    with pytest.raises(ConnectionError):
        list(stream())

    assert seen.one("tool").attributes[names.ERROR_TYPE] == "ConnectionError"


async def test_an_async_generator_keeps_its_context_to_itself(seen):
    """
    Also across awaits; `asend` and `athrow` work as ever.
    """

    @ds.task("d")
    async def stream():
        await asyncio.sleep(0)
        received = yield instrumented_span.current().kind
        try:
            yield received
        except KeyError:
            yield "caught"

    items = stream()
    assert inspect.isasyncgenfunction(stream)
    heard = [await anext(items)]
    assert instrumented_span.current() is None
    heard += [await items.asend("hello"), await items.athrow(KeyError())]
    heard += [item async for item in items]

    assert heard == ["task", "hello", "caught"]
    assert seen.one("task").status.is_ok


async def test_an_async_generator_closed_early_has_done_its_work(seen):
    """
    Its cleaning up is awaited.
    """
    cleaned = []

    @ds.tool("stream")
    async def stream():
        try:
            yield 1
        finally:
            await asyncio.sleep(0)
            cleaned.append(True)

    items = stream()
    await anext(items)
    await items.aclose()

    assert cleaned
    assert seen.one("tool").status.is_ok


@pytest.mark.filterwarnings("ignore:coroutine method 'aclose'")
async def test_an_abandoned_async_generator_still_ends(seen, caplog):
    """
    The event loop finishes it in another context, without complaint.
    """

    @ds.tool("stream")
    async def stream():
        yield 1

    with ds.session("p"):
        async for _ in stream():
            break
        gc.collect()
        await asyncio.sleep(0.01)

    assert seen.one("tool").status.is_ok
    assert not caplog.records


async def test_a_block_may_be_async(seen):
    """
    `async with` is the same as `with`.
    """
    async with ds.session("p") as session, ds.phase("a"):
        assert session.id

    assert seen.one("phase").attributes[names.SESSION_ID] == session.id


async def test_one_object_serves_concurrent_blocks(seen):
    """
    The state is that of the block, not of the object.
    """
    shared = ds.task("d")
    first_is_open, second_is_done = asyncio.Event(), asyncio.Event()

    async def first():
        with shared as task:
            first_is_open.set()
            await second_is_done.wait()
            ds.output(files_created=1)
        return task.id

    async def second():
        await first_is_open.wait()
        with shared as task:
            await asyncio.sleep(0)
            ds.output(files_created=2)
        second_is_done.set()
        return task.id

    ids = await asyncio.gather(first(), second())

    files = {
        span.attributes[names.TASK_ID]: span.attributes[names.OUTPUT_FILES_CREATED]
        for span in seen.records("task")
    }
    assert files == {ids[0]: 1, ids[1]: 2}


def test_one_object_may_be_entered_within_itself(seen):
    """
    The inner block ends first.
    """
    shared = ds.tool("again")
    with shared as outer, shared as inner:
        assert instrumented_span.current() is inner
    assert outer is not inner

    inner_span, outer_span = seen.spans
    assert inner_span.parent.span_id == outer_span.context.span_id


@pytest.mark.usefixtures("seen")
def test_the_context_is_restored_to_what_it_was():
    """
    Whatever the user put into it before is there again.
    """
    token = context.attach(context.set_value("mine", 1))
    before = context.get_current()
    with ds.session("p"):
        assert context.get_value("mine") == 1

    assert context.get_current() == before
    context.detach(token)


def test_blocks_that_end_out_of_order_leave_no_context_behind(seen):
    """
    The outer one may end before the inner one.
    """
    outer, inner = ds.session("p"), ds.phase("a")
    outer.__enter__()
    inner.__enter__()

    outer.__exit__(None, None, None)
    inner.__exit__(None, None, None)

    assert {span.attributes[names.KIND] for span in seen.spans} == {"session", "phase"}
    with ExitStack() as stack:
        stack.enter_context(ds.tool("t"))
    assert len(seen.spans) == 3


@pytest.mark.usefixtures("seen")
def test_our_own_faults_stay_with_us(caplog, monkeypatch):
    """
    A broken tracer costs the spans, not the work; it is logged once.
    """

    def broken(*_args):
        raise RuntimeError("no tracer today")

    @ds.task("d")
    def work():
        return "done"

    with monkeypatch.context() as patch:
        patch.setattr(providers.current(), "start", broken)
        results = [work(), work()]

    assert results == ["done", "done"]
    faults = [record for record in caplog.records if "no tracer today" in record.getMessage()]
    assert [record.levelname for record in faults] == ["WARNING"]


@pytest.mark.usefixtures("caplog")
def test_a_fault_at_the_end_still_ends_the_span(seen):
    """
    What could not be described is missing; the user's exception still passes.
    """

    class UnprintableError(Exception):
        def __str__(self):
            raise RuntimeError("cannot be printed")

    with pytest.raises(UnprintableError), ds.tool("t"):
        raise UnprintableError

    assert seen.one("tool").end_time is not None
