"""
`opentelemetry-instrument` sets droidscope up where it is told to, and leaves others alone.
"""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from otlp_receiver import serve
from own_processes import span_rows

ROOT = Path(__file__).parents[2]
GROUP = "opentelemetry_configurator"
SDKS = "opentelemetry.sdk._configuration:_OTelSDKConfigurator"
"""
The configurator that the package opentelemetry-distro names.
"""
FRAMEWORK = """
from opentelemetry import trace

with trace.get_tracer("some.framework").start_as_current_span("invoke_agent planner"):
    pass
"""
ORCHESTRATOR = """
import droidscope as ds

with ds.session("bug-fix"), ds.task("coder"):
    pass
"""


def installed(folder, name, **configurators):
    """
    A distribution in *folder* that names these configurators.
    """
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = "".join(f"{key} = {value}\n" for key, value in configurators.items())
    (info / "entry_points.txt").write_text(f"[{GROUP}]\n{lines}")
    return str(folder)


@pytest.fixture
def droidscopes(tmp_path):
    """
    The product's own entry point, as an installed wheel has it.
    """
    (tmp_path / "own").mkdir()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return installed(tmp_path / "own", "droidscope_entry_point", **project["entry-points"][GROUP])


@pytest.fixture
def sdks(tmp_path):
    """
    A distribution beside it, with the SDK's configurator.
    """
    (tmp_path / "sdk").mkdir()
    return installed(tmp_path / "sdk", "some_distro", configurator=SDKS)


def instrument(code, *folders, **variables):
    """
    Run *code* by `opentelemetry-instrument`, with the distributions in *folders*, the first first.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    path = os.pathsep.join([*folders, kept.get("PYTHONPATH", "")])
    command = [str(Path(sys.executable).with_name("opentelemetry-instrument")), sys.executable, "-c", code]
    named = {"PYTHONPATH": path, "OTEL_SERVICE_NAME": "atlas", "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "*"}
    done = subprocess.run(
        command, env={**kept, **named, **variables}, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


def arrived(receiver):
    return sorted(
        (row.scope, row.name.split()[0], row.resource["service.name"]) for row in span_rows(receiver)
    )


def test_told_to_it_sets_droidscope_up(droidscopes, sdks):
    """
    Spans of frameworks arrive in a program without sessions, and records of one that has them.
    """
    chosen = {"OTEL_PYTHON_CONFIGURATOR": "droidscope"}
    with serve() as receiver:
        where = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, **chosen}
        instrument(FRAMEWORK, droidscopes, sdks, **where)
        assert arrived(receiver) == [("some.framework", "invoke_agent", "atlas")]

        instrument(ORCHESTRATOR, droidscopes, sdks, **where)
        assert arrived(receiver)[:2] == [
            ("droidscope", "invoke_agent", "atlas"),
            ("droidscope", "invoke_workflow", "atlas"),
        ]


@pytest.mark.parametrize("own_is_first", [True, False])
@pytest.mark.parametrize("choice", ["", "configurator"])
def test_otherwise_the_configurator_of_others_is_used(droidscopes, sdks, own_is_first, choice):
    """
    Whichever is found first, and whether or not it is named.
    """
    folders = (droidscopes, sdks) if own_is_first else (sdks, droidscopes)
    with serve() as receiver:
        variables = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_TRACES_EXPORTER": "otlp",
            **({"OTEL_PYTHON_CONFIGURATOR": choice} if choice else {}),
        }
        instrument(FRAMEWORK, *folders, **variables)

        assert arrived(receiver) == [("some.framework", "invoke_agent", "atlas")]


def test_alone_and_not_told_to_it_does_nothing(droidscopes):
    """
    As if it were not installed.
    """
    with serve() as receiver:
        instrument(ORCHESTRATOR, droidscopes, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url)

        assert receiver.requests == 0
