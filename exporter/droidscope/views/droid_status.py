"""
How each droid that is known stands now.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from droidscope.conventions import metrics as m
from droidscope.conventions.insight_kinds import STATUSES, DroidStatus
from droidscope.exposition.text import GaugeSample
from droidscope.head.live import attempts_active
from droidscope.insights.droid_health import STATUS_WINDOW, droid_status
from droidscope.kpi.totals import by_subject
from droidscope.model.labels import OrchestratorLabels
from droidscope.pipeline import Pipeline


class DroidNow(NamedTuple):
    """
    A droid's status over 24 hours, and its attempts in flight.
    """

    status: DroidStatus
    attempts_active: int


def droids_now(
    pipeline: Pipeline, limits: Mapping[str, int], now_ns: int
) -> dict[tuple[OrchestratorLabels, str], DroidNow]:
    """
    Every droid that is known, by orchestrator and name.

    Args:
        pipeline: Whose head to look at.
        limits: Attempts a droid may have in flight, by its name.
        now_ns: Unix time.
    """
    with pipeline.lock:
        attempts = attempts_active(pipeline.head, pipeline.uptime_ns())
        totals = pipeline.head.windows.snapshot(now_ns, [STATUS_WINDOW])
    active = {(labels[:-1], labels[-1]): n for labels, n in attempts.items()}
    today = {
        (who, droid): facts
        for who, by_window in totals.items()
        for droid, facts in by_subject(by_window[STATUS_WINDOW]).droids.items()
    }
    return {
        (who, droid): DroidNow(
            droid_status(today.get((who, droid)), active.get((who, droid), 0), limits.get(droid)),
            active.get((who, droid), 0),
        )
        for who, droid in sorted({*active, *today})
    }


def droid_gauges(
    now: Mapping[tuple[OrchestratorLabels, str], DroidNow], limits: Mapping[str, int]
) -> Iterator[GaugeSample]:
    """
    The gauges of status and limit.
    """
    for (who, droid), each in now.items():
        for status in STATUSES:
            yield m.DROID_STATUS, (*who, droid, status), int(each.status == status)
        if droid in limits:
            yield m.DROID_CONCURRENCY_LIMIT, (*who, droid), limits[droid]
