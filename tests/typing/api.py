"""
The public API as users write it. Never run; mypy --strict must find nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, assert_type

import droidscope as ds

ds.configure()
ds.configure(service_name="fleet", endpoint="http://127.0.0.1:4318", protocol="grpc", headers={"a": "b"})


@ds.session(pattern="full-stack-feature", plan=["phase-1"], planned=timedelta(hours=1))
async def build_feature(request: str) -> int:
    return len(request)


@ds.phase("phase-3-implementation", depends_on=["phase-1-architecture"], planned=90)
def implement(plan: str, *, fast: bool = False) -> str:
    return plan if fast else ""


assert_type(implement("x", fast=True), str)
implement(1)  # type: ignore[arg-type] # the parameters are kept


@ds.task(droid="frontend-developer", type="implementation")
@ds.attempt
async def build_ui(spec: str) -> bytes:
    return spec.encode()


@ds.attempt()
def once() -> None: ...


@ds.attempt(number=2)
def twice() -> None: ...


@ds.tool("stream")
def stream() -> Iterator[int]:
    yield 1


@ds.tool("async-stream")
async def async_stream() -> AsyncIterator[str]:
    yield ""


assert_type(stream(), Iterator[int])
assert_type(async_stream(), AsyncIterator[str])
assert_type(once(), None)


class Droid:
    @ds.task("me")
    def work(self, hours: float) -> float:
        return hours


assert_type(Droid().work(1.5), float)

factory: Callable[[], None] = ds.tool("x")(lambda: None)


async def blocks() -> None:
    assert_type(await build_feature("x"), int)
    assert_type(await build_ui("x"), bytes)
    with ds.session("p", id="s", name="P") as session, ds.phase("f") as phase, ds.task("d") as task:
        assert_type(session, ds.Session)
        assert_type(session.id, str)
        session.outcome("failed", error_type="timeout")
        phase.skip()
        task.output(files_created=1, code_quality=ds.ten(9.2))
        with ds.attempt() as attempt:
            assert_type(attempt, ds.Attempt)
            assert_type(attempt.number, int)
    async with ds.ask("a", "b", deadline=900) as query:
        assert_type(query, ds.Query)
        query.rejected()
        query.unanswered()
    with ds.task("d", id="t", delivery=2, max_deliveries=3, attributes={"customer": "a"}) as delivered:
        delivered.retry_later()
        delivered.outcome("cancelled")
        delivered.set_attribute("tier", 1)
    with ds.session("p", id="s", resume=True, attributes={"urgent": True}) as resumed:
        resumed.set_attributes({"score": 0.5})
        resumed.wait("approval")
    with ds.model_call("m", provider="openai") as call:
        assert_type(call, ds.ModelCall)
        call.usage({"input_tokens": 1})
        call.used(input_tokens=1, output_tokens=1, cache_read_tokens=0, cost_usd=0.1, response_model="m-1")
    async with ds.waiting("approval"):
        ds.resumed()
    assert_type(ds.flush(), bool)
    assert_type(ds.shutdown(timeout_seconds=2), bool)


def calls() -> None:
    ds.tell("a", None, type="discovery")
    ds.tell("a", "b", "query")  # type: ignore[arg-type] # `ask` is the word for a query
    ds.output(
        files_created=3,
        test_coverage=ds.percent(94),
        code_quality=ds.ten(9.2),
        security=ds.ratio(0.95),
        findings={"high": 1},
        issues=["E501"],
        model="m",
        input_tokens=1,
        output_tokens=1,
        cost_usd=0.1,
        sarif="bandit.sarif",
        coverage=Path("coverage.xml"),
        junit=["a.xml", Path("b.xml")],
    )
    ds.output(code_quality=0.9)  # type: ignore[typeddict-item, arg-type, unused-ignore] # no scale declared
    ds.conflict("schema", severity="high")
    with ds.blocked("waiting for review"):
        ds.progress(0.4)
    ds.blocked("again")
    ds.unblocked()
    with ds.gate("security_compliance", category="security", severity="critical") as gate:
        gate.passed(score=ds.ten(8.5))
    with ds.synthesis() as synthesis:
        synthesis.integrated(conflicts=0, missing_components=0)


class Base:
    async def execute_task(self, request: str) -> str:
        return request


class Mine(ds.AnalyticsOrchestrator, Base):
    analytics_pattern = "bug-fix"

    def handle_alerts(self, alerts: list[Any]) -> None:
        assert alerts


class After(Base, ds.AnalyticsOrchestrator):
    pass


async def orchestrate() -> None:
    assert_type(await Mine().execute_task("x"), str)
    assert_type(await After().execute_task("x"), str)


Mine().generate_performance_report("daily")
Mine().generate_performance_report("hourly")  # type: ignore[arg-type] # no such period
