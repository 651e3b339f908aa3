"""
The demo: an exporter, a fleet that reports to it, and Prometheus and Alertmanager where they are installed.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import yaml

from droidscope.replay import replay
from droidscope_demo import servers
from droidscope_demo.children import Child, DemoError, await_ready, fetch, stop_all
from droidscope_demo.past import write_past
from droidscope_demo.servers import LOOPBACK, SHIPPED_PORTS, Ports
from droidscope_demo.summary import Screen, Service, read_numbers
from droidscope_demo.world import DROIDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import FrameType

PATIENCE_SECONDS: Final = 30.0
FLEET_GRACE_SECONDS: Final = 20.0
SERVER_GRACE_SECONDS: Final = 15.0
LIVE_SECONDS: Final = 1.0
PLAIN_SECONDS: Final = 2.0
SETTLE_SECONDS: Final = servers.BIRTH_HOLD_SECONDS + 1
"""
From the fleet's last flush to the last reading of the numbers, so that no new series is held back.
"""

DROID_LIMIT: Final = 3
"""
Attempts that a droid may have in flight; at times one is overloaded.
"""

EXPORTER_COMMAND: Final = (sys.executable, "-m", "droidscope", "serve")


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """
    The options of the demo.

    *once* ends after *sessions* sessions of every orchestrator; *seconds* ends the demo after that
    long. *speed* is in simulated minutes a second. *concurrency* is how many sessions an
    orchestrator runs at a time. *past_days* is how many days of past sessions the exporter gets before
    the demo begins. *to* is the OTLP/HTTP endpoint of a running exporter: then the
    fleet alone runs. *directory* takes the data of each run, *truth* what each orchestrator really did.
    """

    once: bool = False
    seconds: float | None = None
    sessions: int = 10
    speed: float = 20.0
    seed: int = 1
    concurrency: int = 3
    past_days: int = 0
    services: tuple[str, ...] = ("atlas", "borealis")
    to: str | None = None
    prometheus: bool = True
    ports: Ports = field(default_factory=Ports)
    directory: Path = Path(".demo")
    truth: Path | None = None


def run_demo(options: DemoOptions) -> int:
    """
    Run the demo until it is done or stopped.

    Returns:
        The exit code: 0 when stopped or done, 1 when a part of it died.
    """
    screen = Screen(sys.stdout)
    with stop_on_signals() as stopping:
        demo = Demo(options, screen, stopping)
        try:
            with demo:
                demo.run()
        except DemoError as error:
            screen.line(f"demo: {error}")
            return 1
    return 0


@contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """
    An event that SIGINT and SIGTERM set; their former handlers return at the end.
    """
    stopping = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    previous = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopping
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def remove_stale(directory: Path) -> None:
    """
    Remove the folders of demo runs that have ended from *directory*, and nothing else.
    """
    for run in directory.glob("run-*"):
        pid = run.name.removeprefix("run-")
        if pid.isdecimal() and not _is_running(int(pid)):
            shutil.rmtree(run)


def _is_running(pid: int) -> bool:
    if pid == os.getpid():
        return False  # the id of this process, reused after an earlier run
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class Demo:
    """
    One run of the demo; leaving it stops all children, the fleet first so that it can flush.
    """

    def __init__(self, options: DemoOptions, screen: Screen, stopping: threading.Event) -> None:
        self._options = options
        self._screen = screen
        self._stopping = stopping
        self._ports = options.ports
        self._claims = servers.PortClaims()
        self._directory = options.directory.absolute() / f"run-{os.getpid()}"
        self._fleet: list[Child] = []
        self._servers: list[Child] = []
        self._has_prometheus = False

    def __enter__(self) -> Self:
        remove_stale(self._directory.parent)
        self._directory.mkdir(parents=True)
        if self._options.truth:
            self._options.truth.mkdir(parents=True, exist_ok=True)
        if not self._options.to:
            self._ports = self._claims.choose_ports(self._options.ports)
        return self

    def __exit__(self, *_: object) -> None:
        stop_all(self._fleet, FLEET_GRACE_SECONDS)
        # One by one, the exporter first: it makes durable what the fleet has just flushed.
        for server in self._servers:
            stop_all([server], SERVER_GRACE_SECONDS)
        self._claims.close()

    def run(self) -> None:
        """
        Start everything and watch it until the end.

        Raises:
            DemoError: If a child ends early or does not get ready.
        """
        services = [] if self._options.to else self._start_servers()
        self._start_fleet()
        self._announce(services)
        self._watch()

    def _start_servers(self) -> list[Service]:
        self._report_moved_ports()
        web = self._ports.web
        exporter = self._start(
            "exporter", EXPORTER_COMMAND, exporter_environment(self._directory / "store", self._ports)
        )
        self._servers.append(exporter)
        await_ready(exporter, web, "/-/ready", PATIENCE_SECONDS, self._stopping.is_set)
        self._send_past()  # before the first scrape: Prometheus would take all of it for one increase
        return [
            Service("droidscope", _url(web), "live page, API, /metrics"),
            Service("OTLP", _url(self._ports.http), f"telemetry over HTTP; gRPC on port {self._ports.grpc}"),
            *(self._start_prometheus() if self._options.prometheus else ()),
        ]

    def _send_past(self) -> None:
        days = self._options.past_days
        if not days:
            return
        self._screen.line(f"sending the sessions of the last {days} days ...")
        pace = 1 / self._options.speed
        for service in self._options.services:
            path = self._directory / f"traces-past-{service}.otlp"
            write_past(path, service, str(self._options.seed), days, pace, time.time_ns())
            replay([path], _url(self._ports.http))
            path.unlink()

    def _report_moved_ports(self) -> None:
        for name in Ports.__slots__:
            wanted, chosen = getattr(self._options.ports, name), getattr(self._ports, name)
            if wanted not in {0, chosen}:
                self._screen.line(f"port {wanted} ({name}) is taken; using {chosen}")

    def _start_prometheus(self) -> list[Service]:
        program = servers.find_program("prometheus")
        shipped = servers.find_configuration("prometheus/prometheus.yml")
        if program is None or shipped is None:
            missing = (
                "it is not on the PATH"
                if program is None
                else "its configuration is not here, but in a clone"
            )
            self._screen.line(f"without Prometheus: {missing}")
            return []
        alertmanager = self._start_alertmanager()
        moved = SHIPPED_PORTS.moved(self._ports, alertmanager=bool(alertmanager))
        config = servers.adjusted_prometheus(shipped, moved)
        command = servers.prometheus_command(
            program,
            self._write_yaml("prometheus.yml", config),
            self._directory / "prometheus",
            self._ports.prometheus,
        )
        self._start_server("prometheus", command, self._ports.prometheus)
        self._has_prometheus = True
        return [Service("Prometheus", _url(self._ports.prometheus), "queries, rules, alerts"), *alertmanager]

    def _start_alertmanager(self) -> list[Service]:
        program = servers.find_program(*servers.ALERTMANAGER_NAMES)
        shipped = servers.find_configuration("alertmanager/alertmanager.yml")
        if program is None or shipped is None:
            return []
        moved = SHIPPED_PORTS.moved(self._ports, alertmanager=True)
        config = servers.adjusted_alertmanager(shipped, moved)
        command = servers.alertmanager_command(
            program,
            self._write_yaml("alertmanager.yml", config),
            self._directory / "alertmanager",
            self._ports.alertmanager,
        )
        self._start_server("alertmanager", command, self._ports.alertmanager)
        return [Service("Alertmanager", _url(self._ports.alertmanager), "routes and sent notifications")]

    def _start_server(self, name: str, command: Sequence[str], port: int) -> None:
        child = self._start(name, command)
        self._servers.append(child)
        await_ready(child, port, "/-/ready", PATIENCE_SECONDS, self._stopping.is_set)

    def _write_yaml(self, name: str, config: Mapping[str, object]) -> Path:
        path = self._directory / name
        path.write_text(yaml.safe_dump(dict(config), sort_keys=False))
        return path

    def _start_fleet(self) -> None:
        endpoint = self._options.to or _url(self._ports.http)
        for service in self._options.services:
            command = fleet_command(self._options, service)
            self._fleet.append(self._start(f"fleet {service}", command, fleet_environment(endpoint)))

    def _start(self, name: str, command: Sequence[str], env: Mapping[str, str] = os.environ) -> Child:
        log = self._directory / f"{name.replace(' ', '-')}.log"
        return Child(name, command, log, env)

    def _announce(self, services: Sequence[Service]) -> None:
        names = ", ".join(self._options.services)
        target = self._options.to or _url(self._ports.http)
        self._screen.table([*services, Service("fleet", target, f"reports there: {names}")])
        self._screen.line(f"data in {self._directory}; Ctrl-C stops everything")

    def _watch(self) -> None:
        interval = LIVE_SECONDS if self._screen.is_terminal else PLAIN_SECONDS
        end = time.monotonic() + (self._options.seconds or float("inf"))
        while not self._stopping.wait(interval) and time.monotonic() < end:
            self._check()
            self._show_numbers()
            if self._fleet_is_done():
                break
        stop_all(self._fleet, FLEET_GRACE_SECONDS)
        if not self._options.to:
            self._stopping.wait(SETTLE_SECONDS)
        self._show_numbers()
        self._screen.line("stopped" if self._stopping.is_set() else "done")

    def _check(self) -> None:
        for child in (*self._servers, *self._fleet):
            code = child.exit_code
            done = child in self._fleet and self._options.once and code == 0
            if code is not None and not done:
                raise child.died()

    def _fleet_is_done(self) -> bool:
        return self._options.once and all(child.exit_code == 0 for child in self._fleet)

    def _show_numbers(self) -> None:
        if self._options.to:
            return
        page = fetch(self._ports.web, "/metrics")
        alerts = fetch(self._ports.prometheus, "/api/v1/alerts") if self._has_prometheus else None
        if page is not None:
            self._screen.numbers(read_numbers(page, alerts))


def exporter_environment(store: Path, ports: Ports) -> dict[str, str]:
    """
    The environment of the exporter: its settings win over those of the user.
    """
    settings = {
        "store": store,
        "listen": f"{LOOPBACK}:{ports.web}",
        "otlp_http": f"{LOOPBACK}:{ports.http}",
        "otlp_grpc": f"{LOOPBACK}:{ports.grpc}",
        "birth_hold": f"{servers.BIRTH_HOLD_SECONDS}s",
        "droid_limits": json.dumps(dict.fromkeys(DROIDS, DROID_LIMIT)),
    }
    return {**os.environ, **{f"DROIDSCOPE_{name.upper()}": str(value) for name, value in settings.items()}}


def fleet_command(options: DemoOptions, service: str) -> list[str]:
    """
    Arguments that run one orchestrator of the fleet.
    """
    command = [sys.executable, "-m", "droidscope_demo.fleet", "--service", service]
    command += ["--seed", str(options.seed), "--concurrency", str(options.concurrency)]
    command += ["--seconds-per-minute", str(1 / options.speed)]
    if options.once:
        command += ["--sessions", str(options.sessions)]
    if options.truth:
        command += ["--truth", str(options.truth / f"{service}.json")]
    return command


def fleet_environment(endpoint: str) -> dict[str, str]:
    """
    The environment of an orchestrator that reports to *endpoint*, often enough for a live view.

    What the user has set already wins, but for the endpoint.
    """
    lively = {
        "OTEL_BSP_SCHEDULE_DELAY": "500",
        "OTEL_BSP_MAX_QUEUE_SIZE": "16384",
        "OTEL_BLRP_SCHEDULE_DELAY": "500",
        "OTEL_BLRP_MAX_QUEUE_SIZE": "16384",
        "OTEL_METRIC_EXPORT_INTERVAL": "5000",
    }
    fixed = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}
    return {**lively, **os.environ, **fixed}


def _url(port: int) -> str:
    return f"http://{LOOPBACK}:{port}"
