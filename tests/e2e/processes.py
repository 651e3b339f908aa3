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
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import yaml
from prometheus_client.parser import text_string_to_metric_families

ROOT = Path(__file__).parents[2]
DEADLINE_SECONDS = 60


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


class Program:
    """
    A child process with its output in a file, ended with the `with` block.
    """

    def __init__(self, command, log, env=None):
        self.log = log
        with log.open("ab") as file:
            self.process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, env=env)

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

    def total(self, name, **labels):
        """
        Sum of a metric's samples that have these labels.
        """
        wanted = frozenset(labels.items())
        return sum(value for (known, has), value in self.samples().items() if known == name and wanted <= has)


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
