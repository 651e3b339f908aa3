"""
Alertmanager takes the configuration, with and without integrations, and routes by severity.
"""

from __future__ import annotations

import pytest
import yaml

from droidscope.mixin import render
from droidscope.mixin.alertmanager import EXAMPLES, alertmanager_config
from rendered import ROOT, alert_rules, run

CONFIG = ROOT / "alertmanager/alertmanager.yml"


@pytest.mark.server("amtool")
def test_alertmanager_takes_the_committed_configuration():
    """
    No account is needed to load it.
    """
    done = run("amtool", "check-config", CONFIG)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.server("amtool")
def test_with_a_webhook_every_severity_posts_there(tmp_path):
    """
    The rendering for a webhook loads, and only the watchdog has no integration.
    """
    render.write(render.render_alertmanager("http://127.0.0.1:1/hook"), tmp_path)
    path = tmp_path / "alertmanager/alertmanager.yml"
    receivers = yaml.safe_load(path.read_text())["receivers"]

    assert run("amtool", "check-config", path).returncode == 0
    assert [one["name"] for one in receivers if "webhook_configs" not in one] == ["watchdog"]


@pytest.mark.server("amtool")
def test_the_examples_in_the_comments_load(tmp_path):
    """
    Uncommented, the examples are receivers Alertmanager takes.
    """
    lines = [line.removeprefix("# ") for line in EXAMPLES.splitlines() if line.startswith("#   ")]
    examples = yaml.safe_load("\n".join(lines))
    config = alertmanager_config()
    named = {one["name"]: one for one in examples}
    config["receivers"] = [named.get(one["name"], one) for one in config["receivers"]]
    path = tmp_path / "alertmanager.yml"
    path.write_text(yaml.safe_dump(config))
    done = run("amtool", "check-config", path)

    assert set(named) == {"critical", "high", "medium"}
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.server("amtool")
@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        (["severity=critical", "alertname=DroidErrorRateHigh"], "critical"),
        (["severity=critical", "alertname=DroidscopeDown"], "critical"),
        (["severity=high", "alertname=SessionSuccessRateLow"], "high"),
        (["severity=medium", "alertname=SessionDurationLong"], "medium"),
        (["severity=low", "alertname=DroidResponseTimeHigh"], "low"),
        (["severity=none", "alertname=Watchdog"], "watchdog"),
        (["severity=unheard", "alertname=SomebodyElses"], "inbox"),
    ],
)
def test_alerts_reach_the_receiver_of_their_severity(labels, receiver):
    """
    An alert goes to one receiver, and one of no known severity is not lost.
    """
    done = run(
        "amtool",
        "config",
        "routes",
        "test",
        f"--config.file={CONFIG}",
        f"--verify.receivers={receiver}",
        *labels,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_urgent_alerts_wait_less_and_repeat_sooner():
    """
    The worse the severity, the sooner the first and the next notification.
    """
    routes = {route["receiver"]: route for route in yaml.safe_load(CONFIG.read_text())["route"]["routes"]}
    order = [routes[name] for name in ("critical", "high", "medium", "low")]

    assert [route["group_wait"] for route in order] == ["10s", "30s", "1m", "5m"]
    assert [route["repeat_interval"] for route in order] == ["1h", "4h", "12h", "24h"]


def test_inhibition_names_alerts_that_exist_and_never_itself():
    """
    Each pair is explicit, of different alerts, and the critical ones of a droid mute only that droid's.
    """
    severity = {rule["alert"]: rule["labels"]["severity"] for rule in alert_rules()}
    for rule in yaml.safe_load(CONFIG.read_text())["inhibit_rules"]:
        source = rule["source_matchers"][0].split('"')[1]
        targets = rule["target_matchers"][0].split('"')[1].split("|")

        assert {source, *targets} <= set(severity)
        assert source not in targets
        assert severity[source] == "critical"
        assert "Watchdog" not in targets
        assert source == "DroidscopeDown" or rule["equal"] == ["orchestrator", "droid"]


def test_a_dead_exporter_mutes_all_alerts_but_the_watchdog():
    """
    While nobody watches the limits, only DroidscopeDown speaks.
    """
    rule = yaml.safe_load(CONFIG.read_text())["inhibit_rules"][0]
    muted = set(rule["target_matchers"][0].split('"')[1].split("|"))

    assert muted | {"DroidscopeDown", "Watchdog"} == {one["alert"] for one in alert_rules()}
