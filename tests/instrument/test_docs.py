"""
The Python of README.md and docs/instrumentation.md runs as it stands, and does what the page says.
"""

import asyncio
import json
import logging
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import structlog
from opentelemetry import baggage, trace

import droidscope as ds
from droidscope.conventions import attributes as names
from droidscope.instrument.orchestrators.alert_poller import ALERT_POLLER

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "docs/instrumentation.md", "docs/doctor.md")
TRIED = (
    "def fix(",
    "def build_feature(",
    "def check(",
    "def migrate(",
    "propagate.inject(",
    "def implement_all(",
    "def release(",
    "def propose(",
    "def build(",
    "def complete(",
    "class Mine(",
    "class Hooks:",
    "logging.StreamHandler()",
    "def add_ids(",
    "def test_a_retry_is_an_attempt(",
    "ds.check(send=True)",
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
    run("def fix(")

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


class Report:
    """
    Of a test run, as the page's functions get it.
    """

    def __init__(self, passed, failed):
        self.passed = passed
        self.failed = failed
        self.total = passed + failed


def test_the_verdict(seen):
    """
    The gate fails with its score, and the task by what it states.
    """
    review = run("def check(")["review"]
    with ds.session("p"):
        review(Report(3, 1))

    assert seen.one("gate").attributes[names.GATE_PASSED] is False
    assert seen.one("gate").attributes[names.GATE_SCORE] == 75
    assert seen.one("task").attributes[names.ERROR_TYPE] == "tests_failed"


def test_the_retries(seen, caplog):
    """
    Each try that failed is an attempt that failed.
    """

    class Database:
        tries = iter([TimeoutError, None])

        def migrate(self):
            failure = next(self.tries)
            if failure:
                raise failure

    with ds.session("p"):
        run("def migrate(")["migrate"](Database())

    assert [span.status.is_ok for span in seen.records("attempt")] == [False, True]
    assert not caplog.records


def test_the_threads(seen, caplog):
    """
    What they do belongs to the phase.
    """

    def implement_part(part):
        with ds.task("d", id=part):
            return part.upper()

    with ds.session("p"):
        assert run("def implement_all(")["implement_all"](["a", "b"], implement_part) == ["A", "B"]

    phases = [span.attributes[names.PHASE_ID] for span in seen.records("task")]
    assert phases == ["phase-3-implementation"] * 2
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


CHANGE = SimpleNamespace(id="c-1")
PEOPLE = {"ask_for_approval": lambda _: None, "deploy": lambda _: None}


def test_the_wait(seen):
    """
    It has begun and ended within the session.
    """
    run("def release(", **PEOPLE)["release"](CHANGE)

    span = seen.one("session")
    assert span.attributes[names.SESSION_OUTCOME] == "completed"
    assert span.attributes[names.SESSION_WAITING_SECONDS] > 0
    assert len(seen.events_named(names.RESUMED_EVENT)) == 1


def test_the_sign_off(seen):
    """
    One session of two spans.
    """
    defined = run("def propose(", **PEOPLE)
    defined["propose"](CHANGE)
    defined["approved"](CHANGE)

    waiting, resumed = seen.records("session")
    assert waiting.attributes[names.SESSION_ID] == resumed.attributes[names.SESSION_ID] == "c-1"
    assert waiting.attributes[names.SESSION_OUTCOME] == "waiting"
    assert resumed.attributes[names.SESSION_RESUMED] is True


def test_the_deliveries(seen):
    """
    A worker of Celery gets the task a second time, and it is one task.
    """
    celery = pytest.importorskip("celery")
    worker = pytest.importorskip("celery.contrib.testing.worker")
    app = celery.Celery(broker="memory://", backend="cache+memory://", set_as_current=False)
    app.conf.worker_hijack_root_logger = False
    app.Task.default_retry_delay = 0
    answers = iter([TimeoutError(), "built"])

    def run_build(_):
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    build = run("def build(", app=app, run_build=run_build)["build"]
    with worker.start_worker(app, perform_ping_check=False, loglevel="warning"):
        assert build.delay("spec").get(timeout=20) == "built"

    assert [span.attributes[names.TASK_ATTEMPT] for span in seen.records("attempt")] == [1, 2]
    assert seen.one("task").attributes[names.TASK_ATTEMPTS] == 2


def answer(**fields):
    """
    A client of whose methods each is a coroutine that returns *fields*.
    """

    async def create(**_):
        return SimpleNamespace(**fields)

    return create


def test_the_response(seen):
    """
    What the decorated function returns is understood.
    """
    usage = {"prompt_tokens": 100, "completion_tokens": 20, "prompt_tokens_details": {"cached_tokens": 64}}
    completions = SimpleNamespace(create=answer(model="gpt-5-2026", usage=usage))
    client = SimpleNamespace(chat=SimpleNamespace(completions=completions))

    asyncio.run(run("def complete(", client=client)["complete"]([]))

    attributes = seen.one("model_request").attributes
    assert attributes[names.RESPONSE_MODEL] == "gpt-5-2026"
    assert (attributes[names.INPUT_TOKENS], attributes[names.CACHE_READ_TOKENS]) == (100, 64)


def test_the_stream(seen):
    """
    The usage of its first event, and the output of its last.
    """

    async def create(**_):
        return events()

    async def events():
        usage = {"input_tokens": 10, "output_tokens": 1, "cache_read_input_tokens": 300}
        yield SimpleNamespace(type="message_start", message={"model": "m", "usage": usage})
        yield SimpleNamespace(type="content_block_delta")
        yield SimpleNamespace(type="message_delta", usage={"output_tokens": 40})

    async def consume(stream):
        return [event.type async for event in stream]

    client = SimpleNamespace(messages=SimpleNamespace(create=create))
    asyncio.run(consume(run("def complete(", client=client)["stream"]([])))

    attributes = seen.one("model_request").attributes
    assert (attributes[names.INPUT_TOKENS], attributes[names.OUTPUT_TOKENS]) == (310, 40)


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


def test_the_hooks(seen):
    """
    One session for each run, by how it ended.
    """
    hooks = run("class Hooks:")["Hooks"]()
    for run_id in ("done", "bad", "broken", "aborted"):
        hooks.on_start(run_id)
        hooks.on_step(run_id, "coder", lambda: None)
    hooks.on_end("done", {"success": True})
    hooks.on_end("bad", {"success": False})
    hooks.on_error("broken", TimeoutError())
    hooks.on_abort("aborted")

    assert [
        (span.attributes[names.SESSION_ID], span.attributes[names.SESSION_OUTCOME])
        for span in seen.records("session")
    ] == [("done", "completed"), ("bad", "failed"), ("broken", "failed"), ("aborted", "cancelled")]
    assert len({span.attributes[names.SESSION_ID] for span in seen.records("task")}) == 4


@pytest.mark.usefixtures("seen")
def test_the_log_records(capsys):
    """
    Their handler writes the ids.
    """
    handler = run("logging.StreamHandler()", logging=logging)["handler"]
    try:
        with ds.session("review", id="s1"), ds.task(droid="reviewer", id="t1"):
            logging.getLogger("somebody").warning("looks odd")
    finally:
        logging.getLogger().removeHandler(handler)

    assert "WARNING [s1 t1] looks odd" in capsys.readouterr().err


@pytest.mark.usefixtures("seen")
def test_the_processor(capsys):
    """
    Events of structlog have the ids.
    """
    structlog.reset_defaults()  # another test may have sent them elsewhere
    try:
        run("def add_ids(", structlog=structlog)
        with ds.session("review", id="s1"):
            structlog.get_logger().warning("looks odd")
    finally:
        structlog.reset_defaults()

    assert json.loads(capsys.readouterr().out)["session_id"] == "s1"


def test_the_check(configured, monkeypatch, capsys):
    """
    Prints one line for each finding.
    """
    finding = ds.Finding("no_sdk", "error", "There is none.", "Install it.")
    monkeypatch.setattr(ds, "check", lambda **given: [finding] if given == {"send": True} else [])

    run("ds.check(send=True)")

    assert configured == [{"service_name": "my-orchestrator"}]
    assert capsys.readouterr().out == "error no_sdk: There is none. Install it.\n"


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
