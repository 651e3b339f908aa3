"""
Real programs for the end-to-end tests: the exporter, Prometheus, Alertmanager, each on free ports.
"""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import yaml
from prometheus_client.parser import text_string_to_metric_families

from conftest import program
from droidscope.rules.render import render_alertmanager, write
from droidscope_demo import servers
from droidscope_demo.runner import fleet_environment
from droidscope_demo.servers import LOOPBACK, SHIPPED_PORTS, Ports

ROOT = Path(__file__).parents[2]
DEADLINE_SECONDS = 60
TARGET = {"job", "instance"}
"""
Labels that a scrape adds.
"""
HURRY = "1s"
WAITS = {"interval", "for", "keep_firing_for", "group_wait", "group_interval"}
"""
Settings of rules and routes by which a group is seldom evaluated, or an alert waits before anybody is told.
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def fetch(url, timeout=10):
    with urllib.request.urlopen(url, timeout=timeout) as answer:
        return answer.read().decode()


def fetch_json(url):
    return json.loads(fetch(url))


def until(check, what, seconds=DEADLINE_SECONDS):
    """
    The first truthy answer of *check*, asked again and again; a failure that says *what* was awaited.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if answer := check():
                return answer
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            pass
        time.sleep(0.1)
    msg = f"waited {seconds} s for {what}"
    raise AssertionError(msg)


def settled(look, expected, seconds=DEADLINE_SECONDS):
    """
    What *look* sees as soon as it is *expected*, else what it sees in the end: for an assertion.
    """
    end = time.monotonic() + seconds
    while (seen := look()) != expected and time.monotonic() < end:
        time.sleep(0.2)
    return seen


def hurried(document, patient=("droidscope-health",)):
    """
    A rule file or a tree of routes that waits a second wherever it would wait longer.

    Expressions, limits, labels, routes and receivers stay; so do the *patient* groups: the alerts about
    the exporter itself would else fire while it starts.
    """
    if isinstance(document, list):
        return [hurried(one, patient) for one in document]
    if not isinstance(document, dict) or document.get("name") in patient:
        return document
    return {key: HURRY if key in WAITS else hurried(value, patient) for key, value in document.items()}


class Program:
    """
    A child process with its output in a file, ended with the `with` block.
    """

    def __init__(self, command, log, **options):
        self.log = log
        with log.open("ab") as file:
            self.process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, **options)

    def await_answer(self, url):
        """
        Wait until *url* answers; a program that ends instead, or never answers, is a failure with its log.
        """

        def answer():
            if self.process.poll() is not None:
                raise AssertionError(self.log.read_text())
            return fetch(url)

        try:
            until(answer, f"{url}; {self.log}")
        except AssertionError:
            self.stop()
            raise

    def stop(self, number=signal.SIGTERM, seconds=20):
        """
        Signal the process and wait for its end; its exit code.
        """
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(seconds)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Exporter:
    """
    `droidscope serve` on a store and ports of its own, which it keeps over restarts.
    """

    def __init__(self, directory, *, command=("-m", "droidscope"), **settings):
        self.directory = directory
        self.web, self.http, self.grpc = free_port(), free_port(), free_port()
        self.settings = settings
        self._command = command
        self._program = None
        directory.mkdir(parents=True, exist_ok=True)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.web}"

    @property
    def otlp(self):
        return f"http://127.0.0.1:{self.http}"

    def start(self):
        config = self.directory / "config.yaml"
        config.write_text(
            yaml.safe_dump(
                {
                    "store": str(self.directory / "store"),
                    "listen": f"127.0.0.1:{self.web}",
                    "otlp_http": f"127.0.0.1:{self.http}",
                    "otlp_grpc": f"127.0.0.1:{self.grpc}",
                    **self.settings,
                }
            )
        )
        command = [sys.executable, *self._command, "serve", "--config", str(config)]
        self._program = Program(command, self.directory / "exporter.log")
        until(
            lambda: self.alive and fetch(f"{self.url}/-/ready"),
            f"the exporter; {self.directory}/exporter.log",
        )
        return self

    @property
    def alive(self):
        if self._program.process.poll() is not None:
            raise AssertionError(self.log)
        return True

    @property
    def died(self):
        return self._program.process.poll() is not None

    @property
    def log(self):
        return (self.directory / "exporter.log").read_text()

    def stop(self):
        return self._program.stop()

    def kill(self):
        self._program.stop(signal.SIGKILL)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def samples(self):
        """
        What /metrics shows: value by name and the set of labels.
        """
        families = text_string_to_metric_families(fetch(f"{self.url}/metrics"))
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in families
            for sample in family.samples
        }

    def counted(self, truth):
        """
        The samples that are not 0 of the names and the orchestrator of *truth*.
        """
        names = {name for name, _ in truth}
        ((orchestrator,),) = {tuple(v for k, v in labels if k == "orchestrator") for _, labels in truth}
        return {
            (name, labels): value
            for (name, labels), value in self.samples().items()
            if value and name in names and ("orchestrator", orchestrator) in labels
        }

    def total(self, name, **labels):
        """
        Sum of a metric's samples that have these labels.
        """
        wanted = frozenset(labels.items())
        return sum(value for (known, has), value in self.samples().items() if known == name and wanted <= has)


