"""
A decorator works above whatever can be called, or is refused where it stands: never a silent nothing.
"""

import abc
import asyncio
import functools
import inspect
import types

import pytest

import droidscope as ds
from droidscope.conventions import attributes as names


class Droid:
    """
    A class whose methods of each kind are decorated, with the decorator outside and inside.
    """

    @ds.tool("outside")
    @classmethod
    def made(cls):
        return cls

    @classmethod
    @ds.tool("inside")
    def made_inside(cls):
        return cls

    @ds.tool("outside")
    @staticmethod
    def free():
        return "free"

    @ds.tool("outside")
    @property
    def size(self):
        """How large."""
        return 7

    @size.setter
    def size(self, value):
        self.kept = value

    @ds.tool("outside")
    @functools.cached_property
    def slow(self):
        self.__dict__["reads"] = self.__dict__.get("reads", 0) + 1
        return "slow"

    def add(self, a, b):
        return a + b

    add_one = ds.tool("outside")(functools.partialmethod(add, 1))

    @ds.tool("outside")
    @classmethod
    async def made_later(cls):
        return cls


def test_descriptors_are_rebuilt_around_what_is_inside(seen):
    """
    Class methods, static methods, properties and partial methods do what they did, each call in a span.
    """
    with ds.session("p"):
        droid = Droid()
        droid.size = 3
        results = [
            Droid.made(),
            droid.made(),
            Droid.made_inside(),
            Droid.free(),
            droid.size,
            droid.add_one(2),
        ]

    assert results == [Droid, Droid, Droid, "free", 7, 3]
    assert droid.kept == 3
    assert len(seen.records("tool")) == len(results)
    assert Droid.size.__doc__ == "How large."


def test_a_cached_property_is_read_once(seen):
    """
    A span for the reading, none for the cached value.
    """
    droid = Droid()
    with ds.session("p"):
        assert (droid.slow, droid.slow, droid.reads) == ("slow", "slow", 1)

    assert seen.one("tool").name == "execute_tool outside"


async def test_an_async_class_method_stays_one(seen):
    """
    Its span lasts until it has been awaited.
    """
    assert inspect.iscoroutinefunction(Droid.made_later)
    with ds.session("p"):
        assert await Droid.made_later() is Droid

    assert seen.one("tool")


def test_abstract_methods_stay_abstract():
    """
    Whatever the order of the decorators.
    """

    class Base(abc.ABC):
        @ds.tool("x")
        @classmethod
        @abc.abstractmethod
        def made(cls): ...

        @ds.tool("x")
        @property
        @abc.abstractmethod
        def size(self): ...

    assert Base.__abstractmethods__ == {"made", "size"}


def test_a_cached_function_keeps_its_cache(seen):
    """
    And what is called to look at it or to clear it.
    """

    @ds.tool("square")
    @functools.lru_cache(maxsize=8)
    def square(number):
        return number * number

    with ds.session("p"):
        assert [square(3), square(3)] == [9, 9]
    assert square.cache_info().hits == 1
    assert square.cache_parameters()["maxsize"] == 8
    square.cache_clear()
    assert square.cache_info().currsize == 0
    assert len(seen.records("tool")) == 2


def test_a_generic_function_still_registers(seen):
    """
    What is registered later is called within a span, too.
    """

    @ds.tool("show")
    @functools.singledispatch
    def show(value):
        return type(value).__name__

    @show.register
    def _(value: int):
        return f"number {value}"

    with ds.session("p"):
        assert (show("a"), show(1)) == ("str", "number 1")
    assert show.dispatch(int)(1) == "number 1"
    assert len(seen.records("tool")) == 2


def test_a_partial_binds_as_a_partial_does(seen):
    """
    In a class it gets no self before Python 3.14, and so it is after decoration.
    """
    plain = functools.partial(max, 1)
    decorated = ds.tool("max")(plain)

    with ds.session("p"):
        assert decorated(5) == 5
    assert type(decorated) is functools.partial
    assert seen.one("tool")


