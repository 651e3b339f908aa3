"""
Two Prometheus and two Alertmanagers as docs/high-availability.md says: one notification arrives, not two.
"""

from __future__ import annotations

import re
import shlex
from contextlib import ExitStack
from typing import NamedTuple

import pytest
import yaml

from conftest import program
from droidscope.conventions import thresholds
from e2e.processes import (
    LOOPBACK,
    ROOT,
    Alertmanager,
    Prometheus,
    fetch,
    fetch_json,
    free_port,
    until,
)
from e2e.receivers import Api, Page, one_webhook

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(120),
    pytest.mark.server("prometheus", "alertmanager"),
]

PAGE = (ROOT / "docs/high-availability.md").read_text()
ADDITION = re.search(r"```yaml\n(.+?)```", PAGE, re.DOTALL)[1]
COMMANDS = [line for line in PAGE.splitlines() if line.startswith("alertmanager --")]
PATIENCE = "--cluster.peer-timeout=2s"
"""
Instead of 15 s: for how long the second waits for the first to tell.
"""
FINDINGS = (
    'orchestrator_security_findings_open{orchestrator="atlas",pattern="p",droid="d",finding_severity="high"}'
)
NAME = thresholds.SECURITY_ISSUES.name


class Peer(Alertmanager):
    """
    One of the Alertmanagers, started by the command of the page with hosts and ports of this machine.
    """

    def __init__(self, directory, receivers, command, *options):
        super().__init__(directory, receivers)
        self._flags = [*shlex.split(command)[1:], *options]

    def _command(self, config):
        self._flags[:2] = [f"--config.file={config}", f"--storage.path={self.directory / 'data'}"]
        return [program("alertmanager"), *self._flags]

    def metric(self, name):
        """
        Sum of the samples of one of its own metrics.
        """
        lines = fetch(f"{self.url}/metrics").splitlines()
        return sum(float(line.split()[-1]) for line in lines if re.match(rf"{name}[ {{]", line))

    def knows(self, name):
        return [one for one in self.alerts() if one["labels"]["alertname"] == name]

    def has_decided(self):
        """
        Whether it has waited for its turn and looked up if somebody has told already.
        """
        return self.metric("alertmanager_nflog_queries_total") >= 1


class Replica(Prometheus):
    """
    One of the Prometheus, with what the page adds to its configuration.
    """

    def __init__(self, directory, exporter, name, hosts):
        super().__init__(directory, exporter, hosts["am-1.example:9093"])
        addition = ADDITION.replace("replica: a", f"replica: {name}")
        self._addition = yaml.safe_load(moved(addition, hosts))

    def _copy_configuration(self):
        config = super()._copy_configuration()
        document = yaml.safe_load(config.read_text())
        document["global"] |= self._addition["global"]
        document["alerting"] = self._addition["alerting"]
        config.write_text(yaml.safe_dump(document))
        return config


class Pairs(NamedTuple):
    page: Page
    webhook: Api
    prometheus: list[Replica]
    alertmanagers: list[Peer]

    def told(self, status):
        """
        Posts about the findings, from whichever Alertmanager.
        """
        return [
            post
            for post in self.webhook.received
            if any(
                one["labels"]["alertname"] == NAME and one["status"] == status for one in post.body["alerts"]
            )
        ]


def moved(text, hosts):
    """
    The *text* with addresses of this machine for those of the page.
    """
    for host, port in hosts.items():
        text = text.replace(host, f"{LOOPBACK}:{port}")
    return text


def without_peers(command):
    return re.sub(r"--cluster\.listen-address=\S+ --cluster\.peer=\S+", "--cluster.listen-address=", command)


@pytest.fixture
def pairs(tmp_path, request):
    """
    Both pairs at work, with peers or without; nothing is breached.
    """
    adjust = request.param
    hosts = {f"am-{number}.example:{port}": free_port() for number in (1, 2) for port in (9093, 9094)}
    with ExitStack() as running:
        start = running.enter_context
        page, webhook = start(Page({FINDINGS: 0})), start(Api())
        receivers = one_webhook(webhook.url)
        peers = []
        for number, command in enumerate(COMMANDS, start=1):
            peer = Peer(tmp_path / f"am-{number}", receivers, adjust(moved(command, hosts)), PATIENCE)
            peer.port = hosts[f"am-{number}.example:9093"]
            peers.append(start(peer))
        replicas = [start(Replica(tmp_path / name, page, name, hosts)) for name in ("a", "b")]
        for replica in replicas:
            until(replica.last_scrape, "a scrape")
        yield Pairs(page, webhook, replicas, peers)


def test_the_page_has_a_command_for_each():
    """
    Flags that the test does not replace are those Alertmanager is really started with.
    """
    assert [shlex.split(command)[:3] for command in COMMANDS] == [
        ["alertmanager", "--config.file=alertmanager.yml", "--storage.path=data"]
    ] * 2


@pytest.mark.parametrize("pairs", [str], ids=["clustered"], indirect=True)
def test_an_alert_of_two_prometheus_is_told_once(pairs):
    """
    Each Alertmanager has it from both Prometheus as one alert without their label; one of them tells, the
    other looks up that it has been told. Its end is told too.
    """
    until(lambda: all(members(peer) == 2 for peer in pairs.alertmanagers), "the cluster")

    pairs.page.samples[FINDINGS] = 1
    until(lambda: pairs.told("firing"), "the notification")
    until(lambda: all(peer.has_decided() for peer in pairs.alertmanagers), "the other's decision")
    alerts = [peer.knows(NAME) for peer in pairs.alertmanagers]
    firing = [replica_of(replica) for replica in pairs.prometheus]
    pairs.page.samples[FINDINGS] = 0
    until(lambda: pairs.told("resolved"), "the end")

    assert firing == ["a", "b"]
    assert [[one["labels"].get("replica") for one in known] for known in alerts] == [[None], [None]]
    assert len(pairs.told("firing")) == 1


@pytest.mark.parametrize("pairs", [without_peers], ids=["apart"], indirect=True)
def test_without_peers_it_would_be_told_twice(pairs):
    """
    What the cluster is for, and that the test above would notice.
    """
    pairs.page.samples[FINDINGS] = 1

    until(lambda: len(pairs.told("firing")) == 2, "both notifications")


def members(peer):
    return len(fetch_json(f"{peer.url}/api/v2/status")["cluster"].get("peers", ()))


def replica_of(prometheus):
    """
    The external label that tells it from the other.
    """
    configuration = yaml.safe_load(prometheus.get("status/config")["yaml"])
    return configuration["global"]["external_labels"]["replica"]
