"""
Tasks whose attempts and model requests come from several processes: whatever the order of arrival, the
values are those that are counted by hand here, without the product.
"""

from __future__ import annotations

import itertools
from collections import Counter
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import builders as b
from droidscope.conventions import metrics as m
from droidscope.facts.facts import AttemptsEnded, Retries, TasksEnded
from rig import Rig

MODEL = {"gen_ai__request__model": "m1"}
OUTCOME_OF_ATTEMPT = {"completed": "succeeded", "failed": "failed", "cancelled": "cancelled"}


class Try(NamedTuple):
    outcome: str
    droid: str
    quality: int | None = None
    tokens: int = 0


class Task(NamedTuple):
    """
    *names_tries*: whether the task knows how many attempts it had; *lost* of them never arrive.
    """

    outcome: str
    droid: str
    tries: tuple[Try, ...] = ()
    names_tries: bool = True
    lost: int = 0
    quality: int | None = None
    tokens: int = 0
    requests: tuple[int, ...] = ()

    def spans(self, id, minute):
        of = {"task__id": id, "task__type": "code", "pattern__id": "bug-fix"}
        start = 60 * minute
        yield b.span(
            "task",
            gen_ai__agent__name=self.droid,
            task__outcome=self.outcome,
            task__attempts=len(self.tries) + self.lost if self.names_tries else 0,
            start=start,
            seconds=50,
            **produced(self.quality, self.tokens),
            **of,
        )
        for number, each in enumerate(self.tries, 1):
            yield b.span(
                "attempt",
                gen_ai__agent__name=each.droid,
                task__outcome=each.outcome,
                task__attempt=number,
                start=start - 60 * number,
                **produced(each.quality, each.tokens),
                **of,
            )
        for tokens in self.requests:
            yield b.span("model_request", gen_ai__agent__name=self.droid, **produced(None, tokens), **of)


def produced(quality, tokens):
    of = {} if quality is None else {"output__code_quality_score": float(quality)}
    return of | ({"gen_ai__usage__input_tokens": tokens, **MODEL} if tokens else {})


def by_hand(tasks):
    """
    What the tasks come to, as {(what, labels): value}.
    """
    counts = Counter()
    for task in tasks:
        counts["tasks", task.droid, task.outcome] += 1
        tried = [(each.droid, each.outcome) for each in task.tries]
        itself = task.droid, OUTCOME_OF_ATTEMPT[task.outcome]
        if not (task.names_tries and len(task.tries) + task.lost) and itself not in tried:
            tried.append(itself)
        for droid, outcome in tried:
            counts["attempts", droid, outcome] += 1
        for each in task.tries[1:]:
            counts["retries", each.droid] += each.outcome != "cancelled"
        given = [task.quality, *(each.quality for each in reversed(task.tries))]
        counts["quality", task.droid] += next((points for points in given if points is not None), 0)
        of_tries = sum(each.tokens for each in task.tries)
        counts["tokens", task.droid] += task.tokens or of_tries or sum(task.requests)
        counts["requests"] += len(task.requests)
    return +counts


def counted(rig):
    """
    The same as the exporter has it.
    """
    counts = Counter()
    for droid in ("coder", "tester"):
        for outcome in ("completed", "failed", "cancelled"):
            counts["tasks", droid, outcome] = rig.value(m.TASKS, droid, "code", outcome)
        for outcome in ("succeeded", "failed", "cancelled"):
            counts["attempts", droid, outcome] = rig.value(m.ATTEMPTS, droid, "code", outcome)
        counts["retries", droid] = rig.value(m.RETRIES, droid, "code")
        counts["quality", droid] = rig.value(m.CODE_QUALITY, "bug-fix", droid, "code")
        counts["tokens", droid] = rig.value(m.TOKENS, droid, "m1", "input")
    counts["requests"] = rig.head.series.total(m.MODEL_REQUESTS)
    return Counter({key: value for key, value in counts.items() if value})


