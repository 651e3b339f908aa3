"""
The recommendations of a window: for patterns, assignments, sequences of phases and communication.

Definition: docs/kpis.md#recommendations
"""

from __future__ import annotations

from collections.abc import Sequence

from droidscope.insights.analysis_window import AnalysisWindow
from droidscope.insights.assignment_recommendations import assignment_recommendations
from droidscope.insights.communication_recommendations import (
    message_recommendations,
    responder_recommendations,
    wait_recommendations,
)
from droidscope.insights.insight_types import Bottleneck, Recommendation
from droidscope.insights.pattern_recommendations import pattern_recommendations
from droidscope.insights.sequence_recommendations import sequence_recommendations


def recommendations(window: AnalysisWindow, bottlenecks: Sequence[Bottleneck]) -> list[Recommendation]:
    """
    All recommendations for a window, the highest impact first.

    Args:
        window: The window.
        bottlenecks: Those of the window; some recommendations rest on them.

    Definition: docs/kpis.md#recommendations
    """
    advised = (
        *pattern_recommendations(window),
        *assignment_recommendations(window),
        *sequence_recommendations(window),
        *message_recommendations(window),
        *wait_recommendations(bottlenecks),
        *responder_recommendations(window, bottlenecks),
    )
    return sorted(
        advised,
        key=lambda recommendation: (
            -recommendation.impact_score,
            recommendation.rule,
            recommendation.subject,
        ),
    )
