"""
A series for each metric of the catalogue and each value its closed labels may have.
"""

from __future__ import annotations

import math
from itertools import product

from droidscope.conventions import metrics

UNWEIGHTED = (metrics.EFFICIENCY_WEIGHT, metrics.DROID_EFFICIENCY_WEIGHT)
"""
KPI gauges named like a ratio that have no samples sibling.
"""
VALUES = {
    "orchestrator": ["atlas"],
    "pattern": ["full-stack"],
    "droid": ["coder"],
    "window": sorted({*metrics.WINDOWS, *metrics.TREND_WINDOWS}),
    "status": ["healthy", "degraded", "overloaded", "offline"],
    "finding_severity": ["critical", "high", "medium", "low"],
    "state": ["running", "blocked"],
    "direction": ["input", "output"],
}
OUTCOMES = {
    metrics.SESSIONS: ["completed", "failed", "lost", "cancelled", "unknown"],
    metrics.SESSIONS_RECOVERED: ["completed", "failed", "cancelled"],
    metrics.SESSIONS_REOPENED: ["completed", "failed", "lost", "cancelled", "unknown"],
    metrics.PHASES: ["completed", "failed", "skipped", "cancelled"],
    metrics.TASKS: ["completed", "failed", "cancelled"],
    metrics.ASSIGNMENTS: ["completed", "failed", "cancelled"],
    metrics.ATTEMPTS: ["succeeded", "failed", "cancelled"],
    metrics.MESSAGES: ["accepted", "answered", "late", "unanswered", "rejected", "cancelled"],
    metrics.QUERIES: ["answered", "late", "unanswered", "rejected", "cancelled"],
    metrics.SYNTHESES: ["integrated", "conflict", "gate_failed"],
    metrics.GATE_RESULTS: ["passed", "failed"],
    metrics.TOOL_CALLS: ["succeeded", "failed", "cancelled"],
    metrics.MODEL_REQUESTS: ["succeeded", "failed", "cancelled"],
    metrics.SESSION_DURATION: ["completed", "failed"],
    metrics.RECEIVED: ["stored", "duplicate", "ignored", "rejected"],
}
"""
Outcomes as docs/metrics.md lists them, restated: a query for any other finds nothing.
"""


def values_of(metric, label):
    """
    Values of a label that is no outcome; a session has one state at a time.
    """
    return (
        ["waiting"]
        if metric is metrics.ACTIVE_SESSION_STATE and label == "state"
        else VALUES.get(label, [f"some-{label}"])
    )


def samples(metric):
    """
    Names, labels and slope or value of the series of one family.
    """
    labels = (
        metric.labels if not metric.name.startswith("orchestrator_") else ("orchestrator", *metric.labels)
    )
    values = [OUTCOMES[metric] if name == "outcome" else values_of(metric, name) for name in labels]
    for chosen in product(*values):
        pairs = dict(zip(labels, chosen, strict=True))
        if metric.kind == "counter":
            yield metric.name, pairs, 2
        elif metric.kind == "gauge":
            yield metric.name, pairs, None
        else:
            yield f"{metric.name}_sum", pairs, 120
            yield f"{metric.name}_count", pairs, 2
            for bound in (*metric.bounds, math.inf) if metric.bounds else ():
                yield (
                    f"{metric.name}_bucket",
                    pairs | {"le": str(bound).replace("inf", "+Inf")},
                    2 * (bound >= 60),
                )