def by_minute(rig):
    """
    The facts of tasks and attempts, by minute: their sums over windows of different ends.
    """
    found = {}
    for minute in range(70):
        sums = rig.head.windows.sums(("atlas",), "1h", b.NOON + minute * 60 * b.SECOND)
        found[minute] = {
            key: amount
            for key, amount in sums.items()
            if isinstance(key, (TasksEnded, AttemptsEnded, Retries)) and amount
        }
    return found


outcomes = st.sampled_from(["completed", "failed", "cancelled"])
droids = st.sampled_from(["coder", "tester"])
points = st.none() | st.integers(1, 100)
tokens = st.sampled_from([0, 0, 5, 7])
tries = st.builds(Try, outcomes.map(OUTCOME_OF_ATTEMPT.get), droids, points, tokens)
named = st.builds(
    Task,
    outcomes,
    droids,
    st.lists(tries, max_size=3).map(tuple),
    st.just(True),
    st.sampled_from([0, 0, 1]),
    points,
    tokens,
    st.lists(st.integers(1, 9), max_size=2).map(tuple),
)
unnamed = st.builds(
    Task,
    outcomes,
    droids,
    st.lists(tries.map(lambda each: each._replace(quality=None)), max_size=3).map(tuple),
    st.just(False),
    st.just(0),
    points,
    tokens,
    st.just(()),
)
sessions = st.lists(named | unnamed, min_size=1, max_size=3)


@given(sessions, st.randoms(use_true_random=False))
@example([Task("completed", "coder", (Try("failed", "coder"), Try("succeeded", "coder")), False)], None)
@example([Task("completed", "coder", (Try("failed", "tester", 10), Try("succeeded", "tester", 20)))], None)
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_the_order_of_attempts_and_tasks_changes_nothing(tmp_path_factory, tasks, random):
    """
    Attempts before, between and after their task, and after the end of the session, each in a request of its
    own from one of two processes; some that a task names never come.
    """
    spans = [span for n, task in enumerate(tasks, 2) for span in task.spans(f"t{n}", n)]
    spans.append(b.session(seconds=300))
    orders = [spans, spans[::-1]]
    if random is not None:
        orders.append(random.sample(spans, len(spans)))
    facts = []
    for order in orders:
        rig = Rig(tmp_path_factory.mktemp("rig"))
        rig.now = 3600 * b.SECOND
        rig.pass_seconds(0)
        for number, span in enumerate(order):
            rig.send("traces", b.traces(span, **{"service.instance.id": f"p{number % 2}"}))
        rig.pass_seconds(5)
        assert counted(rig) == by_hand(tasks)
        facts.append(by_minute(rig))
        rig.pipeline.stop()

    assert facts[1:] == facts[:-1]


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_the_deliveries_of_a_task_are_its_attempts(tmp_path, order):
    """
    Three processes tried; the last one's task names three attempts.
    """
    of = {"task__id": "t1", "task__type": "code", "pattern__id": "bug-fix", "gen_ai__agent__name": "coder"}
    spans = [
        b.span("attempt", task__attempt=1, error="ConnectionError", output__test_coverage=10.0, **of),
        b.span("attempt", task__attempt=2, error="ConnectionError", output__test_coverage=20.0, **of),
        b.span("attempt", task__attempt=3, **of),
        b.span("task", task__attempts=3, **of),
    ]
    rig = Rig(tmp_path / "store")
    for number in order:
        body = b.traces(spans[number], **{"service.instance.id": f"worker-{number}"})
        rig.send("traces", body)

    assert rig.value(m.TASKS, "coder", "code", "completed") == 1
    assert rig.value(m.ATTEMPTS, "coder", "code", "failed") == 2
    assert rig.value(m.ATTEMPTS, "coder", "code", "succeeded") == 1
    assert rig.value(m.RETRIES, "coder", "code") == 2
    assert rig.value(m.TEST_COVERAGE, "coder") == 20


