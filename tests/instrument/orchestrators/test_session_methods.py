"""
Which methods of an orchestrator may be sessions: any kind, by any name, and what is refused where.
"""

import asyncio
import enum
import functools
import inspect
from abc import ABC, abstractmethod

import pytest

import droidscope as ds
from droidscope.conventions import attributes as names

pytestmark = pytest.mark.usefixtures("alerted")


def drained(generator):
    return list(generator)


async def collected(generator):
    return [item async for item in generator]


class Run(ds.AnalyticsOrchestrator):
    analytics_method = "run"

    def run(self, *items):
        ds.progress(0.5)
        return list(items)


class Ainvoke(ds.AnalyticsOrchestrator):
    analytics_method = "ainvoke"

    async def ainvoke(self, *items):
        await asyncio.sleep(0)
        ds.progress(0.5)
        return list(items)


class Stream(ds.AnalyticsOrchestrator):
    analytics_method = "stream"

    def stream(self, *items):
        ds.progress(0.5)
        yield from items


class Astream(ds.AnalyticsOrchestrator):
    analytics_method = "astream"

    async def astream(self, *items):
        ds.progress(0.5)
        for item in items:
            yield item


class Static(ds.AnalyticsOrchestrator):
    analytics_method = "run"

    @staticmethod
    def run(*items):
        ds.progress(0.5)
        return list(items)


class OfClass(ds.AnalyticsOrchestrator):
    analytics_method = "run"

    @classmethod
    def run(cls, *items):
        ds.progress(0.5)
        return list(items)


class AsyncOfClass(ds.AnalyticsOrchestrator):
    analytics_method = "run"

    @classmethod
    async def run(cls, *items):
        ds.progress(0.5)
        return list(items)


class CamelCase(ds.AnalyticsOrchestrator):
    async def executeTask(self, *items):  # noqa: N802 - the specification's
        ds.progress(0.5)
        return list(items)


class Deferred(ds.AnalyticsOrchestrator):
    def execute_task(self, *items):
        async def rest():
            ds.progress(0.5)
            return list(items)

        return rest()


class Cached(ds.AnalyticsOrchestrator):
    @functools.cache  # noqa: B019 - what is tested
    def execute_task(self, *items):
        ds.progress(0.5)
        return list(items)


class Callable:
    def __call__(self, *items):
        ds.progress(0.5)
        return list(items)


class WithCallable(ds.AnalyticsOrchestrator):
    execute_task = Callable()


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (Run, "run"),
        (Ainvoke, "ainvoke"),
        (Stream, "stream"),
        (Astream, "astream"),
        (Static, "run"),
        (OfClass, "run"),
        (AsyncOfClass, "run"),
        (CamelCase, "executeTask"),
        (Deferred, "execute_task"),
        (Cached, "execute_task"),
        (WithCallable, "execute_task"),
    ],
)
async def test_a_method_of_any_kind_is_a_session(seen, kind, name):
    """
    It gives what it gave before, and what it records is inside of its session.
    """
    result = getattr(kind(), name)(1, 2)
    if inspect.isawaitable(result):
        result = await result
    elif inspect.isasyncgen(result):
        result = await collected(result)
    elif inspect.isgenerator(result):
        result = drained(result)

    assert result == [1, 2]
    session = seen.one("session")
    assert session.attributes[names.PATTERN_ID] == kind.__name__
    (progress,) = seen.events_named(names.PROGRESS_EVENT)
    assert progress.attributes[names.SESSION_ID] == session.attributes[names.SESSION_ID]


@pytest.mark.parametrize(
    ("kind", "name", "is_kind"),
    [
        (Ainvoke, "ainvoke", inspect.iscoroutinefunction),
        (AsyncOfClass, "run", inspect.iscoroutinefunction),
        (Stream, "stream", inspect.isgeneratorfunction),
        (Astream, "astream", inspect.isasyncgenfunction),
    ],
)
def test_a_method_stays_of_its_kind(kind, name, is_kind):
    """
    Frameworks look at it before they call it.
    """
    assert is_kind(getattr(kind(), name))


@pytest.mark.parametrize("kind", [Static, OfClass])
def test_a_method_without_an_object_is_a_session_too(seen, kind):
    """
    Called on the class.
    """
    kind.run(1)

    assert seen.one("session").attributes[names.PATTERN_ID] == kind.__name__


def test_a_generator_gets_what_is_sent_and_thrown(seen):
    """
    The session lasts until it ends, and has failed by what it raises.
    """

    class Echo(ds.AnalyticsOrchestrator):
        def execute_task(self):
            got = yield "ready"
            try:
                yield got
            except KeyError:
                yield "caught"

    generator = Echo().execute_task()

    assert next(generator) == "ready"
    assert generator.send("hello") == "hello"
    assert generator.throw(KeyError()) == "caught"
    assert not seen.records("session")
    with pytest.raises(ValueError, match="enough"):
        generator.throw(ValueError("enough"))
    assert seen.one("session").attributes[names.SESSION_OUTCOME] == "failed"


