"""
The servers beside the demo: free ports, and shipped configurations that fit this machine.
"""

import socket

import pytest
import yaml

from droidscope_demo import servers
from droidscope_demo.servers import LOOPBACK, Ports

PROMETHEUS = """
global: {scrape_interval: 30s, scrape_timeout: 10s, evaluation_interval: 15s}
rule_files: [rules/*.yml]
alerting:
  alertmanagers:
    - static_configs: [{targets: ["alertmanager:9093"]}]
scrape_configs:
  - job_name: droidscope
    static_configs: [{targets: ["droidscope:9788"]}]
  - job_name: prometheus
    static_configs: [{targets: ["localhost:9090"]}]
  - job_name: grafana
    static_configs: [{targets: ["grafana:3000"]}]
"""
ALERTMANAGER = """
route: {receiver: droidscope}
templates: [templates/*.tmpl]
receivers:
  - name: droidscope
    webhook_configs: [{url: "http://droidscope:9788/api/v1/alerts?source=am"}]
  - name: elsewhere
    webhook_configs: [{url: "https://chat.example/hook"}]
"""
MOVED = {9788: 19788, 9090: 19090, 9093: 19093}


@pytest.fixture
def busy_port():
    """
    A port that somebody listens on.
    """
    with socket.socket() as server:
        server.bind((LOOPBACK, 0))
        server.listen()
        yield server.getsockname()[1]


@pytest.fixture
def prometheus_file(tmp_path):
    path = tmp_path / "prometheus.yml"
    path.write_text(PROMETHEUS)
    return path


@pytest.fixture
def alertmanager_file(tmp_path):
    path = tmp_path / "alertmanager.yml"
    path.write_text(ALERTMANAGER)
    return path


def free_port():
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return probe.getsockname()[1]


@pytest.fixture
def claims():
    with servers.PortClaims() as held:
        yield held


def test_a_free_port_is_kept(claims):
    """
    The preferred port is chosen where nobody uses it.
    """
    port = free_port()

    assert claims.choose_port(port) == port


def test_a_busy_port_gives_way(claims, busy_port):
    """
    Where somebody listens already, another free port is chosen.
    """
    chosen = claims.choose_port(busy_port)

    assert chosen not in {0, busy_port}


def test_no_two_servers_get_the_same_port(claims, busy_port):
    """
    Even where all are wanted on one port that is taken.
    """
    chosen = claims.choose_ports(Ports(busy_port, busy_port, busy_port, busy_port, busy_port))

    numbers = [getattr(chosen, name) for name in Ports.__slots__]
    assert len(set(numbers)) == 5
    assert busy_port not in numbers


def test_two_demos_do_not_choose_the_same_port(claims):
    """
    Though neither has a server yet that listens there; what one has given up, the other may have.
    """
    port = free_port()
    with servers.PortClaims() as others:
        assert others.choose_port(port) == port

        assert claims.choose_port(port) not in {0, port}

    assert claims.choose_port(port) == port


def test_moved_ports_are_those_a_configuration_may_name():
    """
    Web, Prometheus and Alertmanager; no configuration scrapes the OTLP ports.
    """
    chosen = Ports(1, 2, 19788, 19090, 19093)

    assert Ports().moved(chosen, alertmanager=True) == MOVED
    assert Ports().moved(chosen, alertmanager=False) == {9788: 19788, 9090: 19090}


def test_known_targets_move_to_the_loopback_address(prometheus_file):
    """
    Each job scrapes its server where the demo runs it.
    """
    config = servers.adjusted_prometheus(prometheus_file, MOVED)

    targets = {one["job_name"]: one["static_configs"][0]["targets"] for one in config["scrape_configs"]}
    assert targets["droidscope"] == ["127.0.0.1:19788"]
    assert targets["prometheus"] == ["127.0.0.1:19090"]
    managers = config["alerting"]["alertmanagers"]
    assert managers == [{"static_configs": [{"targets": ["127.0.0.1:19093"]}]}]


def test_a_job_that_the_demo_does_not_run_is_left_out(prometheus_file):
    """
    Nobody wants a target that is down by design.
    """
    config = servers.adjusted_prometheus(prometheus_file, MOVED)

    assert "grafana" not in [one["job_name"] for one in config["scrape_configs"]]


def test_without_an_alertmanager_nothing_is_sent(prometheus_file):
    """
    Alerting is left out where no Alertmanager runs.
    """
    config = servers.adjusted_prometheus(prometheus_file, {9788: 19788, 9090: 19090})

    assert "alerting" not in config


def test_rule_files_are_found_from_the_copy(prometheus_file):
    """
    Paths relative to the shipped file become absolute; the rest of it stays.
    """
    config = servers.adjusted_prometheus(prometheus_file, MOVED)

    assert config["rule_files"] == [str(prometheus_file.parent / "rules/*.yml")]
    assert config["global"]["evaluation_interval"] == "15s"


def test_the_demo_scrapes_often(prometheus_file):
    """
    Sessions take seconds here; what is longer than the interval would be no valid time-out.
    """
    config = servers.adjusted_prometheus(prometheus_file, MOVED)

    assert config["global"] == {"scrape_interval": "2s", "evaluation_interval": "15s"}


def test_the_shipped_file_is_not_touched(prometheus_file):
    """
    Only a copy is adjusted.
    """
    servers.adjusted_prometheus(prometheus_file, MOVED)

    assert yaml.safe_load(prometheus_file.read_text()) == yaml.safe_load(PROMETHEUS)


def test_webhooks_to_us_move_and_others_stay(alertmanager_file):
    """
    A webhook on a known port goes to the loopback address, path and query kept.
    """
    config = servers.adjusted_alertmanager(alertmanager_file, MOVED)

    urls = [one["webhook_configs"][0]["url"] for one in config["receivers"]]
    assert urls == ["http://127.0.0.1:19788/api/v1/alerts?source=am", "https://chat.example/hook"]
    assert config["templates"] == [str(alertmanager_file.parent / "templates/*.tmpl")]


def test_the_first_program_on_the_path_is_taken(tmp_path, monkeypatch):
    """
    Upstream's name or Debian's, whichever is installed; None where neither is.
    """
    monkeypatch.setenv("PATH", str(tmp_path))
    program = tmp_path / "prometheus-alertmanager"

    assert servers.find_program(*servers.ALERTMANAGER_NAMES) is None
    program.touch()
    program.chmod(0o755)
    assert servers.find_program(*servers.ALERTMANAGER_NAMES) == str(program)


def test_configuration_of_the_working_directory_comes_first(tmp_path, monkeypatch):
    """
    An own copy below the working directory wins; a file that is nowhere is None.
    """
    monkeypatch.chdir(tmp_path)
    (tmp_path / "prometheus").mkdir()
    own = tmp_path / "prometheus" / "prometheus.yml"
    own.touch()

    assert servers.find_configuration("prometheus/prometheus.yml") == own
    assert servers.find_configuration("prometheus/nowhere.yml") is None
