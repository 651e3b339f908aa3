"""
Renders the tables of docs/alerts.md from the thresholds, so that no alert is missing there.

Run by `make render`, and with `--check` by `make lint`: the exit code is 1 where the page differs.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from droidscope.conventions.fleet_thresholds import FLEET_ALERTS
from droidscope.conventions.thresholds import ALERTS, NO_HOLD
from droidscope.limits.alert_limits import AnyThreshold
from droidscope.limits.sentences import sentence
from droidscope.rules.alerts import WATCHDOG
from rendered_part import write_or_check

PAGE: Final = Path(__file__).parents[1] / "docs/alerts.md"
BEGIN: Final = "<!-- rendered from the thresholds by `make render`, from here -->\n"
"""
The page is written by hand before this line, and after `END`.
"""
TITLES: Final = {
    "performance": "Performance (from the specification)",
    "quality": "Quality (from the specification)",
    "communication": "Communication (from the specification)",
    "sessions": "Sessions",
    "telemetry": "Telemetry",
    "models": "Model providers",
    "cost": "Cost",
    "health": "Monitoring the monitoring",
}


def tables() -> str:
    """
    A table for each category; the watchdog, which has no threshold, is in the last one.

    Raises:
        KeyError: If a category has no heading.
    """
    for threshold in (*ALERTS, *FLEET_ALERTS):
        if threshold.category not in TITLES:
            msg = f"category {threshold.category} of {threshold.name} has no heading; add one to TITLES here"
            raise KeyError(msg)
    text = "".join(_table(title, category) for category, title in TITLES.items())
    return (
        text
        + _row(WATCHDOG, "always fires; a problem exists when it stops", "none", "at once", "none")
        + "\n"
    )


def _table(title: str, category: str) -> str:
    head = f"\n### {title}\n\n| alert | when | severity | for | action |\n| --- | --- | --- | --- | --- |\n"
    return head + "".join(_row(*_cells(one)) for one in (*ALERTS, *FLEET_ALERTS) if one.category == category)


def _cells(threshold: AnyThreshold) -> tuple[str, str, str, str, str]:
    hold = "at once" if threshold.hold == NO_HOLD else threshold.hold
    condition = sentence(threshold.when, threshold, value="", subject="")
    return threshold.name, condition, str(threshold.severity), hold, threshold.action


def _row(name: str, when: str, severity: str, hold: str, action: str) -> str:
    return f"| [{name}](runbooks/{name}.md) | {when} | {severity} | {hold} | `{action}` |\n"


def main(arguments: Sequence[str]) -> int:
    """
    Write the page, or print how the committed one differs.

    Returns:
        1 if it differs and was only to be checked.
    """
    return write_or_check(PAGE, BEGIN, tables(), arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
