"""
The demo as a whole, with a stand-in for the exporter.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from droidscope.conventions import metrics
from droidscope_demo import runner, servers
from droidscope_demo.runner import DemoOptions, run_demo

EXPORTER = Path(__file__).with_name("stand_in_exporter.py")
FAST = 20_000.0


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """
    No wait for series that a stand-in does not hold back.
    """
    monkeypatch.setattr(runner, "SETTLE_SECONDS", 0.0)
    monkeypatch.setattr(runner, "PLAIN_SECONDS", 0.2)


@pytest.fixture
def stand_in(monkeypatch):
    """
    The demo starts the stand-in as its exporter.
    """
    monkeypatch.setattr(runner, "EXPORTER_COMMAND", (sys.executable, str(EXPORTER)))


def options(tmp_path, **more):
    chosen = {"once": True, "sessions": 1, "speed": FAST, "services": ("atlas",), "prometheus": False}
    ports = servers.Ports(0, 0, 0, 0, 0)
    return DemoOptions(**{**chosen, "directory": tmp_path / "demo", "ports": ports, **more})


def received(tmp_path):
    """
    What the stand-in wrote: the path of each request, and whether it was told to stop.
    """
    (log,) = (tmp_path / "demo").glob("run-*/exporter.log")
    return log.read_text().splitlines()


@pytest.mark.usefixtures("stand_in")
def test_a_bounded_demo_ends_by_itself(tmp_path, capsys):
    """
    It says what runs where, shows the numbers, and ends with 0 when the sessions are done.
    """
    code = run_demo(options(tmp_path))

    out = capsys.readouterr().out
    assert code == 0
    assert "PURPOSE" in out
    assert "sessions 2 active | 5 done | 1 failed | 0 cancelled | 9 tasks | 30 messages" in out
    assert out.endswith("done\n")
    assert "\x1b" not in out


@pytest.mark.usefixtures("stand_in")
def test_the_exporter_outlives_the_fleet(tmp_path):
    """
    Traces, logs and metrics have arrived before the exporter is stopped.
    """
    run_demo(options(tmp_path))

    lines = received(tmp_path)
    assert lines[-1] == "stopped"
    assert {"/v1/traces", "/v1/logs", "/v1/metrics"} <= set(lines[:-1])


@pytest.mark.usefixtures("stand_in")
def test_each_orchestrator_writes_its_truth(tmp_path):
    """
    One file a service, with its name as the label of every series.
    """
    truth = tmp_path / "truth"

    run_demo(options(tmp_path, services=("atlas", "borealis"), sessions=2, truth=truth))

    for service in ("atlas", "borealis"):
        samples = json.loads((truth / f"{service}.json").read_text())
        ended = [one["value"] for one in samples if one["name"] == metrics.SESSIONS.name]
        assert sum(ended) == 2
        assert {one["labels"][metrics.ORCHESTRATOR] for one in samples} == {service}


def test_an_exporter_that_dies_is_reported(tmp_path, monkeypatch, capsys):
    """
    Its last lines are shown and the exit code is 1.
    """
    command = (sys.executable, "-c", "raise SystemExit('no room on the disk')")
    monkeypatch.setattr(runner, "EXPORTER_COMMAND", command)

    code = run_demo(options(tmp_path))

    assert code == 1
    assert "exporter ended with exit code 1; its last output:\nno room on the disk" in capsys.readouterr().out


@pytest.mark.usefixtures("stand_in")
def test_an_orchestrator_that_dies_is_reported(tmp_path, monkeypatch, capsys):
    """
    And the exporter is stopped all the same.
    """
    command = [sys.executable, "-c", "raise SystemExit('lost in thought')"]
    monkeypatch.setattr(runner, "fleet_command", lambda _options, _service: command)

    code = run_demo(options(tmp_path))

    assert code == 1
    assert "fleet atlas ended with exit code 1; its last output:\nlost in thought" in capsys.readouterr().out
    assert received(tmp_path)[-1] == "stopped"


@pytest.mark.usefixtures("stand_in")
def test_time_can_be_limited(tmp_path, capsys):
    """
    An endless fleet ends after the given seconds, and that is no failure.
    """
    code = run_demo(options(tmp_path, once=False, speed=200.0, seconds=0.5))

    assert code == 0
    assert capsys.readouterr().out.endswith("done\n")


def test_a_signal_stops_everything_in_order(tmp_path):
    """
    SIGTERM ends an endless demo with 0; the fleet has flushed before the exporter stops.
    """
    program = f"""
import sys
from pathlib import Path
from droidscope_demo import runner, servers
runner.EXPORTER_COMMAND = (sys.executable, {str(EXPORTER)!r})
runner.PLAIN_SECONDS = 0.2
ports = servers.Ports(0, 0, 0, 0, 0)
directory = Path({str(tmp_path / "demo")!r})
sys.exit(runner.run_demo(runner.DemoOptions(speed=200.0, prometheus=False, ports=ports, directory=directory)))
"""
    demo = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    for line in demo.stdout:
        if line.startswith("sessions") and "/v1/traces" in received(tmp_path):
            break

    demo.send_signal(signal.SIGTERM)
    out, _ = demo.communicate(timeout=60)

    assert demo.returncode == 0
    assert out.endswith("stopped\n")
    lines = received(tmp_path)
    assert lines[-1] == "stopped"
    assert lines[-2].startswith("/v1/")


def test_a_fleet_alone_reports_to_a_running_exporter(tmp_path):
    """
    With an endpoint given, no server is started.
    """
    with servers.PortClaims() as claims:
        port = claims.choose_port(0)
    env = {**os.environ, "DROIDSCOPE_OTLP_HTTP": f"127.0.0.1:{port}", "DROIDSCOPE_LISTEN": "127.0.0.1:0"}
    exporter = subprocess.Popen([sys.executable, str(EXPORTER)], env=env, stdout=subprocess.PIPE, text=True)
    assert exporter.stdout.readline() == "ready\n"

    code = run_demo(options(tmp_path, to=f"http://127.0.0.1:{port}"))

    exporter.terminate()
    rest, _ = exporter.communicate(timeout=20)
    assert code == 0
    assert "/v1/traces" in rest
    assert [path.name for path in (tmp_path / "demo").glob("run-*/*")] == ["fleet-atlas.log"]


@pytest.mark.usefixtures("stand_in")
def test_a_taken_port_is_said(tmp_path, capsys):
    """
    Another one is chosen, and the line names both.
    """
    with servers.socket.socket() as busy:
        busy.bind((servers.LOOPBACK, 0))
        busy.listen()
        taken = busy.getsockname()[1]

        code = run_demo(options(tmp_path, ports=servers.Ports(0, 0, taken, 0, 0)))

    assert code == 0
    assert f"port {taken} (web) is taken; using " in capsys.readouterr().out


def test_only_runs_that_are_over_are_removed(tmp_path):
    """
    Neither those of a living demo nor anything else in the directory.
    """
    over = subprocess.Popen([sys.executable, "-c", ""])
    over.wait()
    for name in (f"run-{over.pid}", f"run-{os.getppid()}", "run-notes", "mine"):
        (tmp_path / name).mkdir()

    runner.remove_stale(tmp_path)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", f"run-{os.getppid()}", "run-notes"]


@pytest.mark.usefixtures("stand_in")
def test_signals_are_given_back(tmp_path):
    """
    After the demo, Ctrl-C means what it meant before.
    """
    before = signal.getsignal(signal.SIGINT)

    run_demo(options(tmp_path))

    assert signal.getsignal(signal.SIGINT) is before
    assert threading.current_thread() is threading.main_thread()
