"""
The Python of README.md and docs/instrumentation.md runs as it stands, and does what the page says.
"""

import asyncio
import re
from pathlib import Path

import pytest
from opentelemetry import baggage, trace

import droidscope as ds
from droidscope.conventions import attributes as names
from droidscope.instrument.orchestrators.alert_poller import ALERT_POLLER

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "docs/instrumentation.md")
TRIED = (
    "def fix(",
    "def build_feature(",
    "propagate.inject(",
    "class Mine(",
    "def test_a_retry_is_an_attempt(",
)
"""
What tells the examples apart: one for each test below.
"""


def examples():
    """
    All Python blocks of the pages.
    """
    return [
        block
        for page in PAGES
        for block in re.findall(
            r"^```python\n(.*?)^```", (ROOT / page).read_text("utf-8"), re.DOTALL | re.MULTILINE
        )
    ]


@pytest.fixture
def configured(monkeypatch):
    """
    What `configure` was called with, which does nothing else.
    """
    calls = []
    monkeypatch.setattr(ds, "configure", lambda **given: calls.append(given))
    return calls


def run(telling, **names_around):
    """
    Run the only example that has *telling* in it; what it defines, by name.
    """
    (example,) = (block for block in examples() if telling in block)
    scope = {"ds": ds, **names_around}
    exec(compile(example, telling, "exec"), scope)
    return scope


def test_each_example_is_tried():
    """
    A new one needs a test here.
    """
    assert [[telling for telling in TRIED if telling in block] for block in examples()] == [
        [each] for each in TRIED
    ]


def test_the_first_steps(seen, configured):
    """
    A session with a phase, a task and its output.
    """
    run("def fix(")["fix"]("bug")

    assert [span.attributes[names.KIND] for span in seen.spans] == ["task", "phase", "session"]
    assert seen.one("task").attributes[names.OUTPUT_CODE_QUALITY] == 92
    assert configured == [{"service_name": "my-orchestrator"}]


class Bus:
    """
    Does not answer at once.
    """

    def __init__(self):
        self.asked = []

    async def request(self, id, request):
        self.asked.append(id)
        if len(self.asked) == 1:
            raise TimeoutError
        return f"{request}: done"


@pytest.mark.usefixtures("configured")
def test_the_tour(seen, tmp_path, monkeypatch, caplog):
    """
    Every kind of record, with a retry after the first query stays unanswered.
    """
    monkeypatch.chdir(tmp_path)
    report = '{"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "Bandit"}}, "results": []}]}'
    Path("bandit.sarif").write_text(report, "utf-8")
    bus = Bus()

    asyncio.run(run("def build_feature(", bus=bus)["build_feature"]("login"))

    outcomes = [span.attributes[names.MESSAGE_OUTCOME] for span in seen.records("message")]
    assert outcomes == ["unanswered", "answered"]
    assert [span.attributes[names.MESSAGE_ID] for span in seen.records("message")] == bus.asked
    assert seen.one("task").attributes[names.TASK_ATTEMPTS] == 2
    second = seen.records("attempt")[1].attributes
    assert (second[names.OUTPUT_TEST_COVERAGE], second[names.OUTPUT_SECURITY]) == (94, 100)
    assert seen.one("gate").attributes[names.GATE_SCORE] == 85
    assert seen.one("synthesis").attributes[names.SYNTHESIS_GATES_PASSED] is True
    assert seen.one("phase").attributes[names.PHASE_ID] == "phase-3-implementation"
    assert seen.one("session").attributes[names.SESSION_OUTCOME] == "completed"
    assert not caplog.records


def test_the_headers(seen):
    """
    They carry trace and ids, with the propagators that OpenTelemetry has by default.
    """
    with ds.session("p", id="s"), ds.task("d"):
        inside = dict(baggage.get_all())
        headers = run("propagate.inject(")["headers"]

    assert set(headers) == {"traceparent", "baggage"}
    assert headers["traceparent"].split("-")[1] == format(seen.one("task").context.trace_id, "032x")
    assert inside.keys() >= {names.SESSION_ID, names.TASK_ID, names.ORCHESTRATOR_NAME}
    assert all(name in headers["baggage"] for name in inside)
    assert trace.get_current_span() is trace.INVALID_SPAN


class Orchestrator:
    """
    Somebody's.
    """

    def execute_task(self, request):
        return f"done: {request}"


def test_the_mixin(seen, monkeypatch):
    """
    Sessions of the pattern it names.
    """
    watched = []
    monkeypatch.setattr(ALERT_POLLER, "request", watched.append)

    mine = run("class Mine(", Orchestrator=Orchestrator)["Mine"]()

    assert mine.execute_task("login") == "done: login"
    assert seen.one("session").attributes[names.PATTERN_ID] == "bug-fix"
    assert watched == [mine]
    assert mine.handle_alerts([]) is None


def build():
    """
    What a user's test is about: a task that takes two attempts.
    """
    with ds.task("d"):
        for _ in range(2):
            with ds.attempt():
                pass


def test_the_test():
    """
    It passes, and would not if there were no retry.
    """
    tried = run("def test_a_retry_is_an_attempt(", build=build)["test_a_retry_is_an_attempt"]
    tried()

    tried.__globals__["build"] = ds.task("d")(lambda: None)
    with pytest.raises(AssertionError):
        tried()
