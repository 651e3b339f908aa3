"""
What all tests share: which servers they need, that the fast ones run first, and patience.
"""

from __future__ import annotations

import os
import shutil

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says nothing where other work runs beside the tests, and the first one that draws
# text, whichever it is, waits for Hypothesis to read the tables of Unicode.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

ALTERNATIVES = {"alertmanager": ("alertmanager", "prometheus-alertmanager")}
"""
Names a program goes by; Debian calls Alertmanager prometheus-alertmanager.
"""


def program(name: str) -> str | None:
    """
    Path of a server program on the PATH, None if it is not installed.
    """
    return next((path for known in ALTERNATIVES.get(name, (name,)) if (path := shutil.which(known))), None)


def missing_programs(item: pytest.Item) -> list[str]:
    return [name for mark in item.iter_markers("server") for name in mark.args if program(name) is None]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not os.environ.get("LONG"):  # as `make test-long` has it
        long = [item for item in items if item.get_closest_marker("long")]
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if not item.get_closest_marker("long")]
    items.sort(key=lambda item: item.get_closest_marker("slow") is not None)
    for item in items:
        missing = missing_programs(item)
        if missing and not os.environ.get("CI"):
            item.add_marker(pytest.mark.skip(reason=f"not installed: {', '.join(missing)}"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = [
        report
        for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple) and "not installed" in report.longrepr[2]
    ]
    if skipped:
        terminalreporter.write_line(
            f"WARNING: {len(skipped)} tests did NOT run, since their servers are not installed; "
            "`make test` installs them where it can",
            red=True,
            bold=True,
        )
