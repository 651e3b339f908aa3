"""
Limits of what a fleet needs watched beside the seven alerts of the specification, written once.

Prometheus alone judges these: they compare weeks, exporters, or Prometheus and Alertmanager
themselves. How to change them without editing anything rendered: docs/alerts.md#thresholds.

A limit is declared in the module of its category; all are read from here.
"""

# ruff: noqa: F403 - this module gathers the names of the others, each of which has one purpose

from __future__ import annotations

from typing import Final

# isort: off
# The order of these lines is the order of the rules and of docs/alerts.md.
from droidscope.conventions.fleet_thresholds.session_thresholds import *
from droidscope.conventions.fleet_thresholds.telemetry_thresholds import *
from droidscope.conventions.fleet_thresholds.cost_thresholds import *
from droidscope.conventions.fleet_thresholds.health_thresholds import *
# isort: on

from droidscope.conventions.thresholds import FleetAlertCategory, Threshold

FLEET_ALERTS: Final[tuple[Threshold[FleetAlertCategory], ...]] = tuple(
    value for value in tuple(globals().values()) if isinstance(value, Threshold)
)
"""
All of them, in the order above.
"""
