"""
Sessions of callbacks at a real exporter, over processes, and what it answers the mixin.
"""

from __future__ import annotations

import json
import subprocess
import sys

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
WORKER = """
import json, sys
import droidscope as ds

ds.configure(service_name="atlas", endpoint=sys.argv[1])
for line in sys.stdin:
    call, *given = json.loads(line)
    answer = getattr(ds, call)(*given)
    print(json.dumps([answer if isinstance(answer, bool) else None, ds.flush()]), flush=True)
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


class Worker:
    """
    A process of a server, which calls what it is asked for and sends it at once.
    """

    def __init__(self, exporter):
        command = [sys.executable, "-c", WORKER, exporter.otlp]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()

    def __call__(self, *call):
        self.process.stdin.write(json.dumps(call) + "\n")
        self.process.stdin.flush()
        answer, is_sent = json.loads(self.process.stdout.readline())
        assert is_sent
        return answer


def test_a_worker_ends_the_runs_of_an_id_that_others_start(exporter):
    """
    A ticket runs again and again: each run counts as it ended.
    """
    start = """
    ds.configure(service_name="atlas", endpoint="{otlp}")
    ds.start_session("ticket-7", "triage")
    """
    with Worker(exporter) as worker:
        for end in (("complete",), ("fail",), ("complete",), ("cancel",)):
            run_process(start.format(otlp=exporter.otlp))
            assert worker(end[0], "ticket-7")

    expected = {("triage", "completed"): 2, ("triage", "failed"): 1, ("triage", "cancelled"): 1}
    assert settled(lambda: outcomes(exporter), expected) == expected
    assert exporter.total("orchestrator_sessions_started_total") == 4


def test_two_workers_share_the_runs_of_an_id(exporter):
    """
    Whichever of them starts a run, and whichever ends it; a second end is none.
    """
    with Worker(exporter) as one, Worker(exporter) as other:
        one("start_session", "t1", "triage")
        assert other("complete", "t1")
        one("start_session", "t1", "triage")
        assert other("fail", "t1", "x")
        other("start_session", "t1", "triage")
        assert one("complete", "t1")
        other("start_session", "t1", "triage")
        assert other("cancel", "t1")

        one("start_session", "t2", "once")
        other("cancel", "t2")
        other("complete", "t2")
        one("fail", "t2")

        one("start_session", "t3", "both")
        other("start_session", "t3", "both")
        one("complete", "t3")
        other("fail", "t3")
        expected = {
            ("triage", "completed"): 2,
            ("triage", "failed"): 1,
            ("triage", "cancelled"): 1,
            ("once", "cancelled"): 1,
            ("both", "completed"): 1,
            ("both", "failed"): 1,
        }
        assert settled(lambda: outcomes(exporter), expected, 15) == expected
        assert exporter.total("orchestrator_sessions_started_total") == 7
        assert exporter.total("orchestrator_sessions_reopened_total") == 0


def test_an_end_may_arrive_before_the_start_of_its_run(exporter):
    """
    Of a run under an id that has ended before: a forked child is quicker than its parent.
    """
    early = """
    import multiprocessing

    ds.configure(service_name="atlas", endpoint="{otlp}")
    fork = multiprocessing.get_context("fork")

    def fail(id):
        ds.fail(id)
        assert ds.flush()

    for n in range(5):
        ds.start_session(f"t{{n}}", "triage")
        ds.complete(f"t{{n}}")
    assert ds.flush()
    for n in range(5):
        ds.start_session(f"t{{n}}", "triage")
        child = fork.Process(target=fail, args=(f"t{{n}}",))
        child.start()
        child.join()
    assert ds.flush()
    """
    run_process(early.format(otlp=exporter.otlp))

    expected = {("triage", "completed"): 5, ("triage", "failed"): 5}
    assert settled(lambda: outcomes(exporter), expected, 15) == expected
    assert exporter.total("orchestrator_sessions_started_total") == 10


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
