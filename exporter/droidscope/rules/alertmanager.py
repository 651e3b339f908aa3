"""
Alertmanager's configuration: routes by severity, what mutes what, and who is told.

Kept to what Alertmanager 0.25 and 0.33 both read; only a receiver with `url_file` needs 0.26.
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
from droidscope.rules.receivers import Email, PagerDuty, Receivers, Slack, Webhook, nobody


class Pace(NamedTuple):
    """
    How long a severity waits for company at first and later, after how long it repeats itself, what
    makes one message of several alerts, and whether it waits for working hours.
    """

    group_wait: str
    group_interval: str
    repeat_interval: str
    group_by: tuple[str, ...]
    patient: bool


_PROBLEM: Final = ("alertname", ORCHESTRATOR)
"""
One message for each problem of each orchestrator.
"""
_DIGEST: Final = (ORCHESTRATOR,)
"""
One message for each orchestrator: nobody wants ten mails about what can wait.
"""

PACE: Final = {
    Severity.CRITICAL: Pace("10s", "1m", "1h", _PROBLEM, patient=False),
    Severity.HIGH: Pace("30s", "5m", "4h", _PROBLEM, patient=False),
    Severity.MEDIUM: Pace("1m", "15m", "12h", _DIGEST, patient=True),
    Severity.LOW: Pace("5m", "1h", "24h", _DIGEST, patient=True),
}


class Mute(NamedTuple):
    """
    While the alert *source* fires, lower ones that follow from it are not told where both agree in
    *equal*: labels that both have, since Alertmanager takes one that both lack as equal, too.
    """

    source: str
    targets: tuple[str, ...]
    equal: tuple[str, ...]


_DROID: Final = (ORCHESTRATOR, "droid")

MUTES: Final = (
    Mute(
        thresholds.HIGH_ERROR_RATE.name,
        (thresholds.LOW_CODE_QUALITY.name, thresholds.RESPONSE_TIME_HIGH.name),
        _DROID,
    ),
    Mute(thresholds.SECURITY_ISSUES.name, (thresholds.LOW_CODE_QUALITY.name,), _DROID),
    Mute(
        fleet_thresholds.TELEMETRY_STOPPED.name,
        (fleet_thresholds.SESSIONS_SILENT.name, fleet_thresholds.SESSIONS_STALLED.name),
        (ORCHESTRATOR,),
    ),
    Mute(
        fleet_thresholds.MODEL_REQUESTS_FAILING.name,
        (fleet_thresholds.MODEL_REQUESTS_SLOW.name,),
        (ORCHESTRATOR, "model"),
    ),
)
"""
Pairs by name: a rule on severity alone would let one droid's alert mute every pattern.
"""

WORKING_HOURS: Final = "working-hours"
TEMPLATES: Final = "droidscope.tmpl"

_OTHER: Final = "inbox"
_WATCHDOG: Final = "watchdog"
_PAGERDUTY_SEVERITY: Final = {
    str(Severity.CRITICAL): "critical",
    str(Severity.HIGH): "error",
    str(Severity.MEDIUM): "warning",
    str(Severity.LOW): "info",
}
_PREFIXES: Final = "|".join(sorted({spec.name.partition("_")[0] for spec in CATALOGUE}))
_READS_EXPORTER: Final = re.compile(rf'\b(?:{_PREFIXES})_|job="{alerts.JOB}"')


def alertmanager_config(receivers: Receivers | None = None) -> dict[str, object]:
    """
    The whole configuration; without *receivers* nobody is told and no account is needed.
    """
    told = receivers or nobody()
    by_name = {_OTHER: told.notify.other, **{str(one): getattr(told.notify, one) for one in PACE}}
    return {
        "templates": [f"templates/{TEMPLATES}"],
        "route": {
            "receiver": _OTHER,
            "group_by": [*_PROBLEM, *told.site_labels],
            "group_wait": "30s",
            "group_interval": "5m",
            "repeat_interval": "12h",
            "routes": [
                _watchdog_route(),
                *(_severity_route(severity, pace, told.site_labels) for severity, pace in PACE.items()),
            ],
        },
        "time_intervals": [_working_hours(told)],
        "inhibit_rules": [
            *(
                _inhibit_rule(mute, told.site_labels)
                for mute in (Mute(alerts.DOWN, reported_by_exporter(), ()), *MUTES)
            ),
        ],
        "receivers": [
            *(_receiver(name, names, told) for name, names in by_name.items()),
            _receiver(_WATCHDOG, told.notify.watchdog, told),
        ],
    }


def templates() -> str:
    """
    The templates of the messages, which Alertmanager reads beside its configuration.
    """
    return (files("droidscope.rules") / "templates" / TEMPLATES).read_text(encoding="utf-8")


def reported_by_exporter() -> tuple[str, ...]:
    """
    Names of the alerts that nobody watches while no exporter is up: their expressions read its series.
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
        "receiver": _WATCHDOG,
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
    return {**route, "active_time_intervals": [WORKING_HOURS]} if pace.patient else route


