"""
Alertmanager's configuration: routes by severity, and inhibition; the receivers are the user's.

Kept to what Alertmanager 0.25 and 0.33 both read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.resources import files
from typing import Any, Final, NamedTuple

from droidscope.conventions import fleet_thresholds, thresholds
from droidscope.conventions.attributes import Severity
from droidscope.conventions.metrics import CATALOGUE, ORCHESTRATOR
from droidscope.rules import alerts
from droidscope.rules.receivers import NO_RECEIVERS, OTHER, WATCHDOG, WORKING_HOURS, Receivers


class Pace(NamedTuple):
    """
    How long the first message of a severity waits for more alerts, how long later ones do, after how long
    one is repeated, by which labels alerts share one, and whether it is sent in working hours only.
    """

    group_wait: str
    group_interval: str
    repeat_interval: str
    group_by: tuple[str, ...]
    is_for_working_hours: bool


_BY_PROBLEM: Final = ("alertname", ORCHESTRATOR)
"""
One message for each problem of each orchestrator.
"""
_BY_ORCHESTRATOR: Final = (ORCHESTRATOR,)
"""
One message for each orchestrator: ten mails about what can wait are too many.
"""

PACE: Final = {
    Severity.CRITICAL: Pace("10s", "1m", "1h", _BY_PROBLEM, is_for_working_hours=False),
    Severity.HIGH: Pace("30s", "5m", "4h", _BY_PROBLEM, is_for_working_hours=False),
    Severity.MEDIUM: Pace("1m", "15m", "12h", _BY_ORCHESTRATOR, is_for_working_hours=True),
    Severity.LOW: Pace("5m", "1h", "24h", _BY_ORCHESTRATOR, is_for_working_hours=True),
}


class Inhibition(NamedTuple):
    """
    While the alert *source* fires, its consequences are muted where both agree in *equal*: labels that both
    have, since Alertmanager takes one that both lack as equal, too.
    """

    source: str
    targets: tuple[str, ...]
    equal: tuple[str, ...]


_DROID: Final = (ORCHESTRATOR, "droid")

INHIBITIONS: Final = (
    Inhibition(
        thresholds.HIGH_ERROR_RATE.name,
        (thresholds.LOW_CODE_QUALITY.name, thresholds.RESPONSE_TIME_HIGH.name),
        _DROID,
    ),
    Inhibition(thresholds.SECURITY_ISSUES.name, (thresholds.LOW_CODE_QUALITY.name,), _DROID),
    Inhibition(
        fleet_thresholds.TELEMETRY_STOPPED.name,
        (fleet_thresholds.SESSIONS_SILENT.name, fleet_thresholds.SESSIONS_STALLED.name),
        (ORCHESTRATOR,),
    ),
    Inhibition(
        fleet_thresholds.MODEL_REQUESTS_FAILING.name,
        (fleet_thresholds.MODEL_REQUESTS_SLOW.name,),
        (ORCHESTRATOR, "model"),
    ),
)
"""
Pairs by name: a rule on severity alone would let one droid's alert mute every pattern.
"""

TEMPLATES: Final = "droidscope.tmpl"
EXAMPLE: Final = "receivers.example.yml"

_PREFIXES: Final = "|".join(sorted({spec.name.partition("_")[0] for spec in CATALOGUE}))
_READS_EXPORTER: Final = re.compile(rf'\b(?:{_PREFIXES})_|job="{alerts.JOB}"')


def alertmanager_config(
    receivers: Receivers = NO_RECEIVERS, site_labels: Sequence[str] = ()
) -> dict[str, object]:
    """
    The whole configuration.

    Args:
        receivers: By default nobody is notified, and no account is needed.
        site_labels: External labels in which several Prometheus differ that share an Alertmanager: alerts
            share a message, and mute each other, only where these agree.
    """
    return {
        **({"global": receivers.settings} if receivers.settings else {}),
        "templates": [f"templates/{TEMPLATES}"],
        "route": {
            "receiver": OTHER,
            "group_by": [*_BY_PROBLEM, *site_labels],
            "group_wait": "30s",
            "group_interval": "5m",
            "repeat_interval": "12h",
            "routes": [
                _watchdog_route(),
                *(_severity_route(severity, pace, site_labels) for severity, pace in PACE.items()),
            ],
        },
        "time_intervals": list(receivers.time_intervals),
        "inhibit_rules": [
            _inhibit_rule(inhibition, site_labels)
            for inhibition in (Inhibition(alerts.DOWN, reported_by_exporter(), ()), *INHIBITIONS)
        ],
        "receivers": list(receivers.receivers),
    }


def templates() -> str:
    """
    The templates of the messages, which Alertmanager reads beside its configuration.
    """
    return _packaged(TEMPLATES)


def example() -> str:
    """
    An example of the file of receivers, to copy.
    """
    return _packaged(EXAMPLE)


def _packaged(name: str) -> str:
    return (files("droidscope.rules") / "templates" / name).read_text(encoding="utf-8")


def reported_by_exporter() -> tuple[str, ...]:
    """
    Names of the alerts that cannot be evaluated while no exporter is up: their expressions read its series.
    """
    document: dict[str, Any] = alerts.alert_groups(alerts.Links())
    rules = [rule for group in document["groups"] for rule in group["rules"]]
    names = (rule["alert"] for rule in rules if _READS_EXPORTER.search(rule["expr"]))
    return tuple(dict.fromkeys(name for name in names if name != alerts.DOWN))


def _watchdog_route() -> dict[str, object]:
    # A repetition goes out with the first look at the group after the interval has passed, so looks must be
    # frequent: at intervals of 5m every second heartbeat would come after 10m.
    return {
        "matchers": [f'alertname="{alerts.WATCHDOG}"'],
        "receiver": WATCHDOG,
        "group_wait": "0s",
        "group_interval": "1m",
        "repeat_interval": "5m",
    }


def _severity_route(severity: Severity, pace: Pace, site_labels: Sequence[str]) -> dict[str, object]:
    route: dict[str, object] = {
        "matchers": [f'severity="{severity}"'],
        "receiver": str(severity),
        "group_by": [*pace.group_by, *site_labels],
        "group_wait": pace.group_wait,
        "group_interval": pace.group_interval,
        "repeat_interval": pace.repeat_interval,
    }
    return {**route, "active_time_intervals": [WORKING_HOURS]} if pace.is_for_working_hours else route


def _inhibit_rule(inhibition: Inhibition, site_labels: Sequence[str]) -> dict[str, object]:
    rule: dict[str, object] = {
        "source_matchers": [f'alertname="{inhibition.source}"'],
        "target_matchers": [f'alertname=~"{"|".join(inhibition.targets)}"'],
    }
    equal = [*inhibition.equal, *site_labels]
    return {**rule, "equal": equal} if equal else rule
