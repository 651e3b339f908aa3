"""
Dashboard and alerts of one environment, where an orchestrator runs under one name in several.
"""

from __future__ import annotations

import time
from urllib.error import HTTPError
from urllib.parse import urlencode

import pytest

import builders as b
from api.api_requests import post
from e2e.processes import Exporter, fetch_json

AGO = {"start": time.time() - 600 - b.NOON / b.SECOND}


def in_environment(name, *spans):
    return b.traces(*spans, **({"deployment.environment.name": name} if name else {}))


def sessions(prefix, n, **more):
    return [b.session(f"{prefix}{number}", seconds=60, **more, **AGO) for number in range(n)]


@pytest.fixture(scope="module")
def exporter(tmp_path_factory):
    """
    A real one: atlas fails in production, with findings, works in staging, and has one session elsewhere.
    """
    broken = [b.task(id=f"t{n}", session=f"p{n}", error="Broken", seconds=30, **AGO) for n in range(12)]
    good = [b.task(id=f"g{n}", session=f"s{n}", seconds=30, **AGO) for n in range(12)]
    report = b.task("reviewer", id="r1", session="p0", output__findings__high=2, seconds=5, **AGO)
    with Exporter(tmp_path_factory.mktemp("environments"), birth_hold="1ms") as exporter:
        failed = sessions("p", 12, error="Broken")
        post(exporter, "/v1/traces", in_environment("production", *broken, report, *failed))
        post(exporter, "/v1/traces", in_environment("staging", *good, *sessions("s", 12)))
        post(exporter, "/v1/traces", in_environment("", *sessions("n", 1)))
        same = {"id": "ticket-7", "start": AGO["start"], "attribute__tries": 2, "attribute__ok": True}
        for name in ("production", "staging"):
            more = {"attribute__ratio": 0.5, "attribute__where": name}
            post(exporter, "/v1/traces", in_environment(name, b.session(pattern="lone", **same, **more)))
        yield exporter


@pytest.fixture
def ask(exporter):
    return lambda path, **query: fetch_json(f"{exporter.url}/api/v1/{path}?{urlencode(query)}")


@pytest.mark.parametrize(
    ("query", "completed", "ended"),
    [
        ({}, 15, 27),
        ({"environment": "production"}, 1, 13),
        ({"environment": "staging"}, 13, 13),
        ({"environment": ""}, 1, 1),
        ({"environment": "nowhere"}, 0, 0),
        ({"environment": "staging", "orchestrator": "hermes"}, 0, 0),
    ],
)
def test_the_dashboard_counts_one_environment(ask, query, completed, ended):
    """
    The empty name is that of whoever names none; without the filter, all of them add up.
    """
    summary = ask("dashboard", **query)["session_summary"]

    assert (summary["completed_sessions"], summary["success_samples"]) == (completed, ended)


def test_alerts_are_judged_within_the_environment(ask):
    """
    Production's errors are no alert of staging's, and are not thinned by its sessions.
    """

    def shares(**query):
        alerts = ask("alerts", **query)["alerts"]
        return {alert["name"]: alert["value"] for alert in alerts if alert["unit"] == "ratio"}

    assert shares(environment="staging") == {}
    assert ask("alerts", environment="staging")["level"] == "none"
    assert ask("dashboard", environment="staging")["alert_level"] == "none"
    assert set(shares(environment="production").values()) == {1.0}
    assert sorted(shares().values()) == [pytest.approx(12 / 25), 0.5]


def test_droids_of_another_environment_are_not_on_the_dashboard(ask):
    """
    Their status is that of the environment they work in.
    """
    assert [item["droid"] for item in ask("dashboard", environment="production")["droid_status"]] == [
        "coder",
        "reviewer",
    ]
    assert ask("dashboard", environment="staging")["droid_status"] == [
        {"orchestrator": "atlas", "droid": "coder", "status": "healthy"}
    ]


@pytest.mark.parametrize("name", ["production", "staging"])
def test_of_one_id_in_two_environments_each_session_is_found(ask, name):
    """
    With the attributes of its user as they were given.
    """
    session = ask("session", session_id="ticket-7", environment=name)["session"]

    assert session["labels"] == {"environment": name}
    assert session["attributes"] == {"ok": True, "ratio": 0.5, "tries": 2, "where": name}
    assert ask("session", session_id="ticket-7")["session"]["labels"] == {"environment": "staging"}
    with pytest.raises(HTTPError, match="404"):
        ask("session", session_id="ticket-7", environment="nowhere")
