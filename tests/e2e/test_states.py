"""
What was cancelled, waited, was delivered again or asked a model: the exporter counts exactly that.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections import defaultdict

import pytest

from droidscope.conventions import metrics as m
from e2e.processes import Exporter, fetch_json, settled, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

SETTINGS = {"birth_hold": "1ms", "session_settle_after": "1s", "records_lost_after": "1s"}
COUNTED = {
    m.SESSIONS: "session",
    m.PHASES: "phase",
    m.TASKS: "task",
    m.ATTEMPTS: "attempt",
    m.RETRIES: "retry",
    m.TOOL_CALLS: "tool",
    m.MODEL_REQUESTS: "model",
    m.QUERIES: "query",
    m.GATE_RESULTS: "gate",
    m.SYNTHESES: "synthesis",
    m.FAILURES: "failure",
    m.TOKENS: "tokens",
}
PRELUDE = """
import asyncio, json, sys
from contextlib import suppress
from opentelemetry import context, propagate
import droidscope as ds

ds.configure()
"""


@pytest.fixture(scope="module")
def exporter(tmp_path_factory):
    """
    One for all tests: each has an orchestrator of its own.
    """
    with Exporter(tmp_path_factory.mktemp("states") / "exporter", **SETTINGS) as running:
        yield running


class Service:
    """
    Processes of one orchestrator, and what the exporter shows of it.
    """

    def __init__(self, exporter, name):
        self.exporter = exporter
        self.name = name

    def start(self, code, **options):
        env = {
            **{key: value for key, value in os.environ.items() if not key.startswith("OTEL_")},
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.exporter.otlp,
            "OTEL_METRIC_EXPORT_INTERVAL": "500",
            "OTEL_SERVICE_NAME": self.name,
        }
        script = PRELUDE + textwrap.dedent(code)
        return subprocess.Popen([sys.executable, "-c", script], env=env, text=True, **options)

    def run(self, code, status=0):
        """
        Run *code* to its end in a process of its own.
        """
        process = self.start(code)
        assert process.wait(60) == status

    def counts(self):
        """
        What is counted, by what it is and its outcome.
        """
        names = {spec.name: what for spec, what in COUNTED.items()}
        counts = defaultdict(int)
        for (name, labels), value in self.exporter.samples().items():
            label = dict(labels)
            if name in names and value and label["orchestrator"] == self.name:
                outcome = label.get("outcome") or label.get("direction") or ""
                counts[f"{names[name]} {outcome}".strip()] += value
        return dict(counts)

    def total(self, spec, suffix="", **labels):
        return self.exporter.total(spec.name + suffix, orchestrator=self.name, **labels)

    def check(self, **expected):
        """
        Wait for the *expected* counts, with a space in place of the first underscore, and no others.
        """
        wanted = {what.replace("_", " ", 1): number for what, number in expected.items()}
        assert settled(self.counts, wanted, seconds=20) == wanted


@pytest.fixture
def service(exporter, request):
    """
    An orchestrator named after the test.
    """
    return Service(exporter, request.node.name.removeprefix("test_").replace("_", "-"))


def test_cancelled_siblings_fail_nobody(service):
    """
    Of a TaskGroup whose other task fails, and of hedged requests.
    """
    service.run("""
        @ds.task("slow")
        async def slow():
            with ds.attempt(), ds.tool("search"):
                await asyncio.sleep(60)

        @ds.task("other")
        async def other(error):
            await asyncio.sleep(0.1)
            if error:
                raise error

        async def main():
            with suppress(ExceptionGroup), ds.session("group"):
                async with asyncio.TaskGroup() as group:
                    group.create_task(slow())
                    group.create_task(other(ValueError()))
            with ds.session("hedge"):
                tasks = [asyncio.create_task(each) for each in (slow(), other(None))]
                _, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for each in pending:
                    each.cancel()
                await asyncio.wait(pending)

        asyncio.run(main())
    """)

    service.check(
        session_failed=1,
        session_completed=1,
        task_failed=1,
        task_completed=1,
        task_cancelled=2,
        attempt_failed=1,
        attempt_succeeded=1,
        attempt_cancelled=2,
        tool_cancelled=2,
        failure=1,
    )


def test_whatever_is_cancelled_is_counted_as_such(service):
    """
    A gate without a verdict and a synthesis that reports nothing are none.
    """
    service.run("""
        blocks = (
            lambda: ds.phase("f"), lambda: ds.model_call("m"), lambda: ds.ask("a", "b"),
            lambda: ds.gate("g"), ds.synthesis,
        )
        for block in blocks:
            with suppress(asyncio.CancelledError), ds.session("p"), block():
                raise asyncio.CancelledError
    """)

    service.check(session_cancelled=5, phase_cancelled=1, model_cancelled=1, query_cancelled=1)


def test_exits_and_interrupts(service):
    """
    A script that exits in its session ends it as its status says; Ctrl+C cancels.
    """
    service.run("with ds.session('p'): sys.exit()")
    service.run("with ds.session('p'): sys.exit(3)", status=3)
    process = service.start(
        """
        import time
        with ds.session("p"):
            print("ready", flush=True)
            time.sleep(60)
        """,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    with process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)

    service.check(session_completed=1, session_failed=1, session_cancelled=1, failure=1)


def test_a_session_waits_within_its_process(service):
    """
    Its state says so meanwhile, and its seconds are counted once.
    """
    process = service.start(
        """
        with ds.session("p", id="waits"), ds.waiting("approval"), ds.waiting("another"):
            sys.stdin.readline()
        """,
        stdin=subprocess.PIPE,
    )
    with process:
        until(lambda: states(service) == {"waits": "waiting"}, "the wait")
        waiting = service.total(m.SESSIONS_WAITING)
        process.stdin.close()

    assert waiting == 1
    service.check(session_completed=1)
    assert 0 < waited(service) < 60


def waited(service):
    """
    Seconds that sessions waited, once they are counted: a second after the end.
    """
    return until(lambda: service.total(m.SESSION_WAITING_SECONDS), "the waited seconds")


def states(service):
    """
    The state of each session by id, as the API has it.
    """
    return {session["session_id"]: session["state"] for session in sessions_of(service)}


def sessions_of(service):
    """
    The sessions of a service, as the API has them.
    """
    url = f"{service.exporter.url}/api/v1/sessions?orchestrator={service.name}&limit=100"
    return fetch_json(url)["sessions"]


def test_a_session_goes_on_in_another_process(service):
    """
    It is one session, which nobody loses while it waits; its work in both is its own.
    """
    service.run("""
        with ds.session("p", id="s") as session, ds.task("asks"):
            session.wait("sign-off")
    """)
    until(lambda: states(service) == {"s": "waiting"}, "the wait")
    service.run("""
        with ds.session("p", id="s", resume=True), ds.task("goes-on"):
            pass
    """)

    service.check(session_completed=1, task_completed=2, attempt_succeeded=2)
    assert service.total(m.SESSIONS_STARTED) == 1
    assert waited(service) > 0


def times(service, id):
    """
    Of a session that has ended: seconds that it took, and those of them that it waited.
    """
    (session,) = [each for each in sessions_of(service) if each["session_id"] == id]
    return session["duration_seconds"], session["waiting_seconds"]


def worked(service):
    """
    Seconds that sessions took without waiting, once they are counted.
    """
    return service.total(m.SESSION_DURATION, "_sum")


KILLED = """
import os
with ds.session("p", id="s"):
    ds.waiting("approval")
    ds.flush()
    os.kill(os.getpid(), {signal})
