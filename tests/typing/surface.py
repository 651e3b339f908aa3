"""
What a type checker knows of decorators, handles and words, and what it refuses. Never run; see `api.py`.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial
from typing import assert_type

import droidscope as ds


class Droid:
    @ds.tool("a")
    @classmethod
    def made(cls, name: str) -> Droid:
        assert name
        return cls()

    @classmethod
    @ds.tool("b")
    def made_inside(cls, name: str) -> Droid:
        assert name
        return cls()

    @ds.tool("c")
    @staticmethod
    def free(number: int) -> int:
        return number

    @cached_property
    @ds.tool("d")
    def slow(self) -> str:
        return ""

    @ds.task("e", "t")
    async def work(self, hours: float) -> float:
        return hours


async def methods() -> None:
    assert_type(Droid.made("x"), Droid)
    assert_type(Droid.made_inside("x"), Droid)
    assert_type(Droid.free(1), int)
    assert_type(Droid().slow, str)
    assert_type(await Droid().work(1.5), float)
    Droid.free("1")  # type: ignore[arg-type] # the parameters are kept


@ds.gate("g", severity="high")
def check(report: str) -> bool:
    return bool(report)


@ds.gate("g")
def score(report: str) -> ds.Verdict:
    return ds.Verdict(bool(report), score=ds.percent(90))


@ds.synthesis
def integrate(parts: list[str]) -> str:
    return "".join(parts)


@ds.synthesis()
async def integrate_later(parts: list[str]) -> str:
    return "".join(parts)


@ds.model_call("m", provider="openai")
async def ask_model(prompt: str) -> dict[str, int]:
    return {prompt: 1}


@ds.ask("a", "b", deadline=5, id="i", correlation_id="c")
def question() -> Iterator[int]:
    yield 1


@ds.attempt
async def answers() -> AsyncIterator[str]:
    yield ""


assert_type(check("x"), bool)
assert_type(score("x"), ds.Verdict)
assert_type(integrate(["a"]), str)
assert_type(question(), Iterator[int])
assert_type(answers(), AsyncIterator[str])
assert_type(ds.tool("x")(partial(check, "x"))(), bool)


async def awaited() -> None:
    assert_type(await integrate_later(["a"]), str)
    assert_type(await ask_model("x"), dict[str, int])


def around() -> None:
    assert_type(ds.current(ds.Session), ds.Session | None)
    assert_type(ds.current(ds.Gate), ds.Gate | None)
    innermost = ds.current()
    if isinstance(innermost, ds.Phase):
        innermost.skip()
    if task := ds.current(ds.Task):
        assert_type(task.id, str)
        assert_type(task.droid, str)
        task.outcome("failed", error_type="timeout")
        task.output(cost_usd=0.1)
    ds.current(ds.Task).id  # type: ignore[union-attr] # noqa: B018 - there may be none
    ds.current("task")  # type: ignore[call-overload] # a class
    ds.current(str)  # type: ignore[type-var] # of droidscope's own


async def threads() -> None:
    def work(number: int) -> str:
        return str(number)

    async def later(number: int) -> str:
        return str(number)

    carried: Callable[[int], str] = ds.carry(work)
    with ThreadPoolExecutor() as pool:
        assert_type(pool.submit(ds.carry(work), 1).result(), str)
        assert_type(list(pool.map(ds.carry(work), range(3))), list[str])
        assert_type(await asyncio.get_running_loop().run_in_executor(pool, ds.carry(work), 1), str)
    assert_type(await ds.carry(later)(1), str)
    threading.Thread(target=ds.carry(work), args=(1,)).start()
    carried("1")  # type: ignore[arg-type] # the parameters are kept


def words() -> None:
    with ds.session("p") as session, ds.phase("f") as phase, ds.task("d") as task, ds.attempt() as attempt:
        session.outcome("cancelled")
        phase.outcome("skipped")
        task.outcome("completed")
        attempt.outcome("succeeded")
        session.outcome("skipped")  # type: ignore[arg-type] # of phases
        phase.outcome("succeeded")  # type: ignore[arg-type] # of attempts
        task.outcome("brilliant")  # type: ignore[arg-type] # of nothing
        attempt.outcome("completed")  # type: ignore[arg-type] # of tasks
    with ds.tool("x") as tool, ds.model_call("m") as call:
        tool.outcome("failed", error_type="timeout")
        call.outcome("cancelled")
    ds.gate("g", severity="urgent")  # type: ignore[arg-type] # critical, high, medium, low
    ds.conflict("schema", severity="HIGH")  # type: ignore[arg-type]
    ds.tell("a", "b", "response", id="i", correlation_id="c", rejected=True)


def misuse() -> None:
    ds.session(check)  # type: ignore[arg-type] # without parentheses
    ds.task("d", kind="t")  # type: ignore[call-arg]
    ds.output(filez=3)  # type: ignore[call-arg]
    ds.session()  # type: ignore[call-arg]
    ds.tool(3)  # type: ignore[arg-type]
    ds.tool("x")(3)  # type: ignore[type-var]
    ds.Session("p")  # type: ignore[call-arg] # sessions are opened, not made
    with ds.synthesis() as synthesis:
        synthesis.integrated(conflicts=1, missing_components=0, unresolved=0, gates_passed=True)
        synthesis.integrated(conflict=1)  # type: ignore[call-arg]
    with ds.gate("g") as gate:
        gate.passed(score=ds.ratio(0.5))
        gate.failed(0.9)  # type: ignore[arg-type] # no scale declared
        gate.begin()  # type: ignore[attr-defined] # nothing but what users need
