"""
Makes `first-version/`: the store of the first version, commit 78573a8, and what that version answers from it.

It was run once, with that commit's product and tests first on the path, and is kept to show what is in the
store; its imports are that commit's and do not follow later renames:

    git worktree add ../first 78573a8
    PYTHONPATH=../first/exporter:../first/tests:tests python tests/store/make_first_version.py FOLDER

Sessions of the last fortnight, then three lives of one exporter: stopped, stopped again with
sessions under way, and killed. Its clock jumps, so that sessions are lost and windows fill.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from droidscope.demo.past import write_past
from droidscope.demo.runner import fleet_environment
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

import builders as b
from corpus import TRACES, requests
from droidscope.replay import read_records
from e2e.processes import Exporter, until
from store.first_version import LATER_SECONDS, Kept, answers, frozen, keep, moved, pass_time, post
from store.moved_clock import SECOND, MovedClock, Reading

BEGUN = Reading(wall_ns=b.NOON, monotonic_ns=50 * SECOND)
PAST_DAYS = 14
KEPT_OF_256 = 24
"""
Sessions of the past that are sent, of 256.
"""
ENVIRONMENT = "deployment.environment.name"
BLOCKED = """
import sys
import droidscope as ds

ds.configure(service_name="hermes")
with ds.session("hotfix", name="Hot Fix", plan=["phase-1-triage", "phase-2-fix"], planned=600):
    with ds.phase("phase-1-triage", planned=60), ds.task("code-analyst", "analysis"):
        ds.output(findings={"critical": 1, "low": 2}, code_quality=ds.ten(7))
    with ds.phase("phase-2-fix", depends_on=["phase-1-triage"]), ds.blocked("waiting for a reviewer"):
        ds.progress(0.5)
        sys.stdin.read()
"""
"""
A session that stays in a blocked phase.
"""


class Maker:
    """
    One exporter on a store in *folder*, and the programs that report to it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = MovedClock(folder / "clock.json")
        self.clock.run(BEGUN)
        self.exporter = Exporter(folder / "exporter", command=moved(self.clock))
        self._waiting: list[subprocess.Popen[bytes]] = []

    def start(self, environment: str, *command: str) -> subprocess.Popen[bytes]:
        """
        Start a program that reports from *environment*.
        """
        endpoint = fleet_environment(self.exporter.otlp)
        env = {**endpoint, "OTEL_RESOURCE_ATTRIBUTES": f"{ENVIRONMENT}={environment}"}
        arguments = [sys.executable, moved(self.clock)[0], str(self.clock.file), *command]
        return subprocess.Popen(arguments, env=env, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)

    def run(self, environment: str, *command: str) -> None:
        """
        Run a program to its end.
        """
        process = self.start(environment, *command)
        process.communicate(timeout=120)
        assert process.returncode == 0, command

    def wait_in(self, environment: str, *command: str) -> subprocess.Popen[bytes]:
        """
        Start a program that stays in the middle of its last session, and wait until that has begun.
        """
        running = self.exporter.total("orchestrator_sessions_active")
        process = self.start(environment, *command)
        until(lambda: self.exporter.total("orchestrator_sessions_active") > running, "a session")
        self._waiting.append(process)
        return process

    def send_past(self, service: str, environment: str) -> None:
        """
        Send some of the sessions of the last fortnight.
        """
        path = self.folder / "traces-past.otlp"
        write_past(path, service, "first", PAST_DAYS, 1.0, self.clock.now().wall_ns)
        for record in read_records(path):
            request = ExportTraceServiceRequest.FromString(record)
            (group,) = request.resource_spans
            group.resource.attributes.add(key=ENVIRONMENT).value.string_value = environment
            spans = group.scope_spans[0].spans
            few = [span for span in spans if span.trace_id[0] < KEPT_OF_256]
            if few:
                del spans[:]
                spans.extend(few)
                post(self.exporter.otlp, "traces", request.SerializeToString())

    def send_traces(self, framework: str) -> None:
        """
        Send what an agent framework reported.
        """
        for body in requests(framework):
            post(self.exporter.otlp, "traces", body)

    def begin_late(self) -> None:
        """
        A session begins, and nothing more of it comes until it is lost.
        """
        started = b.event(
            "orchestrator.started", session="late", kind="session", pattern__id="bug-fix", at=100
        )
        post(self.exporter.otlp, "logs", b.logs(started, service="atlas", **{ENVIRONMENT: "production"}))

    def end_late(self) -> None:
        """
        It comes to its end after all, and took longer than a session may.
        """
        late = b.session("late", pattern="bug-fix", start=100, seconds=3 * 3600)
        post(self.exporter.otlp, "traces", b.traces(late, service="atlas", **{ENVIRONMENT: "production"}))

    def sample(self, *options: str) -> tuple[str, ...]:
        """
        Command of the sample orchestrator.
        """
        return str(TRACES.parent / "sample_orchestrator.py"), "--service", "hermes", *options

    def fleet(self, seed: int, sessions: int) -> tuple[str, ...]:
        """
        Command of an orchestrator of the demo's fleet.
        """
        options = ("--seed", str(seed), "--sessions", str(sessions), "--seconds-per-minute", "0.02")
        return "-m", "droidscope.demo.fleet", "--service", "atlas", *options

    def stop_waiting(self) -> None:
        """
        Kill the programs that wait.
        """
        for process in self._waiting:
            process.kill()
            process.communicate()
        self._waiting.clear()