"""


@pytest.mark.parametrize("resume", ["True", "False"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_wait_outlives_its_process(service, number, resume):
    """
    It lasts until a span goes on under the id, whether that is marked as resumed or not.
    """
    service.run(KILLED.format(signal=int(number)), status=-number)
    until(lambda: states(service) == {"s": "waiting"}, "the wait")
    time.sleep(2)
    service.run(f"with ds.session('p', id='s', resume={resume}): ds.resumed()")

    service.check(session_completed=1)
    assert waited(service) > 2
    took, waits = times(service, "s")
    assert waits == pytest.approx(waited(service), abs=0.001)
    assert worked(service) == pytest.approx(took - waits, abs=0.001)
    assert worked(service) < 1


WORKER = """
import time
{inside}
    with ds.waiting("approval"):
        time.sleep(2)
"""
BY_HEADERS = "context.attach(propagate.extract({headers!r}))\nif True:"


@pytest.mark.parametrize("inside", [BY_HEADERS, "with ds.within('s'):"], ids=["headers", "id"])
def test_a_session_waits_in_a_worker(service, inside):
    """
    Of another process, which knows it by the W3C headers or by its id.
    """
    process = service.start(
        """
        with ds.session("p", id="s"):
            headers = {}
            propagate.inject(headers)
            print(json.dumps(headers), flush=True)
            sys.stdin.readline()
        """,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with process:
        headers = json.loads(process.stdout.readline())
        service.run(WORKER.format(inside=inside.format(headers=headers)))
        process.stdin.close()

    service.check(session_completed=1)
    assert waited(service) == pytest.approx(2, abs=0.5)


@pytest.mark.parametrize("ends", ["ds.complete('s')", "pass"], ids=["ended-there", "ended-here"])
def test_a_wait_is_over_in_another_process(service, ends):
    """
    Its own process measures it to its end, and that counts nothing more.
    """
    process = service.start(
        """
        ds.start_session("s", "p")
        with ds.within("s"):
            ds.waiting("approval")
        ds.flush()
        print("waits", flush=True)
        sys.stdin.readline()
        ds.complete("s")
        """,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with process:
        process.stdout.readline()
        service.run(f"with ds.within('s', pattern='p'): ds.resumed()\n{ends}")
        until(lambda: states(service)["s"] != "waiting", "the end of the wait")
        (session,) = sessions_of(service)
        time.sleep(2)
        process.stdin.close()

    service.check(session_completed=1)
    assert waited(service) == pytest.approx(session["waiting_seconds"], abs=0.001)
    assert service.total(m.SESSIONS_STARTED) == 1


def test_an_end_that_is_sent_before_its_start_has_its_pattern(service):
    """
    One process starts sessions that another has ended already, as far as the exporter can see.
    """
    ids = [f"job-{number}" for number in range(3)]
    for id in ids:
        service.run(f"ds.complete({id!r})")
    service.run(f"for id in {ids}: ds.start_session(id, 'triage')\nds.flush()")

    service.check(session_completed=3)
    assert service.total(m.SESSIONS_STARTED, pattern="triage") == 3


def test_an_id_that_is_used_again_is_another_session(service):
    """
    One after another in two processes, and twice at once in a third.
    """
    for _ in range(2):
        service.run("with ds.session('p', id='s'), ds.task('d'): pass")
    service.run("""
        async def work():
            async with ds.session("p", id="s"), ds.task("d"):
                await asyncio.sleep(0.2)

        async def main():
            await asyncio.gather(work(), work())

        asyncio.run(main())
    """)

    service.check(session_completed=4, task_completed=4, attempt_succeeded=4)
    assert service.total(m.SESSIONS_STARTED) == 4


DELIVERY = """
headers = {headers!r}
token = context.attach(propagate.extract(headers))
with suppress(TimeoutError), ds.task("d", id={id!r}, delivery={number}, max_deliveries=3):
    if {fails}:
        raise TimeoutError
