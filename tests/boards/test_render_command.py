"""
`droidscope boards render`: the committed boards are as rendered, and a difference is shown.
"""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from droidscope.commands import droidscope
from droidscope.conventions.thresholds import (
    ALERTS,
    COMMUNICATION_CONFLICTS,
    HIGH_ERROR_RATE,
    SECURITY_ISSUES,
)
from droidscope.formatting import number
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


@pytest.fixture
def render_with(render, tmp_path):
    """
    The text of all boards, rendered with a file of limits.
    """

    def text(limits):
        file = tmp_path / "limits.yml"
        file.write_text(limits)
        result = render("--root", tmp_path, "--thresholds", file)
        assert (result.exit_code, result.output) == (0, "")
        return "".join(board.read_text() for board in sorted((tmp_path / "grafana/dashboards").iterdir()))

    return text


@pytest.mark.parametrize("threshold", ALERTS, ids=lambda threshold: threshold.name)
def test_colours_and_descriptions_follow_the_file_of_limits(render_with, threshold):
    """
    Every limit that can be set is in a panel's steps or description; what is set for some alone is in none.
    """
    shipped = render_with("{}")
    some = f"{threshold.name}: {{overrides: [{{orchestrator: a, severity: low, hold: 7m}}]}}"
    assert render_with(some) == shipped
    if "limit" in threshold.settable:
        other = 0.123 if threshold.unit == "ratio" else 47
        changed = render_with(f"{threshold.name}: {{limit: {other}}}")
        assert f"{threshold.name}, {threshold.breached} {other}" in changed
        assert f"{threshold.name}, {threshold.breached} {number(threshold.limit)}" not in changed
        if threshold not in (SECURITY_ISSUES, COMMUNICATION_CONFLICTS):  # these two have no colours
            assert f'"value": {other}' in changed


def test_an_alert_that_is_off_is_not_promised(render_with):
    """
    The description says so instead of naming a limit.
    """
    text = render_with(f"{HIGH_ERROR_RATE.name}: {{enabled: false}}")

    assert f"The alert {HIGH_ERROR_RATE.name} is off." in text
    assert f"Alert: {HIGH_ERROR_RATE.name}" not in text


def test_a_fault_in_the_file_of_limits_writes_nothing(render, tmp_path):
    """
    The message is that of the rules.
    """
    file = tmp_path / "limits.yml"
    file.write_text(f"{HIGH_ERROR_RATE.name}: {{limit: 7}}\n")

    result = render("--root", tmp_path, "--thresholds", file)

    assert result.output == f"Error: {HIGH_ERROR_RATE.name}.limit is 7; expected a ratio from 0 to 1\n"
    assert not (tmp_path / "grafana").exists()


def test_a_missing_board_is_a_difference(render, tmp_path):
    """
    A board that was never written fails the check.
    """
    assert render("--check", "--root", tmp_path).exit_code == 1
