"""
A function may return work that is still to come: its span lasts until that is done, and never succeeds early.
"""

import asyncio
import contextlib
import functools
import gc
import inspect
import types

import pytest

import droidscope as ds
from droidscope.conventions import attributes as names
from droidscope.instrument import instrumented_span


def returning(result):
    """
    A function that returns what *result* gives.
    """

    def function(*given):
        return result(*given)

    return function


def plainly_wrapped(function):
    """
    As a decorator of the user's that knows nothing of generators.
    """

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


def awaiting(function):
    """
    A coroutine function that returns what *function* does.
    """

    async def wrapper(*args, **kwargs):
        await asyncio.sleep(0)
        return function(*args, **kwargs)

    return wrapper


def numbers():
    yield instrumented_span.current().kind
    raise ConnectionError


async def async_numbers():
    yield instrumented_span.current().kind
    raise ConnectionError


@contextlib.contextmanager
def lease():
    with ds.tool("acquire"):
        pass
    yield "leased"


@contextlib.asynccontextmanager
async def async_lease():
    await asyncio.sleep(0)
    yield "leased"


def consume(generator):
    """
    What was yielded, until it raises.
    """
    items = []
    with contextlib.suppress(ConnectionError):
        while True:
            items.append((next(generator), instrumented_span.current().kind))
    return items


def error_of(span):
    return span.attributes.get(names.ERROR_TYPE)


@pytest.mark.parametrize(
    "function",
    [returning(numbers), plainly_wrapped(numbers), functools.lru_cache(numbers), functools.partial(numbers)],
)
def test_a_generator_that_is_returned_is_followed_to_its_end(seen, function):
    """
    Its steps are inside of the span, its consumer is not; what it raises fails the span.
    """
    with ds.session("p"):
        generator = ds.task("d")(function)()
        assert inspect.isgenerator(generator)
        assert instrumented_span.current().kind == "session"
        assert consume(generator) == [("task", "session")]

    assert error_of(seen.one("task")) == "ConnectionError"


async def test_an_async_generator_that_is_returned_is_followed_to_its_end(seen):
    """
    Likewise; also one that a coroutine returns.
    """
    with ds.session("p"):
        for made in (ds.task("d")(returning(async_numbers)), ds.task("d")(plainly_wrapped(async_numbers))):
            generator = made()
            assert inspect.isasyncgen(generator)
            with pytest.raises(ConnectionError):
                assert [item async for item in generator] == ["task"]
        generator = await ds.task("d")(awaiting(async_numbers))()
        with pytest.raises(ConnectionError):
            assert [item async for item in generator] == ["task"]

    assert [error_of(span) for span in seen.records("task")] == ["ConnectionError"] * 3


@pytest.mark.parametrize("steps", [0, 1])
def test_a_generator_that_is_given_up_ends_its_span(seen, steps):
    """
    As one that is closed early: whether or not anybody has asked for anything.
    """
    with ds.session("p"):
        generator = ds.task("d")(returning(numbers))()
        for _ in range(steps):
            next(generator)
        assert not seen.records("task")
        del generator
        gc.collect()
        assert seen.one("task").status.is_ok
        assert instrumented_span.current().kind == "session"


def test_values_and_errors_still_go_in_and_out(seen):
    """
    `send`, `throw` and the value of `return`; a gate takes that as its verdict.
    """

    def talk():
        received = yield "ready"
        with contextlib.suppress(KeyError):
            yield received
        return False

    with ds.session("p"):
        talking = ds.gate("g")(plainly_wrapped(talk))()
        assert [next(talking), talking.send("hello")] == ["ready", "hello"]
        with pytest.raises(StopIteration) as stop:
            talking.throw(KeyError())

    assert stop.value.value is False
    assert seen.one("gate").attributes[names.GATE_PASSED] is False


async def test_a_generator_that_is_awaited_stays_one(seen):
    """
    What `types.coroutine` makes is no generator to iterate over.
    """

    @types.coroutine
    def later():
        yield from asyncio.sleep(0).__await__()
        return instrumented_span.current().kind

    with ds.session("p"):
        assert await ds.task("d")(returning(later))() == "task"

    assert seen.one("task")


@pytest.mark.parametrize("wrap", [lambda function: function, plainly_wrapped, functools.partial])
def test_a_span_is_around_the_block_of_a_context_manager(seen, wrap):
    """
    Whatever stands between it and the decorator.
    """
    with ds.session("p"):
        with ds.task("d")(wrap(lease))() as value:
            assert (value, instrumented_span.current().kind) == ("leased", "task")
            assert not seen.records("task")
        assert instrumented_span.current().kind == "session"
        with pytest.raises(ConnectionError), ds.task("d")(wrap(lease))():
            raise ConnectionError

    assert [error_of(span) for span in seen.records("task")] == [None, "ConnectionError"]
    tasks = {span.context.span_id for span in seen.records("task")}
    assert {span.parent.span_id for span in seen.records("tool")} == tasks


