"""
`droidscope replay` sends what real frameworks emitted to a real exporter: its page shows the truth.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

from corpus import FRAMEWORKS, TRACES, truth
from e2e.processes import Exporter, until

pytestmark = pytest.mark.slow

EXCEPTIONS = {
    ("openai-agents", "sessions"): (11, "the instrumentor drops what joins the two turns of s07"),
    ("strands", "failed sessions"): (1, "s04 is soft: a model gave up in words, every span is OK"),
}
"""
What telemetry cannot show, and why; everything else equals `ground_truth.json`.
"""


@pytest.fixture(scope="module")
def exporter(tmp_path_factory):
    """
    An exporter that got all recordings by the command line: half over HTTP, half over gRPC, one twice.
    """
    settings = {"session_settle_after": "1s", "birth_hold": "1ms"}
    with Exporter(tmp_path_factory.mktemp("replay"), **settings) as exporter:
        targets = [exporter.otlp, f"grpc://127.0.0.1:{exporter.grpc}"]
        for number, framework in enumerate([*FRAMEWORKS, FRAMEWORKS[0]]):
            file = TRACES / framework / "traces.otlp.gz"
            command = [sys.executable, "-m", "droidscope", "replay", str(file), "--to", targets[number % 2]]
            subprocess.run(command, check=True, capture_output=True, timeout=60)
        started = sum(truth(framework)["totals"]["sessions_started"] for framework in FRAMEWORKS)
        until(lambda: exporter.total("orchestrator_sessions_total") > started, "all sessions to settle")
        yield exporter


def expected(framework):
    totals = truth(framework)["totals"]
    counts = {
        "sessions": totals["sessions_started"],
        "failed sessions": totals["sessions_failed"],
        "agent runs": totals["agent_runs"],
        "failed agent runs": totals["agent_runs_failed"],
        "tool calls": totals["tool_calls"],
        "failed tool calls": totals["tool_calls_failed"],
        "model requests": totals["model_calls"],
        "failed model requests": totals["model_calls_failed"],
        "input tokens": totals["input_tokens"],
        "output tokens": totals["output_tokens"],
    }
    return {what: EXCEPTIONS.get((framework, what), (count,))[0] for what, count in counts.items()}


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_page_shows_what_the_workload_counted(exporter, framework):
    """
    Sessions, failures, agent runs, tools, model requests and tokens, each counted once.
    """
    who = {"orchestrator": truth(framework)["framework"]}

    shown = {
        "sessions": exporter.total("orchestrator_sessions_total", **who),
        "failed sessions": exporter.total("orchestrator_sessions_total", outcome="failed", **who),
        "agent runs": exporter.total("orchestrator_attempts_total", **who),
        "failed agent runs": exporter.total("orchestrator_attempts_total", outcome="failed", **who),
        "tool calls": exporter.total("orchestrator_tool_calls_total", **who),
        "failed tool calls": exporter.total("orchestrator_tool_calls_total", outcome="failed", **who),
        "model requests": exporter.total("orchestrator_model_requests_total", **who),
        "failed model requests": exporter.total("orchestrator_model_requests_total", outcome="failed", **who),
        "input tokens": exporter.total("orchestrator_tokens_total", direction="input", **who),
        "output tokens": exporter.total("orchestrator_tokens_total", direction="output", **who),
    }

    assert shown == expected(framework)


def test_what_came_twice_is_told_as_duplicate(exporter):
    """
    One recording was sent twice, the second time over the other port.
    """
    stored = exporter.total("droidscope_received_total", outcome="stored")
    duplicates = exporter.total("droidscope_received_total", outcome="duplicate")

    assert stored > duplicates > 100
