"""
What each record counts: the definitions of docs/kpis.md and docs/metrics.md, one sentence each.
"""

from __future__ import annotations

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import builders as b
from droidscope.conventions import metrics as m
from droidscope.facts.facts import MessagesSent, SessionsOverLimit
from droidscope.kpi.catalog import gauges
from droidscope.series.label_limits import SeriesLimits
from droidscope.sessions.settings import HeadSettings, Price
from rig import Rig


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path / "store")


def kpis(rig):
    """
    The KPI gauges of the last hour, by name and labels.
    """
    now = b.NOON + rig.now + 300 * b.SECOND
    return {
        (spec.name, *labels[1:-1]): value
        for spec, labels, value in gauges(rig.head.windows.snapshot(now, m.WINDOWS))
        if labels[-1] == "1h"
    }


PHASE = {"pattern__id": "bug-fix", "phase__id": "fix"}
TASK = {**PHASE, "gen_ai__agent__name": "coder", "task__id": "t1", "task__type": "code"}


def test_a_task_without_attempts_is_its_one_attempt(rig):
    """
    One failed task without attempts makes one failed attempt.
    """
    rig.send("traces", b.traces(b.span("task", error="ValueError", task__attempts=0, **TASK)))

    assert rig.value(m.ATTEMPTS, "coder", "code", "failed") == 1
    assert rig.value(m.TASKS, "coder", "code", "failed") == 1


@pytest.mark.parametrize("task_first", [True, False])
def test_attempts_of_another_process_are_not_counted_twice(rig, task_first):
    """
    The task knew of no attempts and counted as one; the first attempt that arrives is that one.
    """
    task = b.traces(b.span("task", task__attempts=0 if task_first else 1, **TASK))
    attempt = b.traces(b.span("attempt", task__attempt=1, **TASK))

    for body in (task, attempt) if task_first else (attempt, task):
        rig.send("traces", body)

    assert rig.value(m.ATTEMPTS, "coder", "code", "succeeded") == 1


def test_the_tasks_output_wins_and_its_last_attempt_fills_the_rest(rig):
    """
    Quality from the task, coverage from the second attempt, not from the first.
    """
    rig.send(
        "traces",
        b.traces(
            b.span(
                "attempt",
                task__attempt=1,
                output__test_coverage=10.0,
                output__code_quality_score=11.0,
                **TASK,
            ),
            b.span("attempt", task__attempt=2, output__test_coverage=20.0, **TASK),
            b.span("task", task__attempts=2, output__code_quality_score=90.0, **TASK),
        ),
    )

    assert rig.value(m.CODE_QUALITY, "bug-fix", "coder", "code") == 90
    assert rig.value(m.TEST_COVERAGE, "coder") == 20


def test_tokens_add_up_over_attempts_unless_the_task_says(rig):
    """
    10 and 20 of the attempts make 30; a task that declares 5 has 5.
    """

    def attempts(task_id):
        usage = {"gen_ai__request__model": "m1"}
        of = {**TASK, "task__id": task_id}
        return [
            b.span("attempt", task__attempt=1, gen_ai__usage__input_tokens=10, **usage, **of),
            b.span("attempt", task__attempt=2, gen_ai__usage__input_tokens=20, **usage, **of),
        ]

    rig.send(
        "traces", b.traces(*attempts("a"), b.span("task", task__attempts=2, **{**TASK, "task__id": "a"}))
    )
    assert rig.value(m.TOKENS, "coder", "m1", "input") == 30

    own = {"gen_ai__usage__input_tokens": 5, "gen_ai__request__model": "m1"}
    rig.send(
        "traces",
        b.traces(*attempts("b"), b.span("task", task__attempts=2, **own, **{**TASK, "task__id": "b"})),
    )
    assert rig.value(m.TOKENS, "coder", "m1", "input") == 35


def test_tokens_of_a_late_attempt_add_up_unless_the_task_says(rig):
    """
    An attempt of another process may arrive after its task has ended.
    """
    usage = {"gen_ai__usage__input_tokens": 10, "gen_ai__request__model": "m1"}
    silent, declared = {**TASK, "task__id": "a"}, {**TASK, "task__id": "b"}
    rig.send("traces", b.traces(b.span("task", **silent), b.span("task", **usage, **declared)))

    for task in (silent, declared):
        rig.send("traces", b.traces(b.span("attempt", task__attempt=1, **usage, **task)))

    assert rig.value(m.TOKENS, "coder", "m1", "input") == 20