class Orchestrator:
    """
    The sample orchestrator in a process of its own, reporting to *exporter* by *protocol*.
    """

    command = (str(ROOT / "tests/sample_orchestrator.py"),)

    def __init__(self, exporter, service, *options, protocol="http/protobuf"):
        endpoint = f"http://{LOOPBACK}:{exporter.grpc}" if protocol == "grpc" else exporter.otlp
        env = {**fleet_environment(endpoint), "OTEL_EXPORTER_OTLP_PROTOCOL": protocol}
        self.service = service
        self.process = subprocess.Popen(
            [sys.executable, *self.command, "--service", service, *options],
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def end(self, seconds=DEADLINE_SECONDS):
        """
        Close its standard input and wait for its end; what it says it did, as `Exporter.counted`.
        """
        out, _ = self.process.communicate(timeout=seconds)
        assert self.process.returncode == 0, self.service
        return {(one["name"], frozenset(one["labels"].items())): one["value"] for one in self._told(out)}

    def _told(self, out):
        return json.loads(out)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


class Fleet(Orchestrator):
    """
    Likewise an orchestrator of the demo's fleet, which writes its truth into *folder*.
    """

    command = ("-m", "droidscope_demo.fleet")

    def __init__(self, exporter, service, folder, *options):
        self._file = folder / f"{service}.json"
        super().__init__(exporter, service, "--truth", str(self._file), *options)

    def _told(self, out):
        del out
        return json.loads(self._file.read_text())


class Prometheus:
    """
    A real one with the shipped configuration and rules, in copies: ports moved, everything each second.

    *patient* groups of rules keep their holds; see `hurried`.
    """

    def __init__(self, directory, exporter, alertmanager_port, patient=("droidscope-health",)):
        self.directory = directory
        self._patient = patient
        self.port = free_port()
        self._ports = Ports(web=exporter.web, prometheus=self.port, alertmanager=alertmanager_port)
        self._program = None
        directory.mkdir()

    @property
    def url(self):
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def log(self):
        return (self.directory / "prometheus.log").read_text()

    def _copy_configuration(self):
        shipped, config = ROOT / "prometheus/prometheus.yml", self.directory / "prometheus.yml"
        document = servers.adjusted_prometheus(shipped, SHIPPED_PORTS.moved(self._ports, alertmanager=True))
        document["global"] = {"scrape_interval": HURRY, "evaluation_interval": HURRY}
        document["rule_files"] = yaml.safe_load(shipped.read_text())["rule_files"]  # relative, as shipped
        config.write_text(yaml.safe_dump(document))
        for pattern in document["rule_files"]:
            for rules in shipped.parent.glob(pattern):
                copy = self.directory / rules.relative_to(shipped.parent)
                copy.parent.mkdir(exist_ok=True)
                copy.write_text(yaml.safe_dump(hurried(yaml.safe_load(rules.read_text()), self._patient)))
        return config

    def __enter__(self):
        config = self._copy_configuration()
        command = servers.prometheus_command(
            program("prometheus"), config, self.directory / "data", self.port
        )
        command += ["--enable-feature=exemplar-storage", f"--rules.alert.resend-delay={HURRY}"]
        self._program = Program(command, self.directory / "prometheus.log")
        self._program.await_answer(f"{self.url}/-/ready")
        return self

    def __exit__(self, *_):
        self._program.stop()

    def get(self, path, **parameters):
        """
        The `data` of an answer of the API.

        Raises:
            AssertionError: If it is an error, or comes with a warning or a hint.
        """
        query = urllib.parse.urlencode(parameters, doseq=True)
        try:
            answer = fetch_json(f"{self.url}/api/v1/{path}?{query}")
        except urllib.error.HTTPError as error:
            answer = json.load(error)
        assert answer["status"] == "success", answer
        assert not answer.get("warnings"), answer
        assert not answer.get("infos"), answer
        return answer["data"]

    def last_scrape(self):
        """
        Time of the newest samples of the exporter, 0 if the last scrape failed or there was none.
        """
        up = 'up{job="droidscope"}'
        found = self.get("query", query=f"timestamp({up}) and {up} == 1")["result"]
        return float(found[0]["value"][1]) if found else 0.0

    def query(self, expr):
        """
        Value by set of labels, those of the target aside, at the last scrape: there an `increase` has
        nothing to extrapolate.
        """
        at = until(self.last_scrape, "a scrape")
        found = self.get("query", query=expr, time=at)["result"]
        return {
            frozenset((name, value) for name, value in one["metric"].items() if name not in TARGET): float(
                one["value"][1]
            )
            for one in found
        }


class Alertmanager:
    """
    A real one with the shipped routes, which tell *receivers*; in a hurry, and at any hour unless it
    *keeps_hours*.
    """

    def __init__(self, directory, receivers, *, keeps_hours=False):
        self.directory = directory
        self.port = free_port()
        self._receivers = receivers
        self._keeps_hours = keeps_hours
        self._program = None
        directory.mkdir()

    @property
    def url(self):
        return f"http://{LOOPBACK}:{self.port}"

    def _configuration(self):
        """
        The file with the routes, its templates beside it.
        """
        write(render_alertmanager(self._receivers), self.directory)
        config = self.directory / "alertmanager/alertmanager.yml"
        document = hurried(yaml.safe_load(config.read_text()))
        for route in document["route"]["routes"]:
            if not self._keeps_hours:
                route.pop("active_time_intervals", None)
        config.write_text(yaml.safe_dump(document))
        return config

    def _command(self, config):
        return servers.alertmanager_command(
            program("alertmanager"), config, self.directory / "data", self.port
        )

    def __enter__(self):
        self._program = Program(self._command(self._configuration()), self.directory / "alertmanager.log")
        self._program.await_answer(f"{self.url}/-/ready")
        return self

    def __exit__(self, *_):
        self._program.stop()

    def alerts(self):
        """
        All alerts it knows, with who has been told and what mutes them.
        """
        return fetch_json(f"{self.url}/api/v2/alerts")


class Webhook:
    """
    Receives what Alertmanager posts.
    """

    def __init__(self):
        self.received = []
        received = self.received

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                received.append(json.loads(body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"

    def alerts(self, name):
        return [
            alert
            for post in self.received
            for alert in post["alerts"]
            if alert["labels"]["alertname"] == name
        ]

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
