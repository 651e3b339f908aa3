"""
docker-compose.yml without an engine: its schema, its hardening, and that its parts fit together.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from droidscope.commands import droidscope
from droidscope.config import load
from droidscope.rules.prometheus import COMPOSE
from rendered import ROOT, boards, run

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


def test_what_is_built_is_a_stage_of_the_dockerfile():
    """
    The exporter's image is the product alone, and what is built by default; the fleet has its own.
    """
    stages = re.findall(r"^FROM \S+ AS (\S+)$", (ROOT / "exporter/Dockerfile").read_text(), re.MULTILINE)
    targets = {name: one["build"]["target"] for name, one in SERVICES.items() if "build" in one}

    assert targets == {"exporter": "exporter", "fleet": "demo"}
    assert set(targets.values()) <= set(stages)
    assert stages[-1] == "exporter"


def test_there_is_no_default_password():
    """
    Grafana's comes from a file, and nobody reads without signing in.
    """
    environment = SERVICES["grafana"]["environment"]

    assert "GF_SECURITY_ADMIN_PASSWORD" not in environment
    assert environment["GF_SECURITY_ADMIN_PASSWORD__FILE"] == "/run/secrets/grafana_admin_password"
    assert environment["GF_AUTH_ANONYMOUS_ENABLED"] == "false"


def test_what_is_mounted_exists_and_cannot_be_changed():
    """
    A bind mount of nothing would become an empty folder. Secrets are the user's own.
    """
    volumes = [one.rsplit(":", 2) for service in SERVICES.values() for one in service.get("volumes", ())]
    binds = [(resolved(parts[0]), parts[-1]) for parts in volumes if parts[0].startswith((".", "$"))]

    assert len(binds) > 5
    assert [source for source, mode in binds if mode != "ro"] == []
    assert [source for source, _ in binds if not (ROOT / source).exists()] == ["./secrets/alertmanager"]
    assert "mkdir -p secrets/alertmanager" in (ROOT / "Makefile").read_text()


def resolved(text, **variables):
    """
    A value of the file with its variables, which are at their defaults unless given.
    """
    return re.sub(r"\$\{(\w+):-(.*?)\}", lambda found: variables.get(found[1]) or found[2], text)


def environment_of(name, **variables):
    """
    The environment of a service, as in the container.
    """
    return {key: resolved(value, **variables) for key, value in SERVICES[name]["environment"].items()}


def test_one_folder_has_the_limits_of_every_service(tmp_path):
    """
    The commands of the documentation fill each mount of the folder, the exporter reads its limits there, and
    without them it has the defaults.
    """
    page = (ROOT / "docs/containers.md").read_text()
    (mounted,) = re.findall(r"SITE_CONFIGURATION=\./site SITE_LIMITS=(\S+) docker compose", page)
    site = tmp_path / "site"
    site.mkdir()
    (site / "limits.yml").write_text("OrchestratorSessionSuccessRateLow: {limit: 0.5}\n")
    for kind in ("rules", "boards"):
        assert f"droidscope {kind} render --thresholds site/limits.yml " in page
        command = [kind, "render", "--thresholds", str(site / "limits.yml"), "--root", str(site)]
        assert CliRunner().invoke(droidscope, command).exit_code == 0
    mounts = {
        name: [resolved(one, SITE_CONFIGURATION=str(site)).split(":") for one in service.get("volumes", ())]
        for name, service in SERVICES.items()
    }
    folders = {
        name: (Path(source), target)
        for name, volumes in mounts.items()
        for source, target, *_ in volumes
        if source.startswith(str(site))
    }

    assert set(folders) == {"exporter", "prometheus", "alertmanager", "grafana"}
    assert [name for name, (source, _) in folders.items() if not any(source.iterdir())] == []
    source, target = folders["exporter"]
    assert (source / Path(mounted).relative_to(target)) == site / "limits.yml"
    assert load(environ=environment_of("exporter", SITE_LIMITS=mounted)).thresholds == Path(mounted)
    assert load(environ=environment_of("exporter")).thresholds is None


def test_no_variable_of_the_file_is_taken_for_a_setting():
    """
    Whoever exports one can still run `droidscope` in the same shell.
    """
    names = set(re.findall(r"\$\{(\w+)", COMPOSE_FILE.read_text()))

    assert names == {"SITE_CONFIGURATION", "SITE_LIMITS"}
    assert load(environ=dict.fromkeys(names, "./site")) == load(environ={})


def test_every_variable_has_a_default():
    """
    One that must be given would stop even what does not use it: compose looks at all profiles.
    """
    assert re.findall(r"\$\{\w+(?!:-)[:?}]", COMPOSE_FILE.read_text()) == []


def test_named_volumes_are_declared_and_used():
    """
    No more and no fewer.
    """
    used = {
        one.split(":")[0]
        for service in SERVICES.values()
        for one in service.get("volumes", ())
        if not one.startswith((".", "$"))
    }

    assert used == set(DOCUMENT["volumes"])


@pytest.mark.parametrize("name", SERVICES)
def test_who_waits_for_health_waits_for_somebody_who_tells(name):
    """
    A dependency that must be healthy has a health check, and one without a shell has none to fail.
    """
    for other, condition in SERVICES[name].get("depends_on", {}).items():
        assert condition == {"condition": "service_healthy"}
        assert "test" in SERVICES[other]["healthcheck"]


@pytest.mark.parametrize("profiles", [(), ("demo",), ("otel",), ("traces",), ("demo", "otel", "traces")])
def test_profiles_stand_on_their_own_and_together(profiles):
    """
    What a service depends on runs with it, and no two want the same port.
    """
    running = {
        name: service
        for name, service in SERVICES.items()
        if not service.get("profiles") or set(profiles) & set(service["profiles"])
    }
    ports = [port.rsplit(":", 1)[0] for service in running.values() for port in service.get("ports", ())]

    assert {other for service in running.values() for other in service.get("depends_on", {})} <= set(running)
    assert len(ports) == len(set(ports))


def test_profiles_are_those_of_the_documentation():
    """
    Each is explained, with every port that it opens.
    """
    page = (ROOT / "docs/containers.md").read_text()
    profiles = {profile for service in SERVICES.values() for profile in service.get("profiles", ())}
    ports = {port.split(":")[1] for service in SERVICES.values() for port in service.get("ports", ())}

    assert profiles == {"demo", "otel", "traces"}
    assert {f"`{profile}`" for profile in profiles} <= set(re.findall(r"`\w+`", page))
    assert {port for port in ports if port not in page} == set()


def compose():
    """
    The compose command of today, which checks a file without an engine; None if there is none.

    Version 1, which Debian 12 has, does not know the present specification.
    """
    unpacked = str(ROOT / ".servers/usr/bin/docker-compose")
    for command in (["docker", "compose"], ["docker-compose"], [unpacked]):
        if not shutil.which(command[0]):
            continue
        done = run(*command, "version", "--short")
        if done.returncode == 0 and int(done.stdout.lstrip("v").split(".")[0]) > 1:
            return command
    return None


@pytest.mark.skipif(compose() is None, reason="not installed: docker compose 2 or later")
@pytest.mark.parametrize("profiles", [(), ("demo",), ("otel",), ("traces",)])
def test_compose_itself_takes_it(profiles):
    """
    With each profile: names, dependencies, secrets, variables.
    """
    chosen = [part for profile in profiles for part in ("--profile", profile)]
    command = [*compose(), "--file", COMPOSE_FILE, "--project-directory", ROOT, *chosen, "config", "--quiet"]
    done = run(*command)

    assert (done.returncode, done.stderr) == (0, "")


# --- what the parts tell each other ---------------------------------------------------------------


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
    settings = load(environ=environment_of("exporter"))

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

    folder = "${SITE_CONFIGURATION:-.}/grafana/dashboards"
    assert f"{folder}:{provider['options']['path']}:ro" in grafana["volumes"]
    assert grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"] == (
        f"{provider['options']['path']}/{next(uid for uid in boards() if uid.endswith('overview'))}.json"
    )
    assert source["uid"] == "prometheus"
    assert source["url"] == "$PROMETHEUS_URL"
    assert "PROMETHEUS_URL" in grafana["environment"]


def test_alertmanager_reads_what_is_rendered_and_secrets_where_the_documentation_puts_them():
    """
    The configuration has a folder of its own: within a folder that is read-only nothing can be mounted.
    """
    alertmanager = SERVICES["alertmanager"]

    assert "--config.file=/etc/droidscope/alertmanager.yml" in alertmanager["command"]
    assert "${SITE_CONFIGURATION:-.}/alertmanager:/etc/droidscope:ro" in alertmanager["volumes"]
    assert "./secrets/alertmanager:/etc/alertmanager/secrets:ro" in alertmanager["volumes"]
    assert "/etc/alertmanager/secrets/" in (ROOT / "docs/notifications.md").read_text()


def collector(*names):
    """
    A Collector's configuration: mappings of several files are merged, the rest is replaced.
    """
    merged = {}
    for name in names:
        merged = laid_over(merged, yaml.safe_load((ROOT / "docker" / name).read_text()))
    return merged


def laid_over(below, above):
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    return below | {key: laid_over(below.get(key), value) for key, value in above.items()}


def configurations(service):
    return [
        argument.rsplit("/", 1)[1]
        for argument in SERVICES[service]["command"]
        if argument.startswith("--config=")
    ]


@pytest.mark.parametrize("name", ["collector", "tracing-collector"])
def test_a_collector_hands_everything_on_to_the_exporter(name):
    """
    All signals, to the port the exporter listens on, from the ports that are open; every part is defined.
    """
    config = collector(*configurations(name))
    pipelines = config["service"]["pipelines"]
    listening = {each["endpoint"] for each in config["receivers"]["otlp"]["protocols"].values()}
    _, port = SERVICES["exporter"]["environment"]["DROIDSCOPE_OTLP_GRPC"].split(":")

    assert set(pipelines) == {"traces", "metrics", "logs"}
    assert config["exporters"]["otlp_grpc/droidscope"]["endpoint"] == f"exporter:{port}"
    assert listening == {f"0.0.0.0:{one.rsplit(':')[-1]}" for one in SERVICES[name]["ports"]}
    for pipeline in pipelines.values():
        assert pipeline["exporters"][0] == "otlp_grpc/droidscope"
        for part in ("receivers", "processors", "exporters"):
            assert set(pipeline[part]) <= set(config[part])


def test_a_collector_acknowledges_what_the_exporter_has_on_disk():
    """
    No queue in between that a crash would empty.
    """
    exporter = collector("collector.yml")["exporters"]["otlp_grpc/droidscope"]

    assert exporter["sending_queue"] == exporter["retry_on_failure"] == {"enabled": False}
    assert "batch" not in collector("collector.yml")["processors"]


def test_spans_go_to_tempo_and_grafana_finds_them_there():
    """
    From an exemplar by its trace_id to the data source, which is the Tempo that spans are sent to.
    """
    tempo = yaml.safe_load((ROOT / "docker/tempo.yml").read_text())
    sources = ROOT / "grafana/provisioning/datasources"
    source = yaml.safe_load((sources / "tempo.yml").read_text())["datasources"][0]
    prometheus = yaml.safe_load((sources / "prometheus.yml").read_text())["datasources"][0]
    spans = collector(*configurations("tracing-collector"))
    (destination,) = prometheus["jsonData"]["exemplarTraceIdDestinations"]

    assert destination == {"name": "trace_id", "datasourceUid": source["uid"]}
    assert source["url"] == "$TEMPO_URL"
    assert SERVICES["grafana"]["environment"]["TEMPO_URL"] == (
        f"http://tempo:{tempo['server']['http_listen_port']}"
    )
    assert spans["service"]["pipelines"]["traces"]["exporters"][1] == "otlp_grpc/tempo"
    assert spans["exporters"]["otlp_grpc/tempo"]["endpoint"] == "tempo:4317"
    assert tempo["distributor"]["receivers"]["otlp"]["protocols"]["grpc"]["endpoint"] == "0.0.0.0:4317"
    assert all(
        path.startswith("/var/tempo/")
        for path in (
            tempo["storage"]["trace"]["wal"]["path"],
            tempo["storage"]["trace"]["local"]["path"],
        )
    )
    assert "tempo:/var/tempo" in SERVICES["tempo"]["volumes"]