def test_an_attempt_of_no_task_counts_alone(rig):
    """
    With what it used; no task is made up for it.
    """
    alone = {name: value for name, value in TASK.items() if name != "task__id"}
    usage = {"gen_ai__usage__input_tokens": 10, "gen_ai__request__model": "m1"}

    rig.send("traces", b.traces(b.span("attempt", task__attempt=1, **usage, **alone)))

    assert rig.value(m.ATTEMPTS, "coder", "code", "succeeded") == 1
    assert rig.value(m.TOKENS, "coder", "m1", "input") == 10
    assert rig.value(m.TASKS, "coder", "code", "completed") == 0


def test_tokens_cost_what_their_model_does_unless_the_source_says(tmp_path):
    """
    Two million at 3 dollars a million and one at 15 are 21 dollars; a cost that is given is that.
    """
    rig = Rig(tmp_path / "store", settings=HeadSettings(prices={"m1": Price(input=3, output=15)}))
    usage = {
        "gen_ai__usage__input_tokens": 2_000_000,
        "gen_ai__usage__output_tokens": 1_000_000,
        "gen_ai__request__model": "m1",
    }

    rig.send("traces", b.traces(b.span("task", **usage, **TASK)))
    assert rig.value(m.COST, "bug-fix", "coder", "m1") == 21

    rig.send("traces", b.traces(b.span("task", cost__usd=4, **usage, **{**TASK, "task__id": "t2"})))
    assert rig.value(m.COST, "bug-fix", "coder", "m1") == 25
    assert rig.value(m.UNPRICED_TOKENS, "m1") is None


def test_tokens_without_cost_or_price_are_told(rig):
    """
    No cost is not a cost of zero: the tokens count as unpriced, and no cost series appears.
    """
    rig.send(
        "traces",
        b.traces(b.span("task", gen_ai__usage__output_tokens=7, gen_ai__request__model="m1", **TASK)),
    )

    assert rig.value(m.UNPRICED_TOKENS, "m1") == 7
    assert rig.value(m.COST, "bug-fix", "coder", "m1") is None


@pytest.mark.parametrize(
    ("said", "reason"),
    [({"error": "TimeoutError"}, "TimeoutError"), ({"phase__outcome": "failed"}, "ValueError")],
)
def test_a_failed_phase_counts_one_failure_with_its_reason(rig, said, reason):
    """
    Its own error type, else that of its last failed task; the session then adds none of its own.
    """
    rig.send(
        "logs",
        b.logs(b.event("orchestrator.started", kind="phase", **PHASE)),
    )
    rig.send(
        "traces",
        b.traces(
            b.span("task", error="ValueError", **TASK),
            b.span("phase", **said, **PHASE),
            b.session(error="TimeoutError"),
        ),
    )
    rig.pass_seconds(2)

    assert rig.value(m.FAILURES, "bug-fix", "fix", reason) == 1
    assert rig.head.series.total(m.FAILURES) == 1


def test_a_synthesis_has_the_first_outcome_that_applies(rig):
    """
    Conflict before gate_failed before integrated; gates not spoken of passed.
    """
    rig.send(
        "traces",
        b.traces(
            b.span("synthesis", synthesis__conflicts=1, synthesis__gates_passed=False, **PHASE),
            b.span("synthesis", synthesis__missing_components=2, **PHASE),
            b.span("synthesis", synthesis__gates_passed=False, **PHASE),
            b.span("synthesis", **PHASE),
        ),
    )

    counted = {
        outcome: rig.value(m.SYNTHESES, "bug-fix", outcome)
        for outcome in ("conflict", "gate_failed", "integrated")
    }
    assert counted == {"conflict": 1, "gate_failed": 2, "integrated": 1}


def test_a_conflict_told_twice_counts_once(rig):
    """
    At once as a log event, again as an event of its span: one conflict by its id.
    """
    conflict = {"conflict__id": "c1", "conflict__type": "schema"}
    rig.send("logs", b.logs(b.event("orchestrator.conflict", **conflict, **PHASE)))
    carrier = b.span("phase", **PHASE)
    told = carrier.events.add(name="orchestrator.conflict", time_unix_nano=b.NOON)
    told.attributes.extend(
        b.key_values({"orchestrator.conflict.id": "c1", "orchestrator.conflict.type": "schema"})
    )

    rig.send("traces", b.traces(carrier))

    assert rig.value(m.CONFLICTS, "bug-fix", "fix", "schema") == 1


def query(seconds, outcome, **more):
    return b.span(
        "message",
        seconds=seconds,
        message__type="query",
        message__sender="coder",
        message__receiver="architect",
        message__outcome=outcome,
        **PHASE,
        **more,
    )


