"""
The JSON API: what it answers of a real exporter, what it refuses, and that its document tells the truth.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlencode

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from jsonschema import Draft202012Validator

import builders as b
import droidscope as ds
from droidscope.api import schema
from droidscope.api.routes import ENDPOINTS, openapi
from droidscope.api.serializers import attention_shape
from droidscope.conventions.attributes import Severity
from droidscope.conventions.thresholds import ALERTS, HIGH_ERROR_RATE, LOW_SUCCESS_RATE, SECURITY_ISSUES
from droidscope.insights.alerts import ActiveAlert
from droidscope.instrument.client import URL_VARIABLE
from droidscope.instrument.orchestrator import Watch
from droidscope.kpi.catalog import DROID_KPIS, ORCHESTRATOR_KPIS, PATTERN_KPIS
from e2e.processes import Exporter, fetch_json, until

PATHS = [endpoint.path for endpoint in ENDPOINTS]
REQUIRED = {"session": {"session_id": "s0"}}
"""
What must be asked with a path.
"""
EXAMPLES = 40
"""
Questions schemathesis asks of each path.
"""


def post(exporter, path, body):
    headers = {"Content-Type": "application/x-protobuf"}
    urllib.request.urlopen(
        urllib.request.Request(f"{exporter.otlp}{path}", body, headers), timeout=10
    ).close()


def message(type_, sender, receiver, outcome, **more):
    """
    A span of a message in session s1.
    """
    said = {"type": type_, "sender": sender, "receiver": receiver, "outcome": outcome}
    return b.span("message", **{f"message__{name}": value for name, value in said.items()}, **more)


def refusal(exporter, path, **request):
    """
    Status, headers and JSON of an answer that is an error.
    """
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(urllib.request.Request(f"{exporter.url}{path}", **request), timeout=10)
    with refused.value as error:
        return error.code, error.headers, json.load(error)


@pytest.fixture(scope="module")
def exporter(tmp_path_factory):
    """
    A real one that has heard of two orchestrators: atlas, of which half fails and one session runs,
    and hermes, of which all is well, and whose coder asks its reviewer twice and tells all once.
    """
    ago = {"start": time.time() - 600 - b.NOON / b.SECOND}
    work = [
        b.task(id=f"t{n}", session=f"s{n}", error="Broken" if n % 2 else "", seconds=30, **ago)
        for n in range(12)
    ]
    ended = [b.session(f"s{n}", error="Broken" if n % 2 else "", seconds=60, **ago) for n in range(12)]
    report = b.task("reviewer", id="r1", session="s0", output__findings__high=2, seconds=5, **ago)
    earlier = {"start": ago["start"] - 3 * 3600}
    scored = b.task(id="t0", output__code_quality_score=80.0, **earlier)
    talk = [
        message("query", "coder", "reviewer", "answered", seconds=60, **ago),
        message("query", "coder", "reviewer", "answered", seconds=30, **ago),
        message("discovery", "coder", "", "accepted", **ago),
    ]
    started = b.event(
        "orchestrator.started", kind="session", session="open", at=ago["start"], pattern__id="build"
    )
    with Exporter(tmp_path_factory.mktemp("api"), birth_hold="1ms") as exporter:
        post(exporter, "/v1/traces", b.traces(*work, *ended, report))
        post(exporter, "/v1/traces", b.traces(b.task(), b.session(**ago), scored, *talk, service="hermes"))
        post(exporter, "/v1/logs", b.logs(started))
        yield exporter


@pytest.fixture
def ask(exporter):
    """
    Asks for a path with parameters; the JSON it gets.
    """
    return lambda path, **query: fetch_json(f"{exporter.url}/api/v1/{path}?{urlencode(query)}")


class TestAnswers:
    def test_the_dashboard_has_all_that_goes_on(self, ask):
        """
        The session that runs, what became of the others, the droids, the level and the efficiency.
        """
        answer = ask("dashboard", orchestrator="atlas", window="1h")

        (session,) = answer["current_sessions"]
        assert (session["session_id"], session["pattern"], session["state"]) == ("open", "build", "running")
        assert session["end_seconds"] is None
        assert 600 <= session["duration_seconds"] < 700
        assert answer["overall_performance"] == {
            "total_tasks_completed": 7,
            "average_task_duration_seconds": pytest.approx((6 * 30 + 5) / 7),
            "success_ratio": 0.5,
            "success_samples": 12,
            "most_efficient_pattern": "bug-fix",
            "current_bottlenecks": [],
        }
        assert {each["droid"]: each["status"] for each in answer["droid_status"]} == {
            "coder": "degraded",
            "reviewer": "healthy",
        }
        assert answer["alert_level"] == "critical"
        assert answer["efficiency_samples"] == 13

    def test_the_dashboard_sums_up_the_sessions_of_its_window(self, ask):
        """
        Those that run now, those that completed, and how long these took.
        """
        assert ask("dashboard", orchestrator="atlas", window="1h")["session_summary"] == {
            "active_sessions": 1,
            "completed_sessions": 6,
            "success_ratio": 0.5,
            "success_samples": 12,
            "average_duration_seconds": 60,
        }

    def test_the_dashboard_tells_what_is_critical_from_warnings(self, ask):
        """
        Critical and high alerts are critical; advice is a list of its own.
        """
        attention = ask("dashboard", orchestrator="atlas")["alerts"]

        assert {alert["severity"] for alert in attention["critical"]} == {"critical", "high"}
        assert attention["warnings"] == []
        assert "review_failure_points" in {advice["rule"] for advice in attention["recommendations"]}

    def test_alerts_of_medium_and_low_severity_are_warnings(self):
        """
        The more severe ones are critical.
        """
        of_each = [
            ActiveAlert("A", "quality", severity, "m", "a", "atlas", 1, 0, "ratio", 0.0)
            for severity in Severity
        ]

        attention = attention_shape(of_each, [])

        assert [each.severity for each in attention.critical] == [Severity.CRITICAL, Severity.HIGH]
        assert [each.severity for each in attention.warnings] == [Severity.MEDIUM, Severity.LOW]

    def test_over_all_orchestrators_ratios_are_of_sums(self, ask):
        """
        Seven of thirteen sessions, not the mean of a half and one.
        """
        performance = ask("dashboard")["overall_performance"]

        assert performance["success_ratio"] == pytest.approx(7 / 13)

    def test_what_is_not_known_is_null(self, ask):
        """
        An orchestrator nobody has heard of has no ratios, no score, and no alerts.
        """
        answer = ask("dashboard", orchestrator="nobody")

        assert answer["current_sessions"] == answer["droid_status"] == []
        assert answer["overall_performance"]["success_ratio"] is None
        assert answer["efficiency_score"] is None
        assert answer["alert_level"] == "none"

    def test_running_sessions_come_before_ended_ones(self, ask):
        """
        All that is in memory, cut to the limit; the total is not.
        """
        answer = ask("sessions", orchestrator="atlas", limit=3)

        assert answer["sessions"][0]["state"] == "running"
        assert len(answer["sessions"]) == 3
        assert answer["total"] == 13

    @pytest.mark.parametrize(
        ("query", "total"),
        [
            ({"state": "failed"}, 6),
            ({"pattern": "build"}, 1),
            ({"orchestrator": "hermes"}, 1),
            ({"pattern": ""}, 0),
        ],
    )
    def test_sessions_can_be_filtered(self, ask, query, total):
        """
        By state, pattern and orchestrator.
        """
        assert ask("sessions", **query)["total"] == total

    def test_droids_have_their_kpis_with_samples(self, ask):
        """
        As the gauges have them; what is absent is null, and has no samples.
        """
        (coder,) = ask("droids", orchestrator="atlas", droid="coder", window="1h")["droids"]

        assert coder["kpis"]["error_ratio"] == {"value": 0.5, "samples": 12}
        assert coder["kpis"]["code_quality_score"] == {"value": None, "samples": None}
        assert (coder["tasks_completed"], coder["tasks_failed"]) == (6, 6)
        assert coder["average_task_duration_seconds"] == 30

    def test_patterns_have_their_kpis_with_samples(self, ask):
        """
        Those of which something ended in the window.
        """
        (pattern,) = ask("patterns", orchestrator="atlas", window="7d")["patterns"]

        assert (pattern["pattern"], pattern["executions"]) == ("bug-fix", 12)
        assert pattern["kpis"]["success_ratio"] == {"value": 0.5, "samples": 12}

    def test_assignments_have_the_share_that_completed(self, ask):
        """
        Beside the counts that it is of.
        """
        (pattern,) = ask("patterns", orchestrator="atlas", window="1h")["patterns"]

        shares = {each["droid"]: each["completion_ratio"] for each in pattern["droids"]}
        assert shares == {"coder": 0.5, "reviewer": 1}

    def test_insights_have_the_kpis_of_the_orchestrator(self, ask):
        """
        As the gauges have them; what is absent is null.
        """
        (atlas,) = ask("insights", orchestrator="atlas", window="1h")["orchestrators"]

        assert atlas["kpis"]["session_success_ratio"] == {"value": 0.5, "samples": 12}
        assert atlas["kpis"]["integration_success_ratio"] == {"value": None, "samples": None}

    def test_the_quality_of_a_droid_has_a_history(self, ask):
        """
        The medians of the hours that are over.
        """
        (hermes,) = ask("insights", orchestrator="hermes")["orchestrators"]

        (coder,) = hermes["droid_quality_trends"]
        assert coder["values"] == [80]
        assert coder["times_seconds"] == [pytest.approx(time.time() - 3 * 3600 - 600, abs=3700)]

    def test_a_droid_has_its_messages_by_type_and_what_became_of_queries(self, ask):
        """
        What it sent, and what it was asked.
        """
        droids = {each["droid"]: each for each in ask("droids", orchestrator="hermes")["droids"]}

        assert droids["coder"]["messages_by_type"] == {"discovery": 1, "query": 2}
        assert droids["reviewer"]["messages_by_type"] == {}
        assert droids["reviewer"]["queries"] == {"answered": 2, "late": 0, "unanswered": 0, "rejected": 0}
        assert droids["reviewer"]["average_response_time_seconds"] == 45

    def test_edges_tell_who_speaks_to_whom(self, ask):
        """
        The ones with the most messages first; what is for all has no receiver.
        """
        edges = ask("communication")["edges"]

        assert [(each["sender"], each["receiver"], each["messages"]) for each in edges] == [
            ("coder", "reviewer", 2),
            ("coder", "", 1),
        ]
        assert edges[0]["orchestrator"] == "hermes"

    @pytest.mark.parametrize(
        ("query", "total"),
        [
            ({"droid": "reviewer"}, 1),
            ({"droid": "coder", "limit": 1}, 2),
            ({"orchestrator": "atlas"}, 0),
        ],
    )
    def test_edges_can_be_filtered(self, ask, query, total):
        """
        By orchestrator and by droid, on either side.
        """
        assert ask("communication", **query)["total"] == total

    def test_alerts_come_with_their_level_worst_first(self, ask):
        """
        The errors of a droid, the findings, and the sessions that failed.
        """
        answer = ask("alerts", orchestrator="atlas")

        assert answer["level"] == "critical"
        assert {alert["name"] for alert in answer["alerts"]} == {
            HIGH_ERROR_RATE.name,
            SECURITY_ISSUES.name,
            LOW_SUCCESS_RATE.name,
        }
        assert answer["alerts"][-1]["name"] == LOW_SUCCESS_RATE.name
        assert answer["alerts"][-1]["message"].startswith("50% of the sessions of pattern bug-fix of atlas")

    @pytest.mark.parametrize(
        ("query", "level"),
        [
            ({"orchestrator": "hermes"}, "none"),
            ({"droid": "coder"}, "critical"),
            ({"droid": "nobody"}, "none"),
        ],
    )
    def test_the_level_is_that_of_the_alerts_asked_for(self, ask, query, level):
        """
        A filter that leaves no alert leaves no level.
        """
        assert ask("alerts", **query)["level"] == level

    def test_the_gauges_say_what_the_api_says(self, exporter, ask):
        """
        One series for each alert of a known orchestrator, and the level as a number.
        """
        samples = exporter.samples()
        shown = {
            (dict(labels)["orchestrator"], dict(labels)["alert"]): value
            for (name, labels), value in samples.items()
            if name == "orchestrator_alerts_active"
        }
        active = [(alert["orchestrator"], alert["name"]) for alert in ask("alerts")["alerts"]]

        assert shown == {
            (who, limit.name): active.count((who, limit.name))
            for who in ("atlas", "hermes")
            for limit in ALERTS
        }
        assert exporter.total("orchestrator_alert_level", orchestrator="atlas") == 4
        assert exporter.total("orchestrator_alert_level", orchestrator="hermes") == 0
        assert exporter.total("droidscope_collect_success", part="alerts") == 1


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
def told(tmp_path_factory):
    """
    A real exporter that has heard of ten sessions with phases, of two orchestrators, and digested them.
    """
    start = time.time() - 1200 - b.NOON / b.SECOND
    spans = [span for number in range(10) for span in of_bug_fix(number, start)]
    with Exporter(tmp_path_factory.mktemp("told"), birth_hold="1ms") as exporter:
        post(exporter, "/v1/traces", b.traces(*spans))
        post(exporter, "/v1/traces", b.traces(*of_bug_fix(90, start), service="hermes"))
        path = f"{exporter.url}/api/v1/session?session_id="
        until(
            lambda: all(fetch_json(f"{path}{id}")["critical_path"] for id in ("b9", "b90")),
            "digests of all sessions",
        )
        yield exporter


class TestInsights:
    @pytest.fixture
    def ask(self, told):
        return lambda path, **query: fetch_json(f"{told.url}/api/v1/{path}?{urlencode(query)}")

    def test_a_session_has_its_phases_and_a_critical_path_as_long_as_it_took(self, ask):
        """
        Who held it from when to when, without a gap.
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

    def test_a_session_that_runs_has_no_path_yet(self, told, ask):
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
        post(told, "/v1/logs", b.logs(started, service="running"))

        answer = ask("session", session_id="open")

        assert answer["critical_path"] is None
        (phase,) = answer["phases"]
        assert (phase["status"], phase["end_seconds"], phase["held_seconds"]) == ("running", None, None)
        assert 60 <= phase["duration_seconds"] < 120

    def test_an_unknown_session_is_not_found(self, told):
        """
        404 as JSON, with how long sessions are known; so is one of another orchestrator.
        """
        for query in ("session_id=nobody", "session_id=b1&orchestrator=hermes"):
            code, headers, body = refusal(told, f"/api/v1/session?{query}")
            assert (code, headers["content-type"]) == (404, "application/json")
            assert body["error"].startswith("No such session is known; ")

    @pytest.mark.parametrize(
        ("query", "sentence"),
        [
            ("", "session_id is missing; expected text of at least one character"),
            ("?session_id=", "session_id is ''; expected text of at least one character"),
        ],
    )
    def test_which_session_must_be_said(self, told, query, sentence):
        """
        400 with what was expected.
        """
        code, _, body = refusal(told, f"/api/v1/session{query}")

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

        found = [each["kind"] for each in answer["bottlenecks"]]
        assert {kind: found.count(kind) for kind in found} == kinds
        assert answer["total"] == len(found)

    def test_a_bottleneck_has_its_evidence(self, ask):
        """
        Half of the syntheses are not integrated; the sessions of those are named with their traces.
        """
        (found,) = ask("bottlenecks", orchestrator="atlas", kind="integration", window="1h")["bottlenecks"]

        assert (found["value"], found["baseline"], found["unit"]) == (0.5, 0.85, "ratio")
        assert (found["n"], found["flagged"], found["impact_score"]) == (10, 5, 50)
        assert {each["session_id"] for each in found["sessions"]} == {f"b{n}" for n in range(1, 10, 2)}
        assert all(len(each["trace_id"]) == 32 for each in found["sessions"])

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

    def test_findings_are_cut_to_the_limit_and_the_weightiest_come_first(self, ask):
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

    def test_patterns_have_what_was_found_of_them(self, ask):
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

    def test_the_gauges_of_findings_say_the_same(self, told, ask):
        """
        Each with its impact.
        """
        for path, name in (
            ("bottlenecks", "orchestrator_bottleneck_impact_score"),
            ("recommendations", "orchestrator_recommendation_impact_score"),
        ):
            found = ask(path, orchestrator="atlas", window="1h")[path]
            shown = {
                (dict(labels)["kind"], dict(labels)["subject"], dict(labels).get("rule")): value
                for (known, labels), value in told.samples().items()
                if known == name
                and dict(labels)["window"] == "1h"
                and dict(labels)["orchestrator"] == "atlas"
            }
            assert shown == {
                (each["kind"], each["subject"], each.get("rule")): pytest.approx(each["impact_score"])
                for each in found
            }


