"""
README's first steps, followed word for word in a new environment: its reader sees the first session.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from e2e.processes import ROOT, Program, fetch, fetch_json, free_port, until

README = (ROOT / "README.md").read_text("utf-8")
DISTRIBUTION = ("exporter", "pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE")
SHIPPED = {"127.0.0.1:9788": "web", "127.0.0.1:4318": "http", "127.0.0.1:4317": "grpc"}


def steps():
    """
    The code blocks of "Use it", up to the set-up of Prometheus: (language, text) in order.
    """
    part = README.partition("## Use it")[2].partition("**3. ")[0]
    return re.findall(r"^```(\w+)\n(.*?)^```", part, re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """
    What a clone has of the product, and an environment without anything in it.
    """
    folder = tmp_path_factory.mktemp("readme")
    for name in DISTRIBUTION:
        source = ROOT / name
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(source, folder / name, ignore=ignored) if source.is_dir() else shutil.copy(
            source, folder
        )
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder / "venv"], check=True)
    # Like pip's, but neither it nor ensurepip is everywhere.
    pip = folder / "venv/bin/pip"
    pip.write_text(f'#!/bin/sh\nexec "{uv}" pip "$@" --quiet --python "{folder}/venv/bin/python"\n')
    pip.chmod(0o755)
    return folder


@pytest.fixture
def environment(clone):
    """
    A reader's variables, but for ports that are free here.
    """
    ports = {name: free_port() for name in SHIPPED.values()}
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OTEL_", "DROIDSCOPE_", "PYTHON"))
    }
    return ports, {
        **kept,
        "PATH": f"{clone}/venv/bin:{os.environ['PATH']}",
        "HOME": str(clone),
        "DROIDSCOPE_LISTEN": f"127.0.0.1:{ports['web']}",
        "DROIDSCOPE_OTLP_HTTP": f"127.0.0.1:{ports['http']}",
        "DROIDSCOPE_OTLP_GRPC": f"127.0.0.1:{ports['grpc']}",
        "DROIDSCOPE_STORE": str(clone / "store"),
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{ports['http']}",
    }


@pytest.mark.slow
def test_the_first_steps_show_the_first_session(clone, environment, tmp_path):
    """
    With the numbers of the example; the counter that is still 0 says why.
    """
    ports, variables = environment
    (_, serve), (_, install), (language, program), (_, look) = steps()

    def shell(text):
        for shipped, name in SHIPPED.items():
            text = text.replace(shipped, f"127.0.0.1:{ports[name]}")
        done = subprocess.run(
            ["bash", "-euc", text], cwd=clone, env=variables, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    installing, serving = serve.splitlines()
    shell(installing)
    with Program(
        ["bash", "-c", f"exec {serving}"], tmp_path / "serve.log", cwd=clone, env=variables
    ) as exporter:
        url = f"http://127.0.0.1:{ports['web']}"
        exporter.await_answer(f"{url}/-/ready")
        shell(install)
        assert language == "python"
        (clone / "first.py").write_text(program)
        run, *asked = look.splitlines()
        shell(run)
        until(lambda: fetch_json(f"{url}/api/v1/sessions")["total"], "the first session")
        sessions, counters = (shell(one) for one in asked)

        (session,) = json.loads(sessions)["sessions"]
        assert (session["pattern"], session["state"]) == ("bug-fix", "completed")
        assert (session["tasks_completed"], session["tasks_failed"]) == (1, 0)
        assert re.search(r'outcome="completed"} 0$', counters, re.MULTILINE)
        assert "birth_hold" in counters
        assert "debugger" in fetch(url)


def test_the_readme_has_the_steps_that_are_followed():
    """
    Serve, install, save, look.
    """
    assert [language for language, _ in steps()] == ["sh", "sh", "python", "sh"]