"""


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 1, 2)], ids=["in-order", "last-first"])
def test_three_deliveries_are_one_task(service, order):
    """
    Each in a process of its own, in whatever order they report: two retries, and the last succeeds. A second
    task fails for good, at its third.
    """
    process = service.start(
        """
        with ds.session("p"):
            headers = {}
            propagate.inject(headers)
            print(json.dumps(headers), flush=True)
            sys.stdin.readline()
        """,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with process:
        headers = json.loads(process.stdout.readline())
        for number in order:
            for id, fails in (("one", number < 3), ("two", True)):
                service.run(DELIVERY.format(headers=headers, id=id, number=number, fails=fails))
        process.stdin.close()

    service.check(
        session_completed=1,
        task_completed=1,
        task_failed=1,
        attempt_succeeded=1,
        attempt_failed=5,
        retry=4,
    )


def test_a_delivery_that_is_killed_is_delivered_again(service):
    """
    It has ended nothing, and the next one concludes the task.
    """
    process = service.start(
        """
        import time
        headers = {}
        with ds.session("p", id="s") as session:
            session.wait("the queue")
            propagate.inject(headers)
        token = context.attach(propagate.extract(headers))
        with ds.task("d", id="t", delivery=1, max_deliveries=2):
            ds.flush()
            print(json.dumps(headers), flush=True)
            time.sleep(60)
        """,
        stdout=subprocess.PIPE,
    )
    with process:
        headers = json.loads(process.stdout.readline())
        process.kill()
    service.run(DELIVERY.format(headers=headers, id="t", number=2, fails=False))
    service.run("with ds.session('p', id='s', resume=True): pass")

    service.check(session_completed=1, task_completed=1, attempt_succeeded=1, retry=1)


def test_models_are_asked_within_tasks(service):
    """
    Their tokens count once for the task, or not at all where the task states its own.
    """
    service.run("""
        @ds.model_call("m-large", provider="anthropic")
        def ask():
            return {"model": "m-large", "usage": {"input_tokens": 10, "output_tokens": 5,
                    "cache_creation_input_tokens": 20, "cache_read_input_tokens": 300}}

        with ds.session("p"):
            with ds.task("d"):
                ask()
                ask()
            with ds.task("states-its-own"):
                ask()
                ds.output(model="m-large", input_tokens=1000, output_tokens=1)
            with suppress(OSError), ds.task("e"), ds.model_call("m-large"):
                raise OSError
    """)

    service.check(
        session_completed=1,
        task_completed=2,
        task_failed=1,
        attempt_succeeded=2,
        attempt_failed=1,
        model_succeeded=3,
        model_failed=1,
        tokens_input=1660,
        tokens_output=11,
        tokens_cache_read=600,
        tokens_cache_write=40,
    )


def test_all_of_it_has_arrived(exporter):
    """
    Every record of every orchestrator: nothing that is in no ratio is missing.
    """

    def incomplete():
        return {
            dict(labels)["orchestrator"]: value
            for (name, labels), value in exporter.samples().items()
            if name == m.COMPLETENESS.name and value < 1
        }

    assert settled(incomplete, {}, seconds=20) == {}
