"""
Sessions of callbacks at a real exporter, over processes, and what it answers the mixin.
"""

from __future__ import annotations

import json

import pytest

from e2e.processes import Exporter, settled
from own_processes import run_process

START = """
ds.configure(service_name="atlas", endpoint="{otlp}")
for n in range(6):
    ds.start_session(f"s{{n}}", "triage")
"""
END = """
ds.configure(service_name="atlas", endpoint="{otlp}")
for n in range(6):
    with ds.within(f"s{{n}}", pattern="triage"), ds.task("coder"):
        pass
ds.complete("s0")
ds.complete("s1", {{"ok": True}})
ds.complete("s2", {{"success": False}})
ds.fail("s3", TimeoutError())
ds.cancel("s4")
assert ds.flush()
"""
MIXIN = """
class Mine(ds.AnalyticsOrchestrator):
    analytics_method = "run"
    def run(self, result):
        return result

place = {{"deployment.environment.name": "{place}"}}
ds.configure(service_name="{service}", endpoint="{otlp}", resource_attributes=place)
mine = Mine()
for result in {results}:
    mine.run(result)
import json
print(json.dumps([mine.get_performance_dashboard(), mine.check_alerts()]))
"""


@pytest.fixture
def exporter(tmp_path):
    with Exporter(tmp_path, birth_hold="1ms") as exporter:
        yield exporter


def outcomes(exporter):
    """
    Sessions by pattern and outcome, where there are any.
    """
    return {
        (dict(labels)["pattern"], dict(labels)["outcome"]): int(value)
        for (name, labels), value in exporter.samples().items()
        if name == "orchestrator_sessions_total" and value
    }


def test_a_session_may_be_ended_by_another_process(exporter):
    """
    Each is one session with its own pattern and outcome; the task done elsewhere is its own.
    """
    run_process(START.format(otlp=exporter.otlp))
    run_process(END.format(otlp=exporter.otlp))

    expected = {("triage", "completed"): 2, ("triage", "failed"): 2, ("triage", "cancelled"): 1}
    assert settled(lambda: outcomes(exporter), expected) == expected
    assert exporter.total("orchestrator_sessions_started_total", pattern="triage") == 6
    assert exporter.total("orchestrator_sessions_started_total") == 6
    assert exporter.total("orchestrator_assignments_total", pattern="triage", outcome="completed") == 6
    assert exporter.total("droidscope_rejected_total") == 0


def test_the_mixin_gets_the_answers_of_its_own_name_and_environment(exporter, monkeypatch):
    """
    Of twelve sessions in production eight failed by their results; staging and another name see none of it.
    """
    monkeypatch.setenv("DROIDSCOPE_URL", exporter.url)
    bad = [{"success": False}] * 8 + [{"success": True}] * 4
    answers = {
        key: json.loads(
            run_process(
                MIXIN.format(otlp=exporter.otlp, service=key[0], place=key[1], results=results)
            ).stdout
        )
        for key, results in (
            (("atlas", "production"), bad),
            (("atlas", "staging"), [None] * 12),
            (("hermes", "production"), [None]),
        )
    }

    seen = {
        key: (dashboard["session_summary"]["completed_sessions"], [alert["orchestrator"] for alert in alerts])
        for key, (dashboard, alerts) in answers.items()
    }
    assert seen == {
        ("atlas", "production"): (4, ["atlas"]),
        ("atlas", "staging"): (12, []),
        ("hermes", "production"): (1, []),
    }