async def test_an_asynchronous_generator_gets_them_too(seen):
    """
    And one that is closed early has completed.
    """

    class Echo(ds.AnalyticsOrchestrator):
        async def execute_task(self):
            try:
                got = yield "ready"
                yield got
            except KeyError:
                yield "caught"
            yield "more"

    generator = Echo().execute_task()

    assert await anext(generator) == "ready"
    assert await generator.asend("hello") == "hello"
    assert await generator.athrow(KeyError()) == "caught"
    await generator.aclose()
    assert seen.one("session").attributes[names.SESSION_OUTCOME] == "completed"


def test_several_methods_may_be_sessions(seen):
    """
    One that calls another is one session, as is one that calls itself.
    """

    class Mine(ds.AnalyticsOrchestrator):
        analytics_method = ("run", "resume")

        def run(self, depth):
            return self.resume(depth)

        def resume(self, depth):
            return depth and self.run(depth - 1)

    assert Mine().run(3) == 0
    assert Mine().resume(3) == 0
    assert len(seen.records("session")) == 2


def test_another_object_has_a_session_of_its_own(seen):
    """
    An orchestrator that has one of the same class below it.
    """

    class Mine(ds.AnalyticsOrchestrator):
        def execute_task(self, depth):
            return depth and Mine().execute_task(depth - 1)

    Mine().execute_task(2)

    assert len(seen.records("session")) == 3


async def test_calls_at_the_same_time_are_sessions_of_their_own(seen):
    """
    Of one object, in tasks beside each other.
    """
    mine = Ainvoke()

    await asyncio.gather(*(mine.ainvoke(n) for n in range(5)))

    assert len({span.attributes[names.SESSION_ID] for span in seen.records("session")}) == 5


def test_a_subclass_may_name_another_method(seen):
    """
    The inherited one stays a session.
    """

    class Base(ds.AnalyticsOrchestrator):
        def execute_task(self):
            return "task"

        def run(self):
            return "run"

    class Mine(Base):
        analytics_method = "run"

    assert (Mine().run(), Mine().execute_task()) == ("run", "task")
    assert len(seen.records("session")) == 2


def test_an_abstract_method_is_a_session_where_it_is_defined(seen):
    """
    And stays abstract where it is declared.
    """

    class Abstract(ds.AnalyticsOrchestrator, ABC):
        analytics_method = "run"

        @abstractmethod
        def run(self):
            """
            Run.
            """

    class Mine(Abstract):
        def run(self):
            return 1

    with pytest.raises(TypeError, match="abstract"):
        Abstract()
    assert Mine().run() == 1
    assert seen.one("session")


def defined(**members):
    return type("Mine", (ds.AnalyticsOrchestrator,), members)


async def coroutine(*_):
    return "word"


def function(*_):
    return "word"


def generator(*_):
    yield "word"


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ({"analytics_method": "walk"}, "analytics_method of Mine names 'walk', which it does not have"),
        ({"analytics_method": ("run", "walk"), "run": function}, "names 'walk', which it does not have"),
        ({"analytics_method": 3}, "analytics_method of Mine has 3; expected a method's name"),
        ({"analytics_method": [function]}, "expected a method's name"),
        ({"analytics_method": "run", "run": 3}, "run of Mine is of type int; expected a method"),
        ({"execute_task": property(function)}, "execute_task of Mine is of type property; expected a method"),
        (
            {"execute_task": function, "analytics_pattern": coroutine},
            "execute_task of Mine is synchronous, and cannot await analytics_pattern",
        ),
        (
            {"execute_task": generator, "analytics_pattern": coroutine},
            "execute_task of Mine is synchronous, and cannot await analytics_pattern",
        ),
        (
            {"execute_task": function, "analytics_pattern": generator},
            "analytics_pattern of Mine is a generator",
        ),
        ({"execute_task": function, "outcome_of": coroutine}, "outcome_of of Mine is asynchronous"),
        (
            {"execute_task": staticmethod(function), "analytics_pattern": function},
            "execute_task of Mine is called without an object, and analytics_pattern needs one",
        ),
        (
            {"execute_task": classmethod(function), "handle_alerts": function},
            "execute_task of Mine is called without an object, and handle_alerts needs one",
        ),
    ],
)
def test_what_cannot_work_is_refused_where_the_class_is_defined(members, sentence):
    """
    Not in the call that it would have failed.
    """
    with pytest.raises(TypeError) as error:
        defined(**members)

    assert sentence in str(error.value)


def test_a_class_without_such_a_method_is_warned_about(caplog):
    """
    Where it has one of a usual name; it is not where it wants no sessions, or is to be derived from.
    """
    defined(run=function)
    assert "Mine has no method execute_task or executeTask" in caplog.text
    assert "set analytics_method = 'run'" in caplog.text

    caplog.clear()
    defined(run=function, analytics_method=())
    defined(walk=function)
    assert not caplog.records