class TestRefusals:
    @pytest.mark.parametrize(
        ("path", "sentence"),
        [
            ("sessions?limit=0", "limit is '0'; expected an integer from 1 to 1000"),
            ("sessions?limit=many", "limit is 'many'; expected an integer from 1 to 1000"),
            (
                "sessions?state=tired",
                "state is 'tired'; expected one of completed, failed, lost, running, silent, stalled",
            ),
            ("droids?window=2h", "window is '2h'; expected one of 1h, 24h, 7d"),
            (
                "alerts?orchestrator=a&orchestrator=b",
                "orchestrator is given twice, the second time as 'b'; expected it once",
            ),
            (
                "dashboard?colour=red",
                "'colour' is 'red'; expected one of orchestrator, window as a parameter",
            ),
        ],
    )
    def test_a_wrong_question_is_told_what_is_wrong(self, exporter, path, sentence):
        """
        400 with the parameter, its value and what was expected.
        """
        code, _, body = refusal(exporter, f"/api/v1/{path}")

        assert (code, body) == (400, {"error": sentence})

    @pytest.mark.parametrize("path", ["/api/", "/api/v1/droid", "/api/v2/alerts"])
    def test_what_is_not_there_is_json_too(self, exporter, path):
        """
        404, whatever the client accepts.
        """
        code, headers, body = refusal(exporter, path, headers={"Accept": "text/html"})

        assert (code, headers["content-type"]) == (404, "application/json")
        assert body == {"error": "There is nothing here."}

    def test_another_method_is_told_which_there_are(self, exporter):
        """
        405 with Allow, as JSON.
        """
        code, headers, body = refusal(exporter, "/api/v1/alerts", method="POST")

        assert code == 405
        assert "GET" in headers["allow"]
        assert body == {"error": "Method Not Allowed."}