def test_a_query_is_answered_late_or_never(rig):
    """
    60 s in time earn 0.8; past its deadline of 100 s it is late and earns nothing, but is timed.
    """
    rig.send(
        "traces",
        b.traces(
            query(60, "answered"),
            query(120, "answered", message__deadline_seconds=100),
            query(5, "unanswered"),
        ),
    )

    answered = {
        outcome: rig.value(m.QUERIES, "architect", outcome) for outcome in ("answered", "late", "unanswered")
    }
    assert answered == {"answered": 1, "late": 1, "unanswered": 1}
    assert rig.value(m.QUERY_CREDIT, "architect") == pytest.approx(0.8)
    assert rig.value(m.QUERY_RESPONSE, "architect") == 180
    assert kpis(rig)["orchestrator_droid_response_score", "architect"] == pytest.approx(80 / 3)


@pytest.mark.parametrize("phase_first", [True, False])
def test_waiting_is_the_union_of_queries_inside_the_phase(rig, phase_first):
    """
    Queries over 0-60 and 30-90 of a phase of 100 s cover 90 of it, in whatever order they arrive.
    """
    phase = b.traces(b.span("phase", seconds=100, **PHASE))
    queries = b.traces(query(60, "answered"), query(60, "answered", start=30))

    for body in (phase, queries) if phase_first else (queries, phase):
        rig.send("traces", body)

    assert kpis(rig)["orchestrator_communication_wait_ratio",] == pytest.approx(0.9)


def test_a_lost_session_ends_as_failed_and_may_recover(rig):
    """
    Silent for three hours it is lost; when it ends after all, KPIs take the final state.
    """
    rig.send("logs", b.logs(b.event("orchestrator.started", kind="session", pattern__id="bug-fix")))
    rig.pass_seconds(3 * 3600 + 61)
    lost = rig.value(m.SESSIONS, "bug-fix", "lost")
    rig.pass_seconds(2)
    failures = rig.value(m.FAILURES, "bug-fix", "", "lost")
    rig.send("traces", b.traces(b.session(start=3 * 3600, seconds=70)))

    assert (lost, failures) == (1, 1)
    assert rig.value(m.SESSIONS_RECOVERED, "bug-fix", "completed") == 1
    assert rig.value(m.SESSIONS, "bug-fix", "completed") == 0
    assert kpis(rig)["orchestrator_session_success_ratio",] == 1.0
    assert kpis(rig)["orchestrator_session_success_ratio_samples",] == 1


def test_an_outage_of_the_exporter_declares_nobody_lost(rig):
    """
    Off for a day, then back: the session is as alive as it was.
    """
    rig.send("logs", b.logs(b.event("orchestrator.started", kind="session", pattern__id="bug-fix")))
    rig.pipeline.stop()
    rig.now += 24 * 3600 * b.SECOND
    rig.open()

    rig.pass_seconds(60)

    assert rig.value(m.SESSIONS, "bug-fix", "lost") == 0
    assert len([session for session in rig.head.sessions if session.running]) == 1


def test_a_straggler_does_not_open_its_session_anew(rig):
    """
    Long after the session was forgotten a span of it counts its task, and no new session.
    """
    rig.send("traces", b.traces(b.session()))
    rig.pass_seconds(2)
    rig.pass_seconds(3600)
    rig.send("traces", b.traces(b.span("task", **TASK)))

    assert rig.value(m.SESSIONS_STARTED, "bug-fix") == 1
    assert rig.value(m.TASKS, "coder", "code", "completed") == 1
    assert rig.head.series.value(m.LATE_RECORDS, (), ()) == 1


def test_emitted_counts_add_up_over_processes_and_repeats(rig):
    """
    5 of one process and 3 of another are 8, however often and in whatever order they are told.
    """
    for body in (
        b.emitted("task", 5, instance="a", at=2),
        b.emitted("task", 2, instance="a", at=1),
        b.emitted("task", 3, instance="b"),
        b.emitted("task", 5, instance="a", at=2),
    ):
        rig.send("metrics", body)

    assert rig.head.series.value(m.CLIENT_RECORDS_EMITTED, (), ("atlas", "task")) == 8


