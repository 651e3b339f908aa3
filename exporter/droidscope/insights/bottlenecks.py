"""
The bottleneck detector: slow phases, slow droids, slow communication and weak integration of a window.

Definition: docs/kpis.md#bottlenecks
"""

from __future__ import annotations

from droidscope.insights.analysis_window import AnalysisWindow
from droidscope.insights.insight_types import Bottleneck
from droidscope.insights.slow_communication import slow_responders, waiting_phases
from droidscope.insights.slow_droids import slow_droids
from droidscope.insights.slow_phases import slow_phases
from droidscope.insights.weak_integration import weak_integration


def bottlenecks(window: AnalysisWindow) -> list[Bottleneck]:
    """
    All bottlenecks of a window, the highest impact first.

    Definition: docs/kpis.md#bottlenecks
    """
    detected = (
        *slow_phases(window),
        *slow_droids(window),
        *waiting_phases(window),
        *slow_responders(window),
        *weak_integration(window),
    )
    return sorted(
        detected, key=lambda bottleneck: (-bottleneck.impact_score, bottleneck.kind, bottleneck.subject)
    )
