"""
The mixin wraps an existing orchestrator and asks the exporter for it.
"""

import asyncio
import inspect

import pytest

import droidscope as ds
from droidscope.conventions import attributes as names


class Base:
    """
    Somebody's orchestrator.
    """

    def execute_task(self, request, *, fail=False):
        if fail:
            raise ValueError(request)
        return f"done: {request}"


class AsyncBase:
    """
    Somebody's asynchronous orchestrator.
    """

    async def execute_task(self, request):
        await asyncio.sleep(0)
        return f"done: {request}"


def test_execute_task_is_a_session(seen, alerted):
    """
    Arguments and result pass; the pattern is the class by default.
    """

    class Mine(ds.AnalyticsOrchestrator, Base):
        pass

    mine = Mine()

    assert mine.execute_task("build") == "done: build"
    assert seen.one("session").attributes[names.PATTERN_ID] == "Mine"
    assert alerted == [mine]


async def test_an_asynchronous_execute_task_stays_one(seen, alerted):
    """
    The session lasts until the coroutine has ended; the pattern may be a word.
    """

    class Mine(ds.AnalyticsOrchestrator, AsyncBase):
        analytics_pattern = "bug-fix"

    coroutine = Mine().execute_task("build")
    assert not seen.spans

    assert await coroutine == "done: build"
    assert seen.one("session").attributes[names.PATTERN_ID] == "bug-fix"
    assert len(alerted) == 1


@pytest.mark.usefixtures("alerted")
def test_the_pattern_may_depend_on_the_task(seen):
    """
    A method gets what `execute_task` gets; one that fails costs the pattern, not the task.
    """

    class Mine(ds.AnalyticsOrchestrator, Base):
        def analytics_pattern(self, request, **_):
            return {"login": "authentication-system"}[request]

    assert Mine().execute_task("login") == "done: login"
    assert Mine().execute_task("other") == "done: other"

    assert [span.attributes[names.PATTERN_ID] for span in seen.spans] == ["authentication-system", "Mine"]


@pytest.mark.usefixtures("alerted")
def test_a_failing_task_is_a_failed_session(seen):
    """
    The exception passes.
    """

    class Mine(ds.AnalyticsOrchestrator, Base):
        pass

    with pytest.raises(ValueError, match="build"):
        Mine().execute_task("build", fail=True)

    assert seen.one("session").attributes[names.SESSION_OUTCOME] == "failed"


@pytest.mark.usefixtures("alerted")
def test_a_subclass_may_do_more_around_it(seen):
    """
    An override that calls `super()` has one session, not two.
    """

    class Mine(ds.AnalyticsOrchestrator, Base):
        def execute_task(self, request):
            return super().execute_task(request).upper()

    assert Mine().execute_task("build") == "DONE: BUILD"
    assert seen.one("session")


class Whole(ds.AnalyticsOrchestrator):
    """
    An orchestrator of one piece.
    """

    def execute_task(self, request):
        return f"done: {request}"


class After(Base, ds.AnalyticsOrchestrator):
    """
    The mixin behind the base.
    """


class Plain(After):
    """
    A subclass that changes nothing.
    """


class Special(After):
    """
    A subclass that asks its base.
    """

    def execute_task(self, request):
        return super().execute_task(request)


class Alone(After):
    """
    A subclass that does not.
    """

    def execute_task(self, request):
        return f"done: {request}"


@pytest.mark.usefixtures("alerted")
@pytest.mark.parametrize("mine", [Whole, After, Plain, Special, Alone])
def test_execute_task_is_one_session_wherever_it_is_defined(seen, mine):
    """
    By the class itself, by a base before the mixin, by a subclass with and without `super()`.
    """
    assert mine().execute_task("build") == "done: build"

    assert seen.one("session").attributes[names.PATTERN_ID] == mine.__name__


class AsyncAfter(AsyncBase, ds.AnalyticsOrchestrator):
    """
    The mixin behind an asynchronous base.
    """


class AsyncSpecial(AsyncAfter):
    """
    A subclass of it that asks its base.
    """

    async def execute_task(self, request):
        return await super().execute_task(request)


@pytest.mark.usefixtures("alerted")
@pytest.mark.parametrize("mine", [AsyncAfter, AsyncSpecial])
async def test_an_asynchronous_execute_task_is_one_session_too(seen, mine):
    """
    And can still be told from a synchronous one.
    """
    assert inspect.iscoroutinefunction(mine().execute_task)

    assert await mine().execute_task("build") == "done: build"
    assert seen.one("session").attributes[names.PATTERN_ID] == mine.__name__


@pytest.mark.usefixtures("alerted")
def test_execute_task_may_call_itself(seen):
    """
    It is the work of one session.
    """

    class Mine(ds.AnalyticsOrchestrator):
        def execute_task(self, depth):
            return depth and 1 + self.execute_task(depth - 1)

    assert Mine().execute_task(2) == 2
    assert seen.one("session")


def test_execute_task_keeps_its_signature():
    """
    As any decorated function does.
    """
    assert inspect.signature(After().execute_task) == inspect.signature(Base().execute_task)


def test_without_a_provider_execute_task_is_as_ever(monkeypatch, alerted):
    """
    And nobody is asked for alerts.
    """
    monkeypatch.setenv("DROIDSCOPE_URL", "http://127.0.0.1:1")

    assert After().execute_task("build") == "done: build"
    assert asyncio.run(AsyncAfter().execute_task("build")) == "done: build"
    assert not alerted