def write(maker: Maker) -> None:
    """
    The three lives.
    """
    exporter = maker.exporter
    with exporter:
        maker.send_past("atlas", "production")
        maker.send_traces("openai-agents")
        maker.run("staging", *maker.sample("--sessions", "6", "--fail-every", "3", "--findings", "2"))
        maker.run("production", *maker.fleet(1, 4))
        maker.wait_in("staging", *maker.sample("--sessions", "1", "--wait"))
        maker.stop_waiting()
        maker.begin_late()
        pass_time(maker.clock, exporter.otlp, LATER_SECONDS)
        assert exporter.total("orchestrator_sessions_total", outcome="lost") == 2
    with exporter:
        maker.end_late()
        maker.run("production", *maker.sample("--sessions", "2", "--droid", "backend-architect"))
        pass_time(maker.clock, exporter.otlp, 3 * 3600)
        script = maker.folder / "blocked.py"
        script.write_text(BLOCKED)
        maker.wait_in("staging", str(script))
        maker.wait_in("production", *maker.sample("--sessions", "2", "--wait"))
        maker.send_traces("pydantic-ai")  # the end comes before they have settled
    exporter.start()
    maker.run("staging", *maker.sample("--sessions", "4", "--fail-every", "4"))
    maker.run("production", *maker.fleet(2, 2))
    maker.send_traces("strands")
    pass_time(maker.clock, exporter.otlp, 120)
    maker.run("production", *maker.fleet(3, 1))
    exporter.kill()
    maker.stop_waiting()


def read(folder: Path, store: Path, wall_ns: int) -> Kept:
    """
    What this version answers from a *store* at a time and later.
    """
    clock = frozen(folder, wall_ns)
    exporter = Exporter(folder / "reader", command=moved(clock))
    shutil.copytree(store, folder / "reader/store")
    with exporter:
        at_start = answers(exporter.url)
        pass_time(clock, exporter.otlp, LATER_SECONDS)
        return Kept(wall_ns, at_start, answers(exporter.url))


def main() -> None:
    """
    Make all of it in the folder of the command line.
    """
    folder = Path(sys.argv[1])
    folder.mkdir()
    maker = Maker(folder)
    write(maker)
    store = maker.exporter.directory / "store"
    keep(store, read(folder, store, maker.clock.now().wall_ns))


if __name__ == "__main__":
    main()