async def test_callables_of_all_kinds_are_called(seen):
    """
    Objects with `__call__`, bound methods, built-in functions, lambdas.
    """

    class Caller:
        def __call__(self, value):
            return value

    class AsyncCaller:
        async def __call__(self, value):
            return value

    decorate = ds.tool("x")
    with ds.session("p"):
        assert decorate(Caller())(1) == 1
        assert await decorate(AsyncCaller())(2) == 2
        assert decorate([].append)(3) is None
        assert decorate(len)("abc") == 3
        assert decorate(lambda: 4)() == 4
        assert decorate("a-b".split)("-") == ["a", "b"]

    assert len(seen.records("tool")) == 6


async def test_a_coroutine_made_of_a_generator_can_be_awaited(seen):
    """
    As `types.coroutine` makes them.
    """

    @ds.tool("old")
    @types.coroutine
    def old():
        yield from asyncio.sleep(0).__await__()
        return "done"

    with ds.session("p"):
        assert await old() == "done"
    assert seen.one("tool").status.is_ok


@pytest.mark.parametrize(
    ("ask", "kind"),
    [
        (inspect.iscoroutinefunction, "coroutine"),
        (asyncio.iscoroutinefunction, "coroutine"),
        (inspect.isgeneratorfunction, "generator"),
        (inspect.isasyncgenfunction, "async generator"),
    ],
)
def test_what_it_is_can_still_be_asked(ask, kind):
    """
    Frameworks ask before they call; each answer is that of the function, for partials as well.
    """

    async def coroutine(): ...

    def generator():
        yield

    async def async_generator():
        yield

    functions = {"coroutine": coroutine, "generator": generator, "async generator": async_generator}
    for name, function in functions.items():
        for decorated in (function, functools.partial(function)):
            for decorate in (ds.session("p"), ds.task("d"), ds.attempt, ds.gate("g"), ds.synthesis):
                assert ask(decorate(decorated)) == (name == kind)


def test_synthesis_needs_no_parentheses(seen):
    """
    `@synthesis` and `@synthesis()` are the same.
    """

    def integrate():
        ds.current(ds.Synthesis).integrated(conflicts=2)
        return "done"

    with ds.session("p"):
        assert ds.synthesis(integrate)() == ds.synthesis()(integrate)() == "done"

    assert [span.attributes[names.SYNTHESIS_CONFLICTS] for span in seen.records("synthesis")] == [2, 2]


def test_a_decorator_above_decorators_is_two_spans(seen):
    """
    The outer one is around the inner one.
    """

    @ds.task("d")
    @ds.attempt
    @ds.tool("x")
    def work():
        return "done"

    with ds.session("p"):
        assert work() == "done"

    assert [span.attributes[names.KIND] for span in seen.spans] == ["tool", "attempt", "task", "session"]


class Foreign:
    """
    A descriptor of another library, which holds its function somewhere.
    """

    def __get__(self, instance, owner):
        return 3


@pytest.mark.parametrize(
    ("refused", "message"),
    [
        (Droid, "which is a class: decorate its methods"),
        (3, "which is not callable"),
        (None, "which is not callable"),
        (Foreign(), "which is not callable"),
        (property(), "a property without a getter"),
        (functools.singledispatchmethod(len), "decorate the implementations"),
        (ds.tool("x"), "decorate a function"),
    ],
)
def test_what_cannot_be_decorated_is_refused(refused, message):
    """
    Where the decorator stands, in a sentence.
    """
    for decorate in (ds.session("p"), ds.task("d"), ds.gate("g"), ds.attempt()):
        with pytest.raises(TypeError, match=message):
            decorate(refused)


async def test_what_a_coroutine_function_returned_is_refused():
    """
    A decorator above a call instead of above the function.
    """

    async def work(): ...

    running = work()
    with pytest.raises(TypeError, match="decorate the function"):
        ds.task("d")(running)
    await running


def test_operations_and_what_they_open_say_what_they_are(seen):
    """
    For whoever prints them.
    """
    assert repr(ds.task("d")) == "<droidscope.task: a decorator, and a block of `with`>"
    with ds.session("p", id="s") as session, ds.gate("g") as gate:
        assert repr(session) == "<droidscope session 's', open>"
        assert repr(gate) == "<droidscope gate 'g', open>"
    assert repr(session) == "<droidscope session 's', ended>"
    assert seen.one("gate")