def _working_hours(told: Receivers) -> dict[str, object]:
    hours = told.working_hours
    return {
        "name": WORKING_HOURS,
        "time_intervals": [
            {
                "weekdays": list(hours.weekdays),
                "times": [{"start_time": hours.start, "end_time": hours.end}],
                "location": told.time_zone,
            }
        ],
    }


def _inhibit_rule(mute: Mute, site_labels: Sequence[str]) -> dict[str, object]:
    rule: dict[str, object] = {
        "source_matchers": [f'alertname="{mute.source}"'],
        "target_matchers": [f'alertname=~"{"|".join(mute.targets)}"'],
    }
    equal = [*mute.equal, *site_labels]
    return {**rule, "equal": equal} if equal else rule


def _receiver(name: str, chosen: Sequence[str], told: Receivers) -> dict[str, object]:
    """
    Alertmanager's receiver *name*, with the integrations of all that were *chosen* for it.
    """
    integrations: dict[str, list[dict[str, object]]] = {}
    for one in (told.receivers[choice] for choice in chosen):
        # The end of a heartbeat is the alarm; to tell that it "resolved" would count as a beat.
        integrations.setdefault(f"{one.kind}_configs", []).append(
            {**_integration(one, name), "send_resolved": name != _WATCHDOG}
        )
    return {"name": name, **integrations}


def _integration(receiver: Slack | Email | PagerDuty | Webhook, name: str) -> dict[str, object]:
    match receiver:
        case Slack():
            return _slack(receiver)
        case Email():
            return _email(receiver)
        case PagerDuty():
            return _pagerduty(receiver, name)
        case Webhook():
            return _webhook(receiver)


def _slack(slack: Slack) -> dict[str, object]:
    return {
        "api_url_file": slack.api_url_file,
        "channel": slack.channel,
        "color": _template("slack.color"),
        "title": _template("slack.title"),
        "title_link": _template("link"),
        "text": _template("slack.text"),
        "fallback": _template("slack.title"),
        "mrkdwn_in": ["text"],
    }


def _email(email: Email) -> dict[str, object]:
    login = {"auth_username": email.auth_username, "auth_password_file": email.auth_password_file}
    return {
        "to": email.to,
        "from": email.sender,
        "smarthost": email.smarthost,
        **(login if email.auth_username else {}),
        "require_tls": email.require_tls,
        "headers": {"Subject": _template("title")},
        "text": _template("text"),
        "html": _template("email.html"),
    }


def _pagerduty(pagerduty: PagerDuty, name: str) -> dict[str, object]:
    return {
        "routing_key_file": pagerduty.routing_key_file,
        **({"url": pagerduty.url} if pagerduty.url else {}),
        "description": _template("title"),
        "severity": _PAGERDUTY_SEVERITY.get(name, "warning"),
        "class": "{{ .CommonLabels.category }}",
        "group": "{{ .CommonLabels.orchestrator }}",
        "links": [
            {"href": _template("runbook.link"), "text": "Runbook"},
            {"href": _template("link"), "text": "Board"},
        ],
        "details": {
            "action": _template("action"),
            "alerts": _template("text"),
            "runbook": _template("runbook"),
            "board": _template("board"),
        },
    }


def _webhook(webhook: Webhook) -> dict[str, object]:
    where = {"url": webhook.url} if webhook.url else {"url_file": webhook.url_file}
    token = webhook.credentials_file
    return {**where, **({"http_config": {"authorization": {"credentials_file": token}}} if token else {})}


def _template(name: str) -> str:
    return f'{{{{ template "droidscope.{name}" . }}}}'
