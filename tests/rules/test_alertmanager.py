"""
Alertmanager takes the configuration, routes by severity, keeps what can wait for working hours, and mutes
what somebody else has said already.
"""

from __future__ import annotations

import re

import promql_parser
import pytest
import yaml

from droidscope.conventions.metrics import CATALOGUE
from droidscope.rules import alerts, render
from droidscope.rules.alertmanager import INHIBITIONS, PACE, alertmanager_config, example
from droidscope.rules.receivers import WORKING_HOURS, load
from rendered import ROOT, alert_rules, recording_rules, run

CONFIG = ROOT / "alertmanager/alertmanager.yml"
NOTIFICATIONS = ROOT / "docs/notifications.md"
SHIPPED = yaml.safe_load(CONFIG.read_text())
ROUTES = {route["receiver"]: route for route in SHIPPED["route"]["routes"]}
PATIENT = ("medium", "low")


def routed(*labels):
    """
    Receivers that an alert with these labels goes to, as amtool says.
    """
    done = run("amtool", "config", "routes", "test", f"--config.file={CONFIG}", *labels)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.split()


def checked(config, folder):
    """
    What `amtool check-config` says about a configuration with the shipped templates beside it.
    """
    render.write(render.render_alertmanager(), folder)
    path = folder / "alertmanager/alertmanager.yml"
    path.write_text(yaml.safe_dump(config))
    return run("amtool", "check-config", path)


def muted_by(source, config=SHIPPED):
    """
    Names of alerts that an alert called *source* mutes, and the labels in which both have to agree.
    """
    for rule in config["inhibit_rules"]:
        if rule["source_matchers"] == [f'alertname="{source}"']:
            (target,) = rule["target_matchers"]
            return set(re.fullmatch(r'alertname=~"(.+)"', target)[1].split("|")), rule.get("equal", [])
    return set(), []


# --- it loads -----------------------------------------------------------------------------------


@pytest.mark.server("amtool")
def test_alertmanager_takes_the_committed_configuration():
    """
    No account is needed to load it, and its templates are found beside it.
    """
    done = run("amtool", "check-config", CONFIG)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 templates" in done.stdout


def test_nobody_is_told_unless_asked_for():
    """
    The committed receivers have no integration.
    """
    assert [list(one) for one in SHIPPED["receivers"]] == [["name"]] * 6


@pytest.mark.server("amtool")
def test_the_example_loads(tmp_path):
    """
    Slack, email, PagerDuty and webhook, a time zone and working hours, as a reader would copy them.
    """
    path = tmp_path / "receivers.yml"
    path.write_text(example())
    config = alertmanager_config(load(path))
    # The only key that Alertmanager 0.25, which Debian 12 has, does not know.
    (hook,) = next(one for one in config["receivers"] if one["name"] == "watchdog")["webhook_configs"]
    hook["url"] = f"https://alive.example/{hook.pop('url_file')}"
    kinds = {key for one in config["receivers"] for key in one} - {"name"}

    done = checked(config, tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    assert kinds == {"slack_configs", "email_configs", "pagerduty_configs", "webhook_configs"}


def test_the_example_has_every_receiver_of_the_routes():
    """
    In the order of severity; a heartbeat alone is never sent as resolved, and no secret stands in it.
    """
    receivers = yaml.safe_load(example())["receivers"]
    integrations = [
        (one["name"], integration)
        for one in receivers
        for key, configs in one.items()
        if key != "name"
        for integration in configs
    ]

    assert [one["name"] for one in receivers] == ["critical", "high", "medium", "low", "inbox", "watchdog"]
    assert [name for name, one in integrations if one.get("send_resolved") is False] == ["watchdog"]
    secrets = {"api_url", "routing_key", "auth_password", "password", "credentials", "token"}
    assert not secrets & set(re.findall(r"(\w+):", example()))


# --- who is told --------------------------------------------------------------------------------


@pytest.mark.server("amtool")
@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        (
            [
                "severity=critical",
                "alertname=OrchestratorDroidErrorRateHigh",
                "orchestrator=atlas",
                "droid=d",
            ],
            "critical",
        ),
        (
            ["severity=critical", "alertname=OrchestratorSecurityFindingsOpen", "finding_severity=low"],
            "critical",
        ),
        (["severity=critical", "alertname=DroidscopeDown"], "critical"),
        (["severity=high", "alertname=OrchestratorSessionSuccessRateLow"], "high"),
        (["severity=high", "alertname=DroidscopeInstanceDown"], "high"),
        (["severity=medium", "alertname=OrchestratorSessionDurationLong"], "medium"),
        (["severity=medium", "alertname=OrchestratorCommunicationConflicts"], "medium"),
        (["severity=low", "alertname=OrchestratorDroidResponseTimeHigh", "cause=slow"], "low"),
        (["severity=none", "alertname=DroidscopeWatchdog"], "watchdog"),
        # The watchdog's route comes first: a severity by mistake must not send it to whoever sleeps.
        (["severity=critical", "alertname=DroidscopeWatchdog"], "watchdog"),
        (["severity=warning", "alertname=SomebodyElses"], "inbox"),
        (["alertname=NoSeverity"], "inbox"),
        (["severity=Critical", "alertname=MisspeltSeverity"], "inbox"),
    ],
)
def test_alerts_reach_the_receiver_of_their_severity(labels, receiver):
    """
    An alert goes to one receiver, and one of no known severity is not lost.
    """
    assert routed(*labels) == [receiver]


