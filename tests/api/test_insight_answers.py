"""
What the API answers about the insights of a real exporter: sessions with critical paths, bottlenecks,
recommendations and patterns.
"""

from __future__ import annotations

import time
from urllib.parse import urlencode

import pytest

import builders as b
from api.api_requests import post, refusal
from e2e.processes import Exporter, fetch_json, until


def of_bug_fix(number, start):
    """
    The spans of a session of ten minutes: a plan of 100 s, then a build that waits for an answer for
    half of its time and fails in every second session, and a synthesis.
    """
    of = {"session": f"b{number}", "pattern__id": "bug-fix"}
    error = "Broken" if number % 2 else ""
    trace = {"trace_id": bytes([number + 1]) * 16}
    build = {**of, "phase__id": "build"}
    return [
        b.span("phase", start=start, seconds=100, phase__id="plan", **of, **trace),
        b.span("phase", start=start + 100, seconds=400, error=error, **build, **trace),
        b.task(id="t1", start=start + 100, seconds=300, error=error, session=f"b{number}", phase__id="build"),
        b.span(
            "message",
            start=start + 150,
            seconds=200,
            message__type="query",
            message__sender="coder",
            message__receiver="oracle",
            message__outcome="unanswered",
            **build,
        ),
        b.span("synthesis", start=start + 500, seconds=50, synthesis__conflicts=number % 2, **of),
        b.session(f"b{number}", start=start, seconds=600, error=error, **trace),
    ]


@pytest.fixture(scope="module")
def analysed(tmp_path_factory):
    """
    A real exporter with ten sessions with phases, of two orchestrators, all analysed.
    """
    start = time.time() - 1200 - b.NOON / b.SECOND
    spans = [span for number in range(10) for span in of_bug_fix(number, start)]
    with Exporter(tmp_path_factory.mktemp("analysed"), birth_hold="1ms") as exporter:
        post(exporter, "/v1/traces", b.traces(*spans))
        post(exporter, "/v1/traces", b.traces(*of_bug_fix(90, start), service="hermes"))
        path = f"{exporter.url}/api/v1/session?session_id="
        until(
            lambda: all(fetch_json(f"{path}{id}")["critical_path"] for id in ("b9", "b90")),
            "analyses of all sessions",
        )
        yield exporter


