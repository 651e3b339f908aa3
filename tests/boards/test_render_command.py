"""
`droidscope boards render`: the committed boards are as rendered, and a difference is shown.
"""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from droidscope.commands import droidscope
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
