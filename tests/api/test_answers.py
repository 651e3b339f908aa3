"""
What the API answers about a real exporter: dashboard, sessions, droids, patterns, messages and alerts.
"""

from __future__ import annotations

import time

import pytest

import droidscope as ds
from droidscope.api.dashboard_handlers import to_attention
from droidscope.conventions.attributes import Severity
from droidscope.conventions.thresholds import ALERTS, HIGH_ERROR_RATE, LOW_SUCCESS_RATE, SECURITY_ISSUES
from droidscope.insights.alerts import ActiveAlert
from droidscope.instrument.orchestrators.alert_poller import AlertPoller
from droidscope.instrument.orchestrators.client import URL_VARIABLE


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
            "waiting_sessions": 0,
            "completed_sessions": 6,
            "cancelled_sessions": 0,
            "unknown_sessions": 0,
            "success_ratio": 0.5,
            "success_samples": 12,
            "average_duration_seconds": 60,
        }

    def test_the_dashboard_separates_critical_alerts_from_warnings(self, ask):
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
        alerts = [
            ActiveAlert("A", "quality", severity, "m", "a", "atlas", 1, 0, "ratio", 0.0)
            for severity in Severity
        ]

        attention = to_attention(alerts, [])

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
        An unknown orchestrator has no ratios, no score, and no alerts.
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
        The medians of the complete hours.
        """
        (hermes,) = ask("insights", orchestrator="hermes")["orchestrators"]

        (coder,) = hermes["droid_quality_trends"]
        assert coder["values"] == [80]
        assert coder["times_seconds"] == [pytest.approx(time.time() - 3 * 3600 - 600, abs=3700)]

    def test_a_droid_has_its_messages_by_type_and_the_outcomes_of_queries(self, ask):
        """
        Messages it sent, and queries it received.
        """
        droids = {each["droid"]: each for each in ask("droids", orchestrator="hermes")["droids"]}

        assert droids["coder"]["messages_by_type"] == {"discovery": 1, "query": 2}
        assert droids["reviewer"]["messages_by_type"] == {}
        assert droids["reviewer"]["queries"] == {
            "answered": 2,
            "late": 0,
            "unanswered": 0,
            "rejected": 0,
            "cancelled": 0,
        }
        assert droids["reviewer"]["average_response_time_seconds"] == 45

    def test_edges_have_the_messages_by_sender_and_receiver(self, ask):
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
    def test_the_level_is_that_of_the_alerts_that_match(self, ask, query, level):
        """
        A filter that leaves no alert leaves no level.
        """
        assert ask("alerts", **query)["level"] == level

    def test_the_gauges_agree_with_the_api(self, exporter, ask):
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
            (name, limit.name): active.count((name, limit.name))
            for name in ("atlas", "hermes")
            for limit in ALERTS
        }
        assert exporter.total("orchestrator_alert_level", orchestrator="atlas") == 4
        assert exporter.total("orchestrator_alert_level", orchestrator="hermes") == 0
        assert exporter.total("droidscope_collect_success", part="alerts") == 1


class Handled:
    """
    An orchestrator's handler that keeps the alerts it gets.
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

    @pytest.mark.parametrize(("service", "level"), [("atlas", "critical"), ("hermes", "none")])
    def test_the_dashboard_is_that_of_the_orchestrator(self, monkeypatch, service, level):
        """
        The one of the API for its name; all of it on request.
        """
        monkeypatch.setenv("OTEL_SERVICE_NAME", service)
        mine = ds.AnalyticsOrchestrator()

        assert mine.get_performance_dashboard()["alert_level"] == level
        assert mine.get_performance_dashboard(everything=True)["alert_level"] == "critical"

    @pytest.mark.parametrize(("service", "names"), [("atlas", {"atlas"}), ("hermes", set())])
    def test_alerts_are_handed_over(self, monkeypatch, service, names):
        """
        After a session the handler gets the list of its own, and the polling thread ends.
        """
        monkeypatch.setenv("OTEL_SERVICE_NAME", service)
        handler, poller = Handled(), AlertPoller(idle_seconds=0.01, delay_seconds=0.0)

        poller.request(handler)
        poller.thread.join(10)

        assert {alert["orchestrator"] for alert in handler.alerts} == names