class TestInsights:
    @pytest.fixture
    def ask(self, analysed):
        return lambda path, **query: fetch_json(f"{analysed.url}/api/v1/{path}?{urlencode(query)}")

    def test_a_session_has_its_phases_and_a_critical_path_as_long_as_it_took(self, ask):
        """
        The phases and droids that it waited for, without a gap.
        """
        answer = ask("session", session_id="b2")

        assert answer["session"]["duration_seconds"] == pytest.approx(600)
        assert [(each["phase_id"], each["status"]) for each in answer["phases"]] == [
            ("plan", "completed"),
            ("build", "completed"),
        ]
        path = answer["critical_path"]
        assert sum(each["duration_seconds"] for each in path) == pytest.approx(600)
        assert [(each["phase_id"], each["droid"]) for each in path] == [
            ("plan", ""),
            ("build", "coder"),
            ("build", ""),
            ("", ""),
        ]
        held = {each["phase_id"]: each["held_seconds"] for each in answer["phases"]}
        assert held == {"plan": pytest.approx(100), "build": pytest.approx(400)}

    def test_a_session_that_runs_has_no_path_yet(self, analysed, ask):
        """
        Null, not empty; its phases have no end.
        """
        started = b.event(
            "orchestrator.started",
            kind="phase",
            session="open",
            at=time.time() - 60 - b.NOON / b.SECOND,
            pattern__id="build",
            phase__id="plan",
        )
        post(analysed, "/v1/logs", b.logs(started, service="running"))

        answer = ask("session", session_id="open")

        assert answer["critical_path"] is None
        (phase,) = answer["phases"]
        assert (phase["status"], phase["end_seconds"], phase["held_seconds"]) == ("running", None, None)
        assert 60 <= phase["duration_seconds"] < 120

    def test_an_unknown_session_is_not_found(self, analysed):
        """
        404 as JSON, with how long sessions are known; so is one of another orchestrator.
        """
        for query in ("session_id=nobody", "session_id=b1&orchestrator=hermes"):
            code, headers, body = refusal(analysed, f"/api/v1/session?{query}")
            assert (code, headers["content-type"]) == (404, "application/json")
            assert body["error"].startswith("Session not found: ")

    @pytest.mark.parametrize(
        ("query", "sentence"),
        [
            ("", "session_id is missing; expected text of at least one character"),
            ("?session_id=", "session_id is ''; expected text of at least one character"),
        ],
    )
    def test_the_id_of_the_session_is_required(self, analysed, query, sentence):
        """
        400 with what was expected.
        """
        code, _, body = refusal(analysed, f"/api/v1/session{query}")

        assert (code, body) == (400, {"error": sentence})

    @pytest.mark.parametrize(
        ("query", "kinds"),
        [
            ({"orchestrator": "atlas"}, {"communication": 2, "integration": 1}),
            ({"orchestrator": "atlas", "kind": "integration"}, {"integration": 1}),
            ({"orchestrator": "atlas", "pattern": "bug-fix"}, {"communication": 1, "integration": 1}),
            ({"orchestrator": "atlas", "droid": "oracle"}, {"communication": 1}),
            ({"orchestrator": "hermes"}, {"communication": 2}),
            ({"pattern": "nothing"}, {}),
        ],
    )
    def test_bottlenecks_can_be_filtered(self, ask, query, kinds):
        """
        By orchestrator, kind, pattern and droid.
        """
        answer = ask("bottlenecks", window="1h", **query)

        listed = [each["kind"] for each in answer["bottlenecks"]]
        assert {kind: listed.count(kind) for kind in listed} == kinds
        assert answer["total"] == len(listed)

    def test_a_bottleneck_has_its_evidence(self, ask):
        """
        Half of the syntheses are not integrated; the sessions of those are named with their traces.
        """
        (bottleneck,) = ask("bottlenecks", orchestrator="atlas", kind="integration", window="1h")[
            "bottlenecks"
        ]

        assert (bottleneck["value"], bottleneck["baseline"], bottleneck["unit"]) == (0.5, 0.85, "ratio")
        assert (bottleneck["n"], bottleneck["flagged"], bottleneck["impact_score"]) == (10, 5, 50)
        assert {each["session_id"] for each in bottleneck["sessions"]} == {f"b{n}" for n in range(1, 10, 2)}
        assert all(len(each["trace_id"]) == 32 for each in bottleneck["sessions"])

    @pytest.mark.parametrize(
        ("query", "rules"),
        [
            ({}, {"review_failure_points", "shorten_waits", "answer_queries"}),
            ({"kind": "pattern_optimization"}, {"review_failure_points"}),
            ({"droid": "oracle"}, {"answer_queries"}),
            ({"pattern": "bug-fix"}, {"review_failure_points", "shorten_waits"}),
        ],
    )
    def test_recommendations_can_be_filtered(self, ask, query, rules):
        """
        By kind, droid and pattern.
        """
        answer = ask("recommendations", orchestrator="atlas", window="1h", **query)

        assert {each["rule"] for each in answer["recommendations"]} == rules

    def test_insights_are_cut_to_the_limit_and_the_highest_impact_comes_first(self, ask):
        """
        Over all orchestrators; the total is not cut.
        """
        for path in ("bottlenecks", "recommendations"):
            everything = ask(path, window="1h")
            impacts = [each["impact_score"] for each in everything[path]]
            cut = ask(path, window="1h", limit=1)

            assert impacts == sorted(impacts, reverse=True)
            assert cut["total"] == everything["total"] == len(impacts) > 1
            assert cut[path] == everything[path][:1]

    def test_insights_are_of_one_orchestrator_each(self, ask):
        """
        Rankings, problems and advice of its window; too little for trends and forecasts yet.
        """
        answer = ask("insights", window="1h", orchestrator="atlas", trend="30d")

        (atlas,) = answer["orchestrators"]
        assert (answer["total"], atlas["orchestrator"]) == (1, "atlas")
        patterns = atlas["insights"]["pattern_optimization"]
        assert [each["name"] for each in patterns["problematic_patterns"]] == ["bug-fix"]
        assert patterns["optimization_suggestions"]
        assert atlas["insights"]["communication"]["total_messages"] == 10
        assert atlas["future_predictions"] == []

    def test_patterns_have_their_insights(self, ask):
        """
        Phases, failure points, bottlenecks, advice and droids.
        """
        (pattern,) = ask("patterns", orchestrator="atlas", window="1h")["patterns"]

        assert [(each["phase_id"], each["completed"], each["failed"]) for each in pattern["phases"]] == [
            ("build", 5, 5),
            ("plan", 10, 0),
        ]
        assert [(each["phase_id"], each["reason"]) for each in pattern["failure_points"]] == [
            ("build", "Broken")
        ]
        assert len(pattern["bottlenecks"]) == 2
        assert pattern["optimization_opportunities"]
        assert [(each["droid"], each["tasks"], each["completed"]) for each in pattern["droids"]] == [
            ("coder", 10, 5)
        ]

    def test_the_gauges_of_insights_agree(self, analysed, ask):
        """
        Each with its impact.
        """
        for path, name in (
            ("bottlenecks", "orchestrator_bottleneck_impact_score"),
            ("recommendations", "orchestrator_recommendation_impact_score"),
        ):
            insights = ask(path, orchestrator="atlas", window="1h")[path]
            shown = {
                (dict(labels)["kind"], dict(labels)["subject"], dict(labels).get("rule")): value
                for (known, labels), value in analysed.samples().items()
                if known == name
                and dict(labels)["window"] == "1h"
                and dict(labels)["orchestrator"] == "atlas"
            }
            assert shown == {
                (each["kind"], each["subject"], each.get("rule")): pytest.approx(each["impact_score"])
                for each in insights
            }
