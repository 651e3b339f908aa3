"""
Turns rules and routes into files, and compares them with those that are committed.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Final

import yaml

from droidscope.rules.alertmanager import EXAMPLE, TEMPLATES, alertmanager_config, example, templates
from droidscope.rules.alerts import Links, alert_groups
from droidscope.rules.prometheus import COMPOSE, NATIVE, prometheus_config
from droidscope.rules.receivers import NO_RECEIVERS, Receivers
from droidscope.rules.recordings import recording_groups

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from droidscope.limits.alert_limits import AlertLimits

Files = dict[str, str]
"""
Rendered text by path, relative to the root of the repository.
"""

_RENDERED_BY: Final = "# Rendered by `droidscope rules render`; do not edit.\n"
_NO_INTEGRATION: Final = """\
# No receiver has an integration, so no account is needed: alerts are shown on Alertmanager's own page.
# Copy receivers.example.yml, change it, and render again with --receivers (docs/notifications.md).
"""


def render_prometheus(links: Links | None = None, limits: AlertLimits | None = None) -> Files:
    """
    Prometheus' rules, and its configuration for one machine and for docker-compose.yml.

    *limits* are those of `overrides.load`, or the defaults.
    """
    return {
        "prometheus/prometheus.yml": _yaml(prometheus_config(NATIVE)),
        "prometheus/compose.yml": _yaml(prometheus_config(COMPOSE)),
        "prometheus/rules/recording.yml": _yaml(recording_groups("1h", "24h")),
        # On its own, since nothing shipped reads it: leaving it out saves its cost.
        "prometheus/rules/recording-week.yml": _yaml(recording_groups("7d")),
        "prometheus/rules/alerts.yml": _yaml(alert_groups(links or Links(), limits)),
    }


def render_alertmanager(receivers: Receivers = NO_RECEIVERS, site_labels: Sequence[str] = ()) -> Files:
    """
    Alertmanager's configuration, its message templates, and an example of a file of receivers.
    """
    text = _yaml(alertmanager_config(receivers, site_labels))
    if receivers is NO_RECEIVERS:
        text = text.replace("\nreceivers:\n", f"\n{_NO_INTEGRATION}receivers:\n")
    return {
        "alertmanager/alertmanager.yml": text,
        f"alertmanager/{EXAMPLE}": example(),
        f"alertmanager/templates/{TEMPLATES}": f"{{{{/* {_RENDERED_BY[2:-1]} */}}}}\n{templates()}",
    }


def write(files: Mapping[str, str], root: Path) -> None:
    """
    Write *files* below *root*, making their folders.
    """
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def drift(files: Mapping[str, str], root: Path) -> str:
    """
    A unified diff from the files below *root* to *files*; empty if they agree.
    """
    return "".join(_diff(root, name, text) for name, text in files.items())


def _diff(root: Path, name: str, text: str) -> str:
    path = root / name
    committed = path.read_text(encoding="utf-8") if path.exists() else ""
    lines = difflib.unified_diff(
        committed.splitlines(keepends=True),
        text.splitlines(keepends=True),
        f"committed/{name}",
        f"rendered/{name}",
    )
    return "".join(lines)


class _Dumper(yaml.SafeDumper):
    """
    Writes several lines as a literal block and shares nothing by anchor.
    """

    def ignore_aliases(self, data: object) -> bool:
        """
        Anchors make a rule file harder to read than the repetition does.
        """
        del data
        return True


def _literal(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _literal)


def _yaml(document: object) -> str:
    return _RENDERED_BY + yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=1000, allow_unicode=True)
