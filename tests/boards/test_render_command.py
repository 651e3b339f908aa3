"""
`droidscope boards render`: the committed boards are as rendered, and a difference is shown.
"""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from droidscope.commands import droidscope
from promql import panels
from rendered import ROOT


@pytest.fixture
def render():
    """
    The command, with its exit code and output as the result.
    """

    def run(*arguments):
        return CliRunner().invoke(droidscope, ["boards", "render", *map(str, arguments)])

    return run


def test_committed_boards_are_as_rendered(render):
    """
    `--check` finds no difference in the repository.
    """
    result = render("--check", "--root", ROOT)

    assert (result.exit_code, result.output) == (0, "")


def test_rendered_boards_pass_their_own_check(render, tmp_path):
    """
    What was just written is up to date, and every file names the command that wrote it.
    """
    render("--root", tmp_path)

    assert render("--check", "--root", tmp_path).exit_code == 0
    files = list((tmp_path / "grafana/dashboards").iterdir())
    assert len(files) == 3
    assert all("Rendered by `droidscope boards render`" in file.read_text() for file in files)


def test_a_hand_edited_board_is_shown_as_a_diff(render, tmp_path):
    """
    An edited title fails the check, which shows the line as it is and as it should be.
    """
    render("--root", tmp_path)
    board = tmp_path / "grafana/dashboards/orchestrator-overview.json"
    board.write_text(board.read_text().replace('"editable": false', '"editable": true'))

    result = render("--check", "--root", tmp_path)

    assert result.exit_code == 1
    assert '-  "editable": true' in result.output
    assert '+  "editable": false' in result.output


def test_a_missing_board_is_a_difference(render, tmp_path):
    """
    A board that was never written fails the check.
    """
    assert render("--check", "--root", tmp_path).exit_code == 1


def success_panel(folder):
    """
    The success rate of the rendered Patterns board: its colour steps and its description.
    """
    board = json.loads((folder / "grafana/dashboards/orchestrator-patterns.json").read_text())
    panel = next(one for one in panels(board) if one["title"] == "Success rate")
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    return [step.get("value") for step in steps], panel["description"]


@pytest.mark.parametrize(
    ("change", "steps", "note"),
    [
        ("{limit: 0.6, minimum: 8, window: 6h}", [None, 0.6, 0.85], "below 0.6 over 6h (from n = 8)."),
        (
            "{overrides: [{pattern: research, limit: 0.5}]}",
            [None, 0.7, 0.85],
            "below 0.7 over 24h (from n = 5). Some have limits of their own.",
        ),
        ("{enabled: false}", [None, 0.7, 0.85], "switched off."),
    ],
)
def test_a_file_of_limits_changes_colours_and_descriptions(render, tmp_path, change, steps, note):
    """
    The same file as for the rules; a limit for some is named, since a panel has one set of colours.
    """
    file = tmp_path / "limits.yml"
    file.write_text(f"OrchestratorSessionSuccessRateLow: {change}\n")

    result = render("--root", tmp_path, "--thresholds", file)

    assert (result.exit_code, result.output) == (0, "")
    shown, description = success_panel(tmp_path)
    assert shown == steps
    assert description.endswith(f"Alert: OrchestratorSessionSuccessRateLow, {note}")


@pytest.mark.parametrize(
    ("limit", "steps"), [(0.8, [None, 0.8, 0.85]), (0.85, [None, 0.85]), (0.95, [None, 0.95])]
)
def test_colour_steps_ascend_whatever_the_limit(render, tmp_path, limit, steps):
    """
    Where the limit is not below the target, nothing is orange; no board has equal or descending steps.
    """
    file = tmp_path / "limits.yml"
    file.write_text(f"OrchestratorSessionSuccessRateLow: {{limit: {limit}}}\n")
    render("--root", tmp_path, "--thresholds", file)

    assert success_panel(tmp_path)[0] == steps
    for board in (tmp_path / "grafana/dashboards").iterdir():
        for found in thresholds_in(json.loads(board.read_text())):
            bounds = [step["value"] for step in found["steps"][1:]]
            assert bounds == sorted(set(bounds))


def thresholds_in(node):
    """
    All colour steps of a board: those of panels, and those of columns.
    """
    if isinstance(node, list):
        return [one for child in node for one in thresholds_in(child)]
    if not isinstance(node, dict):
        return []
    own = [node] if isinstance(node.get("steps"), list) else []
    return own + [one for child in node.values() for one in thresholds_in(child)]


@pytest.mark.parametrize(
    ("change", "title", "note"),
    [
        (
            "OrchestratorDroidResponseTimeHigh: {enabled: false}",
            "Queries per hour",
            "Alert: OrchestratorDroidResponseTimeHigh, switched off.",
        ),
        (
            "OrchestratorDroidResponseTimeHigh: {limit: 60}",
            "Queries per hour",
            "above 60 over 1h (from n = 3). It also fires on any query left unanswered.",
        ),
        (
            "OrchestratorSecurityFindingsOpen: {finding_severities: [critical], limit: 5}",
            "Open security findings",
            "Alert: OrchestratorSecurityFindingsOpen, above 5 of severity critical.",
        ),
    ],
)
def test_the_note_of_a_panel_fits_what_the_file_sets(render, tmp_path, change, title, note):
    """
    An alert that is off does not fire for another reason either, and severities that count are named.
    """
    file = tmp_path / "limits.yml"
    file.write_text(change)
    render("--root", tmp_path, "--thresholds", file)
    board = json.loads((tmp_path / "grafana/dashboards/orchestrator-droids.json").read_text())

    (panel,) = (one for one in panels(board) if one["title"] == title)
    assert panel["description"].endswith(note)


def test_a_mistake_in_the_file_of_limits_is_an_error(render, tmp_path):
    """
    One line names it, and nothing is written.
    """
    file = tmp_path / "limits.yml"
    file.write_text("NoSuchAlert: {limit: 1}\n")

    result = render("--root", tmp_path, "--thresholds", file)

    assert result.exit_code == 1
    assert "NoSuchAlert is no alert" in result.output
    assert not (tmp_path / "grafana").exists()