def delivered_again(outcomes):
    """
    The spans of deliveries of one task that all end it, in groups as each process sends them.
    """
    of = {"task__id": "t1", "task__type": "code", "pattern__id": "bug-fix", "gen_ai__agent__name": "coder"}
    for number, outcome in outcomes:
        tried = b.span("attempt", task__attempt=number, task__outcome=OUTCOME_OF_ATTEMPT[outcome], **of)
        ends = {"task__attempts": number, "task__delivery": number, "task__outcome": outcome}
        yield tried, b.span("task", **ends, **of)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("ended", [False, True])
def test_a_task_that_deliveries_end_again_is_one_task(tmp_path, order, ended):
    """
    One number came twice, one failed; that which arrives first decides. All of them stay attempts, whether
    they arrive before the end of the session, after it, or after a restart.
    """
    outcomes = [(1, "completed"), (1, "completed"), (2, "failed")]
    deliveries = list(delivered_again(outcomes))
    rig = Rig(tmp_path / "store")
    if ended:
        rig.send("traces", b.traces(b.session()))
    for number in order:
        rig.send("traces", b.traces(*deliveries[number], **{"service.instance.id": f"worker-{number}"}))
        rig.restart()
    rig.pass_seconds(5)

    first = outcomes[order[0]][1]
    tasks = {outcome: rig.value(m.TASKS, "coder", "code", outcome) for outcome in ("completed", "failed")}
    assert tasks == {"completed": 0, "failed": 0} | {first: 1}
    assert rig.value(m.ATTEMPTS, "coder", "code", "succeeded") == 2
    assert rig.value(m.ATTEMPTS, "coder", "code", "failed") == 1
    assert rig.value(m.RETRIES, "coder", "code") == 1


def test_tasks_of_one_id_that_no_queue_delivers_are_several(tmp_path):
    """
    Nothing says that they are one.
    """
    of = {"task__id": "t1", "task__type": "code", "pattern__id": "bug-fix", "gen_ai__agent__name": "coder"}
    rig = Rig(tmp_path / "store")
    rig.send("traces", b.traces(b.span("task", **of), b.span("task", **of)))

    assert rig.value(m.TASKS, "coder", "code", "completed") == 2


def test_what_a_task_waits_for_survives_a_restart(tmp_path):
    """
    Its output counts once its second attempt is here, or its session has ended.
    """
    of = {"task__type": "code", "pattern__id": "bug-fix", "gen_ai__agent__name": "coder"}
    rig = Rig(tmp_path / "store")
    for id_ in ("t1", "t2"):
        attempt = b.span("attempt", task__attempt=1, output__test_coverage=10.0, task__id=id_, **of)
        rig.send("traces", b.traces(b.span("task", task__attempts=2, task__id=id_, **of), attempt))
    before = rig.state()
    rig.restart()
    assert rig.state()["sessions"] == before["sessions"]
    assert not rig.value(m.TEST_COVERAGE, "coder")
    rig.send("traces", b.traces(b.span("attempt", task__attempt=2, task__id="t1", **of)))
    assert rig.value(m.TEST_COVERAGE, "coder") == 10
    rig.send("traces", b.traces(b.session()))
    rig.pass_seconds(2)
    assert rig.value(m.TEST_COVERAGE, "coder") == 20


def test_a_model_request_outside_of_tasks_counts_at_once(tmp_path):
    """
    With its tokens; inside of one they are the task's, and count all the same if its session is lost.
    """
    rig = Rig(tmp_path / "store")
    usage = {"gen_ai__usage__input_tokens": 5, **MODEL}
    rig.send("traces", b.traces(b.span("model_request", pattern__id="bug-fix", **usage)))
    assert rig.value(m.TOKENS, "", "m1", "input") == 5
    inside = b.span(
        "model_request", pattern__id="bug-fix", task__id="t1", gen_ai__agent__name="coder", **usage
    )
    rig.send("traces", b.traces(inside))
    assert not rig.value(m.TOKENS, "coder", "m1", "input")
    rig.pass_seconds(4 * 3600)
    assert rig.value(m.TOKENS, "coder", "m1", "input") == 5
    assert rig.value(m.MODEL_REQUESTS, "m1", "succeeded") == 2