class Pattern(enum.Enum):
    BUG_FIX = "bug-fix"
    FEATURE = 2


class Word(str, enum.Enum):  # noqa: UP042 - it is written as its name, unlike a StrEnum
    DOCS = "docs"


class Other:
    """
    Something with an address.
    """


@pytest.mark.parametrize(
    ("pattern", "label"),
    [
        ("review", "review"),
        (Pattern.BUG_FIX, "bug-fix"),
        (Pattern.FEATURE, "FEATURE"),
        (Word.DOCS, "docs"),
        (Other, "Other"),
        (lambda self, request: Pattern.BUG_FIX, "bug-fix"),  # noqa: ARG005 - as the method has it
        (lambda self, request: self.outcome_of, "outcome_of"),  # noqa: ARG005 - likewise
        (lambda self, request: function, "function"),  # noqa: ARG005 - likewise
        (lambda self, request: functools.partial(function), "partial"),  # noqa: ARG005 - likewise
        (staticmethod(lambda request: request), "build"),
        (classmethod(lambda cls, request: cls.__name__ + request), "Minebuild"),
        (lambda self, request: Other(), "Mine"),  # noqa: ARG005 - likewise
        (Other(), "Mine"),
        (lambda self, request: 3, "Mine"),  # noqa: ARG005 - likewise
        (lambda self, request: None, "Mine"),  # noqa: ARG005 - likewise
        (lambda self, request: coroutine(), "Mine"),  # noqa: ARG005 - likewise
        ("", "Mine"),
    ],
)
def test_no_pattern_is_an_address(seen, pattern, label):
    """
    A member is its value or name, a function or class its name, and what is no word the class.
    """
    mine = defined(execute_task=lambda self, request: request, analytics_pattern=pattern)  # noqa: ARG005 - likewise

    mine().execute_task("build")

    assert seen.one("session").attributes[names.PATTERN_ID] == label


@pytest.mark.parametrize("kind", ["coroutine", "generator"])
async def test_an_asynchronous_pattern_is_awaited(seen, kind):
    """
    By coroutines and by asynchronous generators; one that fails costs the pattern.
    """

    class Mine(ds.AnalyticsOrchestrator):
        async def analytics_pattern(self, request):
            await asyncio.sleep(0)
            return {"build": Pattern.BUG_FIX}[request]

        if kind == "coroutine":

            async def execute_task(self, request):
                return request
        else:

            async def execute_task(self, request):
                yield request

    for request in ("build", "other"):
        result = Mine().execute_task(request)
        await (result if kind == "coroutine" else collected(result))

    assert [span.attributes[names.PATTERN_ID] for span in seen.spans] == ["bug-fix", "Mine"]


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        ({"success": False}, "failed"),
        ({"status": "done"}, "completed"),
        (None, "completed"),
        (False, "failed"),
    ],
)
@pytest.mark.parametrize("kind", [Run, Ainvoke, Stream, OfClass])
async def test_the_outcome_is_read_from_the_result(seen, kind, result, outcome):
    """
    Of a function, a coroutine, a generator and a class method.
    """

    class Mine(ds.AnalyticsOrchestrator):
        if kind is Run:

            def execute_task(self):
                return result
        elif kind is Ainvoke:

            async def execute_task(self):
                return result
        elif kind is Stream:

            def execute_task(self):
                yield
                return result
        else:

            @classmethod
            def execute_task(cls):
                return result

    given = Mine().execute_task()
    if inspect.isawaitable(given):
        await given
    elif inspect.isgenerator(given):
        drained(given)

    assert seen.one("session").attributes[names.SESSION_OUTCOME] == outcome


@pytest.mark.parametrize(
    ("verdict", "outcome"),
    [("failed", "failed"), (False, "failed"), (True, "completed"), (None, "completed")],
)
def test_an_orchestrator_may_read_its_results_itself(seen, verdict, outcome):
    """
    A word, or whether it succeeded; only the outermost result counts.
    """

    class Base(ds.AnalyticsOrchestrator):
        def execute_task(self):
            return {"success": False}

        def outcome_of(self, result):
            assert result == "outer"
            return verdict

    class Mine(Base):
        def execute_task(self):
            super().execute_task()
            return "outer"

    Mine().execute_task()

    assert seen.one("session").attributes[names.SESSION_OUTCOME] == outcome


def test_an_error_while_reading_a_result_costs_nothing_but_the_verdict(seen, caplog):
    """
    It is logged, and the result is returned.
    """
    mine = defined(execute_task=lambda self: 7, outcome_of=lambda self, result: result.nothing)  # noqa: ARG005 - of the test

    assert mine().execute_task() == 7
    assert seen.one("session").attributes[names.SESSION_OUTCOME] == "completed"
    assert "has no attribute 'nothing'" in caplog.text
