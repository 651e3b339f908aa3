"""
The user's file of receivers for `droidscope rules render --receivers FILE` (docs/notifications.md).

It is a part of Alertmanager's own configuration, so what stands in a receiver is checked by `amtool`; only
what the routes need is checked here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from droidscope.conventions.attributes import Severity
from droidscope.errors import ConfigError
from droidscope.yaml_file import read_mapping

OTHER: Final = "inbox"
"""
Receiver of alerts without one of droidscope's severities.
"""
WATCHDOG: Final = "watchdog"
NAMES: Final = (OTHER, *map(str, Severity), WATCHDOG)
"""
The receivers that the routes name.
"""
WORKING_HOURS: Final = "working-hours"
_KEYS: Final = ("global", "receivers", "time_intervals")


class Receivers(NamedTuple):
    """
    Sections of Alertmanager's configuration: *settings* is `global`.
    """

    receivers: Sequence[Mapping[str, Any]]
    time_intervals: Sequence[Mapping[str, Any]]
    settings: Mapping[str, Any]


DEFAULT_HOURS: Final = {
    "name": WORKING_HOURS,
    "time_intervals": [
        {
            "weekdays": ["monday:friday"],
            "times": [{"start_time": "09:00", "end_time": "17:00"}],
            "location": "UTC",
        }
    ],
}
NO_RECEIVERS: Final = Receivers([{"name": name} for name in NAMES], [DEFAULT_HOURS], {})
"""
Receivers without integrations, so that no account is needed: alerts are shown on Alertmanager's own page.
"""


def load(path: Path) -> Receivers:
    """
    The receivers of a file; the working hours are the default ones if it has none.

    Raises:
        ConfigError: One line for each key that is unknown or malformed, and each receiver that is missing.
    """
    content = read_mapping(path, "a mapping with receivers")
    faults = [
        f"{key} ({path}) is unknown; expected one of {', '.join(_KEYS)}" for key in content.keys() - _KEYS
    ]
    receivers, intervals = (_named(content, key, path, faults) for key in ("receivers", "time_intervals"))
    settings = content.get("global") or {}
    if not isinstance(settings, dict):
        faults.append(f"global ({path}) is {settings!r:.80}; expected a mapping")
        settings = {}
    names = [receiver["name"] for receiver in receivers]
    faults += [
        f"receivers ({path}) has no {name}; expected one of that name, "
        "without integrations if nobody is to be notified"
        for name in NAMES
        if name not in names
    ]
    if faults:
        raise ConfigError("\n".join(faults))
    if all(interval["name"] != WORKING_HOURS for interval in intervals):
        intervals = [DEFAULT_HOURS, *intervals]
    return Receivers(receivers, intervals, settings)


def _named(content: Mapping[str, object], key: str, path: Path, faults: list[str]) -> list[dict[str, Any]]:
    """
    A list of mappings with a name each; what is none is added to *faults*.
    """
    items = content.get(key) or []
    if not isinstance(items, list):
        faults.append(f"{key} ({path}) is {items!r:.80}; expected a list")
        return []
    named = [item for item in items if isinstance(item, dict) and isinstance(item.get("name"), str)]
    if len(named) < len(items):
        faults.append(f"{key} ({path}) has an item without a name; expected one in each")
    return named