@pytest.mark.server("amtool")
def test_every_alert_we_ship_has_a_route_of_its_own():
    """
    None falls to the receiver for what others send.
    """
    rules = {(rule["alert"], rule["labels"]["severity"]) for rule in alert_rules()}
    told = {name: routed(f"alertname={name}", f"severity={severity}") for name, severity in rules}

    assert told == {name: ["watchdog" if severity == "none" else severity] for name, severity in rules}


def test_urgent_alerts_wait_less_and_repeat_sooner():
    """
    The worse the severity, the sooner the first, the further and the repeated notification.
    """
    order = [ROUTES[name] for name in ("critical", "high", "medium", "low")]

    assert [route["group_wait"] for route in order] == ["10s", "30s", "1m", "5m"]
    assert [route["group_interval"] for route in order] == ["1m", "5m", "15m", "1h"]
    assert [route["repeat_interval"] for route in order] == ["1h", "4h", "12h", "24h"]


def test_urgent_problems_are_told_one_by_one_and_others_together():
    """
    A page is about one problem of one orchestrator; what can wait comes as one message an orchestrator.
    """
    assert ROUTES["critical"]["group_by"] == ROUTES["high"]["group_by"] == ["alertname", "orchestrator"]
    assert ROUTES["medium"]["group_by"] == ROUTES["low"]["group_by"] == ["orchestrator"]


def test_the_page_has_the_timing_of_the_routes():
    """
    Each row of the table in docs/notifications.md: waits, repetition, grouping and hours of a receiver.
    """
    rows = re.findall(r"^\| (\w+) \|(.*)\|$", NOTIFICATIONS.read_text(), re.MULTILINE)
    table = {row: [cell.strip() for cell in cells.split("|")] for row, cells in rows}
    groups = {
        "each alert of each orchestrator": ["alertname", "orchestrator"],
        "each orchestrator": ["orchestrator"],
    }

    for name in ("critical", "high", "medium", "low", "other"):
        route = SHIPPED["route"] if name == "other" else ROUTES[name]
        first, later, repeated, group, hours = table[name]
        waits = [text.replace(" ", "").replace("min", "m") for text in (first, later, repeated)]
        assert waits == [route[key] for key in ("group_wait", "group_interval", "repeat_interval")]
        assert groups[group] == route["group_by"]
        assert hours == ("working hours" if "active_time_intervals" in route else "any hour")


def test_the_watchdog_beats_often_enough():
    """
    Each five minutes, looked at each minute; see the comment at its route.
    """
    route = ROUTES["watchdog"]

    assert (route["group_interval"], route["repeat_interval"]) == ("1m", "5m")


# --- when ---------------------------------------------------------------------------------------


def test_only_what_can_wait_waits_for_working_hours():
    """
    Medium and low; critical, high, unknown severities and the watchdog speak at any hour.
    """
    patient = [name for name, route in ROUTES.items() if "active_time_intervals" in route]

    assert tuple(patient) == PATIENT
    assert all(ROUTES[name]["active_time_intervals"] == [WORKING_HOURS] for name in PATIENT)
    assert {str(severity) for severity, pace in PACE.items() if pace.is_for_working_hours} == set(PATIENT)
    assert "active_time_intervals" not in SHIPPED["route"]