spans = [
    b.span("attempt", error="TimeoutError", task__attempt=1, **TASK),
    b.span("attempt", task__attempt=2, output__code_quality_score=80.0, **TASK),
    b.span("task", task__attempts=2, output__test_coverage=70.0, seconds=30, **TASK),
    b.span("task", error="ValueError", gen_ai__agent__name="tester", task__id="t2", **PHASE),
    query(60, "answered"),
    query(30, "unanswered", start=20),
    b.span("gate", gate__id="security", gate__passed=False, **PHASE),
    b.span("phase", error="ValueError", seconds=90, **PHASE),
    b.span("synthesis", **PHASE),
    b.session(error="ValueError", seconds=95),
]


@given(st.permutations(spans), st.lists(st.integers(0, len(spans)), max_size=3))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_the_order_of_arrival_changes_no_kpi(tmp_path_factory, order, cuts):
    """
    One session's spans in any order, in any number of requests: the same KPIs and counters.
    """

    def end_state(requests):
        rig = Rig(tmp_path_factory.mktemp("rig"))
        for request in requests:
            if request:
                rig.send("traces", b.traces(*request))
        rig.pass_seconds(5)
        series = rig.head.series
        totals = {
            spec.name: series.total(spec)
            for spec in m.CATALOGUE
            if spec.kind != "gauge" and spec is not m.LATE_RECORDS
        }
        return totals, kpis(rig)

    edges = [0, *sorted(cuts), len(order)]
    shuffled = [order[low:high] for low, high in itertools.pairwise(edges)]

    assert end_state(shuffled) == end_state([spans])


def test_a_phase_fails_for_the_reason_of_its_last_failed_task_in_whatever_order_they_arrive(rig):
    """
    No start event came, and the tasks arrive before their phase and last one first.
    """
    last = b.span("task", error="TimeoutError", start=10, **{**TASK, "task__id": "t2"})
    first = b.span("task", error="ValueError", **TASK)
    rig.send("traces", b.traces(last, first, b.span("phase", phase__outcome="failed", **PHASE)))

    assert rig.value(m.FAILURES, "bug-fix", "fix", "TimeoutError") == 1


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        ([b.span("gate", gate__id="g", gate__passed=False, **PHASE)], "gate_failed"),
        (
            [
                b.span("task", error="ValueError", **TASK),
                b.span("gate", gate__id="g", gate__passed=False, start=9, **PHASE),
            ],
            "ValueError",
        ),
        ([], "exception"),
    ],
)
def test_a_failed_phase_without_a_failed_task_says_what_else_there_was(rig, found, reason):
    """
    A failed task before a failed gate before nothing known.
    """
    rig.send("traces", b.traces(*found, b.span("phase", phase__outcome="failed", start=10, **PHASE)))

    assert rig.value(m.FAILURES, "bug-fix", "fix", reason) == 1
    assert rig.head.series.total(m.FAILURES) == 1


@pytest.mark.parametrize(("event", "reason"), [("conflict", "conflict"), ("blocked", "blocked")])
def test_a_conflict_or_a_block_explains_a_failure_that_nothing_else_does(rig, event, reason):
    """
    Told by an event before the phase ended.
    """
    rig.send("logs", b.logs(b.event(f"orchestrator.{event}", **PHASE)))
    rig.send("traces", b.traces(b.span("phase", phase__outcome="failed", start=10, **PHASE)))

    assert rig.value(m.FAILURES, "bug-fix", "fix", reason) == 1


def test_a_failed_session_without_a_failed_phase_counts_one_failure_with_its_own_reason(rig):
    """
    Its error type; "exception" where it has none.
    """
    rig.send("traces", b.traces(b.session("s1", error="TimeoutError")))
    rig.send("traces", b.traces(b.session("s2", session__outcome="failed")))
    rig.pass_seconds(2)

    assert rig.value(m.FAILURES, "bug-fix", "", "TimeoutError") == 1
    assert rig.value(m.FAILURES, "bug-fix", "", "exception") == 1


def test_tasks_without_an_id_do_not_share_their_outputs(rig):
    """
    Only the first reported a score; the second must not repeat it.
    """
    nameless = {key: value for key, value in TASK.items() if key != "task__id"}
    rig.send(
        "traces",
        b.traces(b.span("task", output__code_quality_score=90.0, **nameless), b.span("task", **nameless)),
    )

    ((cell,),) = [cells for family, cells in rig.head.series.families(0) if family.spec == m.CODE_QUALITY]
    assert (cell.labels, sum(cell.counts)) == (("atlas", "bug-fix", "coder", "code"), 1)
    assert rig.value(m.TASKS, "coder", "code", "completed") == 2


