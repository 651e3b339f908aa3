"""
Alertmanager's configuration: routes by severity, inhibition by explicit pairs, receivers to fill in.
"""

from __future__ import annotations

from typing import Final

from droidscope.conventions import thresholds
from droidscope.conventions.attributes import Severity
from droidscope.mixin import alerts

PACE: Final = {
    Severity.CRITICAL: ("10s", "1h"),
    Severity.HIGH: ("30s", "4h"),
    Severity.MEDIUM: ("1m", "12h"),
    Severity.LOW: ("5m", "24h"),
}
"""
How long each severity waits for company, and after how long it repeats itself.
"""

MUTES: Final = (
    (thresholds.HIGH_ERROR_RATE, (thresholds.LOW_CODE_QUALITY, thresholds.RESPONSE_TIME_HIGH)),
    (thresholds.SECURITY_ISSUES, (thresholds.LOW_CODE_QUALITY,)),
)
"""
Critical alerts of a droid and the lower ones they mute for the same droid.

Pairs by name, because `equal` also matches labels that both sides lack: a rule on severity alone
would let one droid's alert mute every pattern.
"""

_FALLBACK: Final = "inbox"

EXAMPLES: Final = """\
# Receivers have no integration, so nothing needs an account: alerts show in Alertmanager's own page.
# Give a webhook at rendering (`--webhook URL`), or take from the examples; secrets stay in files.
#
#   - name: critical
#     pagerduty_configs:
#       - routing_key_file: /etc/alertmanager/secrets/pagerduty
#   - name: high
#     slack_configs:
#       - api_url_file: /etc/alertmanager/secrets/slack
#         channel: "#agents"
#         title: "{{ .CommonAnnotations.summary }}"
#         text: "{{ range .Alerts }}{{ .Annotations.description }}\\n{{ end }}"
#   - name: medium
#     email_configs:
#       - to: agents@example.com
#         from: alertmanager@example.com
#         smarthost: smtp.example.com:587
#         auth_username: alertmanager
#         auth_password_file: /etc/alertmanager/secrets/smtp
"""


def alertmanager_config(webhook_url: str | None = None) -> dict[str, object]:
    """
    The whole configuration; with *webhook_url* every receiver but the watchdog's posts there.
    """
    return {
        "route": {
            "receiver": _FALLBACK,
            "group_by": ["alertname", "orchestrator"],
            "group_wait": "30s",
            "group_interval": "5m",
            "repeat_interval": "12h",
            "routes": [_watchdog_route(), *map(_severity_route, PACE)],
        },
        "inhibit_rules": [_down_mutes_all(), *(_mute(source.name, targets) for source, targets in MUTES)],
        "receivers": [
            *(_receiver(name, webhook_url) for name in (_FALLBACK, *map(str, PACE))),
            {"name": "watchdog"},
        ],
    }


def _watchdog_route() -> dict[str, object]:
    return {
        "matchers": [f'alertname="{alerts.WATCHDOG}"'],
        "receiver": "watchdog",
        "group_wait": "0s",
        "repeat_interval": "5m",
    }


def _severity_route(severity: Severity) -> dict[str, object]:
    wait, repeat = PACE[severity]
    return {
        "matchers": [f'severity="{severity}"'],
        "receiver": str(severity),
        "group_wait": wait,
        "repeat_interval": repeat,
    }


def _down_mutes_all() -> dict[str, object]:
    names = "|".join((*(limit.name for limit in thresholds.ALERTS), alerts.INSTANCE_DOWN))
    return {
        "source_matchers": [f'alertname="{alerts.DOWN}"'],
        "target_matchers": [f'alertname=~"{names}"'],
    }


def _mute(source: str, targets: tuple[thresholds.Threshold, ...]) -> dict[str, object]:
    return {
        "source_matchers": [f'alertname="{source}"'],
        "target_matchers": [f'alertname=~"{"|".join(target.name for target in targets)}"'],
        "equal": ["orchestrator", "droid"],
    }


def _receiver(name: str, webhook_url: str | None) -> dict[str, object]:
    if webhook_url is None:
        return {"name": name}
    return {"name": name, "webhook_configs": [{"url": webhook_url, "send_resolved": True}]}
