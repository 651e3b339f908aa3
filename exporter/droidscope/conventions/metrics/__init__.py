"""
The metric catalogue: every series we expose, its kind, its labels and its help, written once.

Every domain series also has the labels of its orchestrator (`orchestrator`, then the configured
resource labels), which come first and are not repeated in `labels`.

A family is declared in the module of its kind; all are read from here: `metrics.TASKS`.
"""

# ruff: noqa: F403, F405 - this module gathers the names of the others, each of which has one purpose

from __future__ import annotations

from typing import Final

# isort: off
# The order of these lines is the order of the metrics page.
from droidscope.conventions.metrics.spec import *
from droidscope.conventions.metrics.cumulative import *
from droidscope.conventions.metrics.live_gauges import *
from droidscope.conventions.metrics.kpi_gauges import *
from droidscope.conventions.metrics.insight_gauges import *
from droidscope.conventions.metrics.exporter_metrics import *
# isort: on

CATALOGUE: Final = tuple(FAMILIES.values())
"""
Every family, in the order of the modules above.
"""
FINDINGS: Final = (
    DROID_QUALITY_TREND,
    DROID_QUALITY_VOLATILITY,
    DROID_QUALITY_DIRECTION,
    ASSIGNMENT_EFFECTIVENESS,
    ASSIGNMENT_EXPECTED,
    BOTTLENECK_IMPACT,
    RECOMMENDATION_IMPACT,
)
"""
Gauges with a window that come from `insights`; of these the assignments alone have samples siblings.
"""
KPIS: Final = tuple(
    spec for spec in CATALOGUE if spec.labels and spec.labels[-1] == WINDOW and spec not in FINDINGS
)
"""
The KPI gauges; a `_ratio` or `_score` among them that is no weight has a samples sibling.
"""
