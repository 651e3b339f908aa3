"""
Rendered files are those committed, and rendering needs no more than it must.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

from droidscope.rules import render
from droidscope.rules.__main__ import main
from droidscope.rules.alerts import Links
from rendered import ROOT


def test_committed_files_are_as_rendered(capsys):
    """
    `python -m droidscope.rules --check` finds no difference in the repository.
    """
    code = main(["--check", "--root", str(ROOT)])

    assert (code, capsys.readouterr().out) == (0, "")


def test_rendered_files_pass_their_own_check(tmp_path):
    """
    What was just written is up to date.
    """
    main(["--root", str(tmp_path)])

    assert main(["--check", "--root", str(tmp_path)]) == 0


def test_a_hand_edited_file_is_shown_as_a_diff(tmp_path, capsys):
    """
    An edited limit fails the check, which shows the line as it is and as it should be.
    """
    main(["--root", str(tmp_path)])
    rules = tmp_path / "prometheus/rules/alerts.yml"
    rules.write_text(rules.read_text().replace("> 0.25", "> 0.99"))

    code = main(["--check", "--root", str(tmp_path)])

    shown = capsys.readouterr().out
    assert code == 1
    assert "-      > 0.99\n" in shown
    assert "+      > 0.25\n" in shown


def test_a_missing_file_is_a_difference(tmp_path):
    """
    A file that was never written fails the check.
    """
    main(["--root", str(tmp_path)])
    (tmp_path / "alertmanager/alertmanager.yml").unlink()

    assert main(["--check", "--root", str(tmp_path)]) == 1


def test_every_rendered_file_names_its_command():
    """
    Whoever opens a rendered file learns how to change it.
    """
    files = {**render.render_prometheus(), **render.render_alertmanager()}

    for name, text in files.items():
        assert "Rendered by `" in text, name


def test_rules_render_without_what_renders_the_dashboards():
    """
    Rules and routes need neither the generator of the dashboards nor the SDK that it uses.
    """
    script = (
        "import sys; sys.modules['grafana_foundation_sdk'] = sys.modules['droidscope_boards'] = None\n"
        "from droidscope.rules import render\n"
        "render.render_prometheus(); render.render_alertmanager()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("links", "expected"),
    [
        (Links(), "runbook_url: docs/runbooks/DroidscopeWatchdog.md"),
        (
            Links(runbooks="https://docs.example/r"),
            "runbook_url: https://docs.example/r/DroidscopeWatchdog.md",
        ),
        (Links(grafana="https://g.example"), "https://g.example/d/orchestrator-droids?var-orchestrator="),
    ],
)
def test_links_go_where_they_are_told(links, expected):
    """
    Runbooks and boards are linked below the given roots.
    """
    assert expected in render.render_prometheus(links)["prometheus/rules/alerts.yml"]