def test_working_hours_are_office_hours_in_utc():
    """
    Unless the user's file has others.
    """
    (hours,) = SHIPPED["time_intervals"]

    assert hours == {
        "name": WORKING_HOURS,
        "time_intervals": [
            {
                "weekdays": ["monday:friday"],
                "times": [{"start_time": "09:00", "end_time": "17:00"}],
                "location": "UTC",
            }
        ],
    }


# --- what is muted ------------------------------------------------------------------------------


def reads_exporter(expr):
    """
    Whether a query reads what an exporter shows, directly or by way of a recorded series: by its parse
    tree.
    """
    ours = {spec.name for spec in CATALOGUE} | {rule["record"] for rule in recording_rules()}
    found = []

    def visit(node):
        if isinstance(node, promql_parser.VectorSelector):
            matchers = {one.name: one.value for one in node.matchers.matchers}
            name = node.name or matchers.get("__name__", "")
            family = re.sub(r"_(sum|count|bucket)$", "", name)
            reads = {name, family} & ours or name.startswith("orchestrator_.+")
            found.append(reads or matchers.get("job") == alerts.JOB)
        elif isinstance(node, promql_parser.MatrixSelector):
            visit(node.vector_selector)
        elif isinstance(node, promql_parser.BinaryExpr):
            visit(node.lhs)
            visit(node.rhs)
        elif isinstance(node, promql_parser.Call):
            for argument in node.args:
                visit(argument)
        elif hasattr(node, "expr"):
            visit(node.expr)

    visit(promql_parser.parse(expr))
    return any(found)


def test_a_dead_exporter_mutes_what_it_would_have_reported():
    """
    All alerts whose expressions read its series, and no other: the watchdog and what Prometheus says of
    itself still speak.
    """
    muted, equal = muted_by(alerts.DOWN)
    reading = {rule["alert"] for rule in alert_rules() if reads_exporter(rule["expr"])}

    assert muted == reading - {alerts.DOWN}
    assert alerts.INSTANCE_DOWN in muted
    assert alerts.WATCHDOG not in muted
    assert equal == []


def labels_of(name):
    """
    Labels by which the rules of an alert tell whom they are about: those that every sum keeps.
    """
    exprs = [rule["expr"] for rule in alert_rules() if rule["alert"] == name]
    kept = [set(by.split(", ")) for expr in exprs for by in re.findall(r"\bby \(([^)]+)\)", expr)]
    return set.intersection(*kept)


@pytest.mark.parametrize("mute", INHIBITIONS, ids=lambda mute: mute.source)
def test_a_worse_alert_mutes_lower_ones_of_the_same_subject(mute):
    """
    Each pair is explicit, of alerts that exist, and both have the labels they have to agree in.
    """
    severity = {rule["alert"]: rule["labels"]["severity"] for rule in alert_rules()}
    worst_first = ["critical", "high", "medium", "low"]
    muted, equal = muted_by(mute.source)

    assert muted == set(mute.targets)
    assert equal == list(mute.equal)
    for target in mute.targets:
        assert worst_first.index(severity[mute.source]) < worst_first.index(severity[target])
        assert set(equal) <= labels_of(mute.source) & labels_of(target)


def test_nothing_else_is_muted():
    """
    One rule for a dead exporter, one for each of the pairs.
    """
    sources = [rule["source_matchers"] for rule in SHIPPED["inhibit_rules"]]

    assert sources == [
        [f'alertname="{name}"'] for name in (alerts.DOWN, *(mute.source for mute in INHIBITIONS))
    ]


def test_alerts_of_different_sites_neither_mute_each_other_nor_share_a_message():
    """
    Where several Prometheus share an Alertmanager, the label they differ by is in every comparison.
    """
    config = alertmanager_config(site_labels=("cluster",))
    groups = [route["group_by"] for route in config["route"]["routes"] if "group_by" in route]

    assert all("cluster" in rule["equal"] for rule in config["inhibit_rules"])
    assert all("cluster" in group for group in (*groups, config["route"]["group_by"]))
    assert muted_by(alerts.DOWN, config)[1] == ["cluster"]
