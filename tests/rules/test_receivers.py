"""
The file of receivers: sections of Alertmanager's configuration that are merged, and faults that are found.
"""

from __future__ import annotations

import pytest
import yaml
from click.testing import CliRunner

from droidscope.commands import droidscope
from droidscope.errors import ConfigError
from droidscope.rules.alertmanager import alertmanager_config, example
from droidscope.rules.receivers import DEFAULT_HOURS, NAMES, NO_RECEIVERS, WORKING_HOURS, load

NAMELESS = "has an item without a name; expected one in each"
EVERY = [{"name": name} for name in NAMES]
HOURS = {"name": WORKING_HOURS, "time_intervals": [{"weekdays": ["saturday"]}]}
NIGHTS = {"name": "nights", "time_intervals": [{"times": [{"start_time": "22:00", "end_time": "24:00"}]}]}


@pytest.fixture
def write(tmp_path):
    """
    Writes a document as receivers.yml.
    """

    def write(content):
        path = tmp_path / "receivers.yml"
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
        return path

    return write


@pytest.fixture
def faults(write):
    """
    What is said about a document that does not fit, without the name of the file.
    """

    def faults(content):
        path = write(content)
        with pytest.raises(ConfigError) as caught:
            load(path)
        return str(caught.value).replace(f" ({path})", "").splitlines()

    return faults


def test_receivers_are_taken_as_they_are(write):
    """
    Whatever Alertmanager knows may stand in them; one that no route names is for the user's own routes.
    """
    mine = [*EVERY[:-1], {"name": NAMES[-1], "opsgenie_configs": [{"api_key_file": "/s"}]}, {"name": "mine"}]
    config = alertmanager_config(load(write({"receivers": mine, "global": {"resolve_timeout": "9m"}})))

    assert config["receivers"] == mine
    assert config["global"] == {"resolve_timeout": "9m"}


def test_routes_and_inhibition_do_not_depend_on_the_file(write):
    """
    They are those of the committed configuration.
    """
    rendered = alertmanager_config(load(write(example())))

    assert {key: rendered[key] for key in ("route", "inhibit_rules", "templates")} == {
        key: alertmanager_config()[key] for key in ("route", "inhibit_rules", "templates")
    }


@pytest.mark.parametrize(
    ("given", "intervals"),
    [([], [DEFAULT_HOURS]), ([NIGHTS], [DEFAULT_HOURS, NIGHTS]), ([HOURS], [HOURS])],
)
def test_working_hours_are_the_default_unless_given(write, given, intervals):
    """
    The route names them, so they are always there.
    """
    content = {"receivers": EVERY, "time_intervals": given}

    assert alertmanager_config(load(write(content)))["time_intervals"] == intervals


def test_every_receiver_of_a_route_must_be_there(faults):
    """
    A forgotten severity would be lost without notice.
    """
    (fault,) = faults({"receivers": [one for one in EVERY if one["name"] != "high"]})

    assert fault.startswith("receivers has no high; expected one of that name")


def test_nothing_in_the_file_means_every_receiver_is_missing(faults):
    """
    All faults are said at once.
    """
    assert [fault.split(";")[0] for fault in faults("{}")] == [f"receivers has no {name}" for name in NAMES]


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"route": {}}, "route is unknown; expected one of global, receivers, time_intervals"),
        ({"global": []}, None),
        ({"global": ["x"]}, "global is ['x']; expected a mapping"),
        ({"time_intervals": {"a": 1}}, "time_intervals is {'a': 1}; expected a list"),
        (
            {"time_intervals": [{"times": []}]},
            "time_intervals has an item without a name; expected one in each",
        ),
        ({"receivers": [*EVERY, "x"]}, "receivers has an item without a name; expected one in each"),
    ],
)
def test_a_fault_is_said_with_its_key_and_what_was_expected(write, faults, changes, fault):
    """
    What would be lost or break the merging; all else amtool checks.
    """
    content = {"receivers": EVERY, **changes}
    if fault is None:
        assert load(write(content)) == NO_RECEIVERS
    else:
        assert faults(content) == [fault]


@pytest.mark.parametrize("text", ["- a list", "a: [", "just words"])
def test_a_file_that_is_no_mapping_is_said_so(faults, text):
    """
    The message names the file and what it is.
    """
    (fault, *_) = faults(text)

    assert "receivers.yml" in fault


def test_the_command_renders_for_a_file(write, tmp_path):
    """
    Routes and templates come with it; nothing is written where the file has a fault.
    """
    command = ["rules", "render", "--root", str(tmp_path / "site"), "--receivers"]

    done = CliRunner().invoke(droidscope, [*command, str(write(example())), "--site-label", "cluster"])
    config = yaml.safe_load((tmp_path / "site/alertmanager/alertmanager.yml").read_text())
    assert (done.exit_code, done.output) == (0, "")
    assert config["receivers"] == yaml.safe_load(example())["receivers"]
    assert config["route"]["group_by"] == ["alertname", "orchestrator", "cluster"]

    (tmp_path / "site").rename(tmp_path / "before")
    done = CliRunner().invoke(droidscope, [*command, str(write("{}"))])
    assert done.exit_code == 1
    assert "Error: receivers (" in done.output
    assert not (tmp_path / "site").exists()