def test_a_phase_that_runs_twice_waits_twice(rig):
    """
    A loop: 60 of 100 s waited in its first run, 30 of 100 s in its second.
    """
    rig.send("traces", b.traces(query(60, "answered"), b.span("phase", seconds=100, **PHASE)))
    rig.send(
        "traces",
        b.traces(query(30, "answered", start=100), b.span("phase", start=100, seconds=100, **PHASE)),
    )

    assert kpis(rig)["orchestrator_communication_wait_ratio",] == pytest.approx(90 / 200)


def test_unknown_message_types_are_other_everywhere(rig):
    """
    A label whose values users could invent: told, counted under `other`, in the windows too.
    """
    receipt = rig.send(
        "traces",
        b.traces(*(b.span("message", message__type=f"gossip-{n}", message__sender="a") for n in range(5))),
    )

    assert "orchestrator.message.type is 'gossip-0'; expected one of query" in receipt.message
    assert rig.value(m.MESSAGES, "a", "other", "accepted") == 5
    totals = rig.head.windows.totals(("atlas",), "1h", b.NOON + 10 * b.SECOND)
    assert {key: n for key, n in totals.items() if isinstance(key, MessagesSent)} == {
        MessagesSent(sender="a", message_type="other", outcome="accepted"): 5
    }


def test_orchestrators_past_the_limit_are_other_in_kpis_as_in_counters(tmp_path):
    """
    Room for one orchestrator beside `other`: windows and findings follow the counters.
    """
    rig = Rig(tmp_path / "store", limits=SeriesLimits(orchestrators=2, hold_ns=0))
    report = {"output__findings__high": 1}
    for service in ("atlas", "borealis", "cygnus", "draco"):
        rig.send("traces", b.traces(b.task(**report), service=service))
    rig.now += 10 * b.SECOND
    rig.send("traces", b.traces(b.task(id="t2"), service="draco"))

    assert set(rig.head.windows.orchestrators()) == {("atlas",), ("other",)}
    assert {who for (who, _, _), _ in rig.head.findings} == {("atlas",), ("other",)}
    assert rig.head.series.value(m.TASKS, ("other",), ("coder", "code", "completed")) == 4


def test_an_unnamed_value_of_the_resource_is_no_name(rig):
    """
    A service name that is empty, a number or a list neither fails nor becomes "None".
    """
    for number, name in enumerate(["", 7, ["a", "b"]]):
        rig.send("traces", b.traces(b.task(session=f"s{number}"), service=name))

    counted = {labels[0] for labels in rig.head.series.label_sets(m.TASKS, 0)}
    assert counted == {"unknown_service", "7", "['a', 'b']"}


def test_work_of_another_service_counts_for_the_orchestrator_that_opened_the_session(rig):
    """
    A worker process has a service.name of its own; its spans and counters say whose session it is.
    """
    rig.send("traces", b.traces(b.task(name="atlas"), service="worker"))
    rig.send("metrics", b.emitted("task", 3, service="worker", name="atlas"))

    assert rig.value(m.TASKS, "coder", "code", "completed") == 1
    assert rig.value(m.SESSIONS_STARTED, "bug-fix") == 1
    assert rig.head.series.value(m.CLIENT_RECORDS_EMITTED, (), ("atlas", "task")) == 3


def test_a_synthesis_that_ends_in_an_error_is_not_integrated(rig):
    """
    Nobody said what is missing, but something is.
    """
    rig.send("traces", b.traces(b.span("synthesis", error="ValueError", **PHASE)))

    assert rig.value(m.SYNTHESES, "bug-fix", "gate_failed") == 1


def test_a_phase_that_ends_blocked_is_no_failure(rig):
    """
    It is counted as blocked, and is no part of the success ratio.
    """
    rig.send("traces", b.traces(b.span("phase", error="Blocked", phase__outcome="blocked", **PHASE)))
    rig.pass_seconds(2)

    assert rig.value(m.PHASES, "bug-fix", "fix", "blocked") == 1
    assert rig.head.series.total(m.FAILURES) is None
    assert ("orchestrator_phase_success_ratio",) not in kpis(rig)


def test_a_session_that_ended_over_its_limit_is_a_fact_of_its_hour(rig):
    """
    121 minutes with a limit of 120: counted, and known to the alerts.
    """
    rig.send("traces", b.traces(b.session(start=-121 * 60, seconds=121 * 60)))

    totals = rig.head.windows.totals(("atlas",), "1h", b.NOON + 60 * b.SECOND)
    assert totals[SessionsOverLimit(pattern="bug-fix")] == 1
    assert rig.value(m.SESSIONS_ENDED_OVER_LIMIT, "bug-fix") == 1
