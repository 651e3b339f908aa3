"""
docker-compose.yml without an engine: its schema, its hardening, and that what it mounts exists.
"""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
import yaml

from droidscope.config import load
from droidscope.mixin.prometheus import COMPOSE
from rendered import ROOT, boards

COMPOSE_FILE = ROOT / "docker-compose.yml"
DOCUMENT = yaml.safe_load(COMPOSE_FILE.read_text())
SERVICES = DOCUMENT["services"]


def test_it_fits_the_compose_specification():
    """
    The vendored schema of the compose specification accepts it.
    """
    command = [
        sys.executable,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        "vendor.compose-spec",
        str(COMPOSE_FILE),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", SERVICES)
def test_services_are_hardened(name):
    """
    Read-only, no capabilities, no new privileges, pinned, and open to this machine alone.
    """
    service = SERVICES[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+", service["image"])
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    assert "healthcheck" in service


def test_nobody_runs_as_root():
    """
    Each image has a user of its own: set here, or in our Dockerfile.
    """
    dockerfile = (ROOT / "exporter/Dockerfile").read_text()
    unset = {name for name, service in SERVICES.items() if str(service.get("user", "0")).startswith("0")}

    assert unset == {"exporter", "fleet"}
    assert re.search(r"^USER droidscope$", dockerfile, re.MULTILINE)


def test_there_is_no_default_password():
    """
    Grafana's comes from a file, and nobody reads without signing in.
    """
    environment = SERVICES["grafana"]["environment"]

    assert "GF_SECURITY_ADMIN_PASSWORD" not in environment
    assert environment["GF_SECURITY_ADMIN_PASSWORD__FILE"] == "/run/secrets/grafana_admin_password"
    assert environment["GF_AUTH_ANONYMOUS_ENABLED"] == "false"


def test_what_is_mounted_exists():
    """
    A bind mount of nothing would become an empty folder.
    """
    binds = [
        one for service in SERVICES.values() for one in service.get("volumes", ()) if one.startswith("./")
    ]

    assert binds
    for bind in binds:
        assert (ROOT / bind.split(":")[0]).is_dir(), bind
        assert bind.endswith(":ro")


def test_prometheus_scrapes_and_alerts_the_services_of_the_file():
    """
    Host names of the rendered configuration are services of the compose file, on their ports.
    """
    for target in (COMPOSE.exporter, COMPOSE.alertmanager):
        host, port = target.split(":")
        assert f"127.0.0.1:{port}:{port}" in SERVICES[host]["ports"]


def test_the_exporter_takes_its_environment():
    """
    The variables are settings, and listening to the network is asked for on purpose.
    """
    settings = load(environ=SERVICES["exporter"]["environment"])

    assert not settings.listen.loopback
    assert settings.insecure
    assert f":{settings.listen.port}/-/ready" in str(SERVICES["exporter"]["healthcheck"]["test"])


def test_grafana_finds_its_data_source_and_its_boards():
    """
    The provisioned folder is the one mounted, and the home board is there.
    """
    provisioning = ROOT / "grafana/provisioning"
    provider = yaml.safe_load((provisioning / "dashboards/droidscope.yml").read_text())["providers"][0]
    source = yaml.safe_load((provisioning / "datasources/prometheus.yml").read_text())["datasources"][0]
    grafana = SERVICES["grafana"]

    assert f"./grafana/dashboards:{provider['options']['path']}:ro" in grafana["volumes"]
    assert grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"] == (
        f"{provider['options']['path']}/{next(uid for uid in boards() if uid.endswith('overview'))}.json"
    )
    assert source["uid"] == "prometheus"
    assert source["url"] == "$PROMETHEUS_URL"
    assert "PROMETHEUS_URL" in grafana["environment"]