class TestDocument:
    def test_it_is_served_as_it_is_generated(self, ask):
        """
        Every path of the API is in it, the summary too.
        """
        document = ask("openapi.json")

        assert document == json.loads(json.dumps(openapi(ds.__version__)))
        assert set(document["paths"]) == {f"/api/v1/{path}" for path in (*PATHS, "summary")}

    @pytest.mark.parametrize("path", [*PATHS, "summary"])
    def test_answers_are_what_it_says_and_no_more(self, ask, path):
        """
        Each answer of the exporter is valid, and has all the fields the schema has.
        """
        document = ask("openapi.json")
        reference = document["paths"][f"/api/v1/{path}"]["get"]["responses"]["200"]["content"][
            "application/json"
        ]
        name = reference["schema"]["$ref"].rpartition("/")[2]

        answer = ask(path, **REQUIRED.get(path, {}))

        Draft202012Validator({**reference["schema"], "components": document["components"]}).validate(answer)
        assert set(answer) == set(document["components"]["schemas"][name]["properties"])

    @pytest.mark.parametrize(
        ("kpis", "fields", "prefix"),
        [
            (ORCHESTRATOR_KPIS, schema.OrchestratorKpis, "orchestrator_"),
            (DROID_KPIS, schema.DroidKpis, "orchestrator_droid_"),
            (PATTERN_KPIS, schema.PatternKpis, "orchestrator_pattern_"),
        ],
    )
    def test_it_has_every_kpi_of_the_catalogue(self, kpis, fields, prefix):
        """
        A KPI that is exposed is also answered.
        """
        assert {prefix + name for name in fields.__struct_fields__} == {kpi.spec.name for kpi in kpis}

    def test_the_page_in_the_docs_names_every_path_and_parameter(self):
        """
        Nothing can be asked that is not in docs/api.md.
        """
        page = (Path(__file__).parents[2] / "docs/api.md").read_text()

        for endpoint in ENDPOINTS:
            (row,) = (line for line in page.splitlines() if line.startswith(f"| `/api/v1/{endpoint.path}`"))
            for parameter in endpoint.query.__struct_fields__:
                assert f"`{parameter}`" in row

    @pytest.mark.parametrize("path", [*PATHS, "summary"])
    def test_nothing_schemathesis_asks_contradicts_it(self, exporter, path):
        """
        Valid questions, wrong ones and nonsense: statuses, types, headers and bodies as documented.
        """
        document = schemathesis.openapi.from_dict(fetch_json(f"{exporter.url}/api/v1/openapi.json"))
        operation = document[f"/api/v1/{path}"]["GET"]

        @given(
            case=operation.as_strategy()
            | operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE)
        )
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def question(case):
            case.call_and_validate(base_url=exporter.url)

        question()


class Handled:
    """
    An orchestrator's handler that keeps what it is told.
    """

    def __init__(self):
        self.alerts = []

    def handle_alerts(self, alerts):
        self.alerts = alerts


class TestOrchestrators:
    """
    What `ds.AnalyticsOrchestrator` asks is answered.
    """

    @pytest.fixture(autouse=True)
    def at(self, exporter, monkeypatch):
        monkeypatch.setenv(URL_VARIABLE, exporter.url)

    def test_the_dashboard_is_there(self):
        """
        The one of the API.
        """

        class Mine(ds.AnalyticsOrchestrator):
            def execute_task(self, request):
                return request

        assert Mine().get_performance_dashboard()["alert_level"] == "critical"

    def test_alerts_are_handed_over(self):
        """
        After a session the handler gets the list, and the watching thread ends.
        """
        handler, watch = Handled(), Watch(idle_seconds=0.01)

        watch.look(handler)
        watch.thread.join(10)

        assert {alert["orchestrator"] for alert in handler.alerts} == {"atlas"}