@pytest.mark.parametrize("wrap", [lambda function: function, plainly_wrapped, awaiting])
async def test_a_span_is_around_the_block_of_an_async_context_manager(seen, wrap):
    """
    Likewise; also of one that a coroutine returns.
    """

    async def made():
        manager = ds.task("d")(wrap(async_lease))()
        return await manager if inspect.iscoroutine(manager) else manager

    with ds.session("p"):
        async with await made() as value:
            assert (value, instrumented_span.current().kind) == ("leased", "task")
        assert instrumented_span.current().kind == "session"
        with pytest.raises(ConnectionError):
            async with await made():
                raise ConnectionError

    assert [error_of(span) for span in seen.records("task")] == [None, "ConnectionError"]


@pytest.mark.parametrize("wrap", [lambda function: function, plainly_wrapped])
def test_what_a_context_manager_keeps_to_itself_is_no_failure(seen, wrap):
    """
    What it raises itself is one, when it begins and when it ends.
    """

    @contextlib.contextmanager
    def forgiving(begin=None, end=None):
        if begin:
            raise begin
        with contextlib.suppress(KeyError):
            yield
        if end:
            raise end

    decorated = ds.task("d")(wrap(forgiving))
    with ds.session("p"):
        with decorated():
            raise KeyError
        with pytest.raises(OSError, match="begin"), decorated(begin=OSError("begin")):
            pass
        with pytest.raises(OSError, match="end"), decorated(end=OSError("end")):
            pass

    assert [error_of(span) for span in seen.records("task")] == [None, "OSError", "OSError"]


def test_a_context_manager_still_decorates(seen, caplog):
    """
    Each call is a block of its own; where that cannot be seen, it is logged once.
    """
    known, unknown = ds.task("d")(lease), ds.task("d")(plainly_wrapped(lease))

    with ds.session("p"):
        work = known()(lambda: instrumented_span.current().kind)
        assert [work(), work()] == ["task", "task"]
        assert not caplog.records
        outside = unknown()(lambda: instrumented_span.current().kind)
        assert [outside(), outside()] == ["session", "session"]

    assert len(seen.records("task")) == 3
    (warning,) = caplog.records
    assert warning.pathname == __file__


def test_several_spans_follow_one_result(seen):
    """
    Each decorator of several, from the outside to the inside.
    """
    with ds.session("p"):
        assert consume(ds.task("d")(ds.attempt(returning(numbers)))()) == [("attempt", "session")]
        both = ds.task("d")(plainly_wrapped(ds.attempt(plainly_wrapped(lease))))
        with contextlib.suppress(ConnectionError), both():
            assert instrumented_span.current().kind == "attempt"
            raise ConnectionError

    assert [error_of(span) for span in seen.records("attempt")] == ["ConnectionError"] * 2
    assert [error_of(span) for span in seen.records("task")] == ["ConnectionError"] * 2


def test_nothing_changes_without_a_provider():
    """
    What is returned is what the function returns.
    """
    generator = (number for number in range(3))

    assert ds.task("d")(lambda: generator)() is generator
    with ds.task("d")(lease)() as value:
        assert value == "leased"


class TestOrchestrators:
    """
    The same for a method whose calls are sessions.
    """

    class Returning(ds.AnalyticsOrchestrator):
        """
        Its method returns a generator, and is none.
        """

        def execute_task(self, result):
            def steps():
                yield instrumented_span.current().kind
                if isinstance(result, Exception):
                    raise result
                return result

            return steps()

    class Managing(ds.AnalyticsOrchestrator):
        """
        Its methods are context managers.
        """

        analytics_method = ("execute_task", "execute_later", "execute_wrapped")

        @contextlib.contextmanager
        def execute_task(self):
            with self.execute_wrapped() as kind:
                yield kind

        @contextlib.asynccontextmanager
        async def execute_later(self):
            await asyncio.sleep(0)
            yield instrumented_span.current().kind

        @plainly_wrapped
        @contextlib.contextmanager
        def execute_wrapped(self):
            yield instrumented_span.current().kind

    @pytest.mark.parametrize(
        ("result", "outcome"),
        [({"success": False}, "failed"), (1, "completed"), (ConnectionError(), "failed")],
    )
    def test_a_returned_generator_is_the_session(self, seen, result, outcome):
        """
        What it returns in the end is its result.
        """
        generator = self.Returning().execute_task(result)
        with contextlib.suppress(ConnectionError):
            assert list(generator) == ["session"]

        assert seen.one("session").attributes[names.SESSION_OUTCOME] == outcome

    async def test_the_block_of_a_context_manager_is_the_session(self, seen):
        """
        One session for each block from outside.
        """
        droid = self.Managing()
        for method in (droid.execute_task, droid.execute_wrapped):
            with contextlib.suppress(ConnectionError), method() as kind:
                assert kind == instrumented_span.current().kind == "session"
                raise ConnectionError
        with contextlib.suppress(ConnectionError):
            async with droid.execute_later() as kind:
                assert kind == instrumented_span.current().kind == "session"
                raise ConnectionError

        outcomes = [span.attributes[names.SESSION_OUTCOME] for span in seen.records("session")]
        assert outcomes == ["failed"] * 3
