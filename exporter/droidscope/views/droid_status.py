"""
The current status and load of each known droid.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from droidscope.conventions import metrics as m
from droidscope.conventions.insight_kinds import STATUSES, DroidStatus
from droidscope.conventions.thresholds import HIGH_ERROR_RATE
from droidscope.exposition.text import GaugeSample
from droidscope.head.live import attempts_active
from droidscope.insights.droid_health import STATUS_WINDOW, droid_status
from droidscope.kpi.totals import by_subject
from droidscope.model.labels import OrchestratorLabels
from droidscope.pipeline.pipeline import Pipeline
from droidscope.views.view_settings import ViewSettings


class DroidSnapshot(NamedTuple):
    """
    A droid's status over 24 hours, and its attempts in flight.
    """

    status: DroidStatus
    attempts_active: int


def read_droids(
    pipeline: Pipeline, settings: ViewSettings, now_ns: int
) -> dict[tuple[OrchestratorLabels, str], DroidSnapshot]:
    """
    Every known droid, by orchestrator and name.

    Args:
        pipeline: Whose head is read.
        settings: Limits of droids and of alerts.
        now_ns: Unix time.
    """
    with pipeline.lock:
        attempts = attempts_active(pipeline.head, pipeline.uptime_ns())
        totals = pipeline.head.windows.snapshot(now_ns, [STATUS_WINDOW])
    active = {(labels[:-1], labels[-1]): n for labels, n in attempts.items()}
    recent = {
        (orchestrator, droid): droid_totals
        for orchestrator, by_window in totals.items()
        for droid, droid_totals in by_subject(by_window[STATUS_WINDOW]).droids.items()
    }
    return {
        (orchestrator, droid): DroidSnapshot(
            status=droid_status(
                recent.get((orchestrator, droid)),
                active.get((orchestrator, droid), 0),
                settings.droid_limits.get(droid),
                settings.alert_limits.of_orchestrator(HIGH_ERROR_RATE, orchestrator[0]).limit,
            ),
            attempts_active=active.get((orchestrator, droid), 0),
        )
        for orchestrator, droid in sorted({*active, *recent})
    }


def droid_gauges(
    droids: Mapping[tuple[OrchestratorLabels, str], DroidSnapshot], limits: Mapping[str, int]
) -> Iterator[GaugeSample]:
    """
    The gauges of status and limit.
    """
    for (orchestrator, droid), snapshot in droids.items():
        for status in STATUSES:
            yield m.DROID_STATUS, (*orchestrator, droid, status), int(snapshot.status == status)
        if droid in limits:
            yield m.DROID_CONCURRENCY_LIMIT, (*orchestrator, droid), limits[droid]
