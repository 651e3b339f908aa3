"""
Counts and durations as the metrics of the SDK, for its encoder.
"""

from __future__ import annotations

from collections.abc import Mapping
from time import time_ns
from typing import Any

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)

from droidscope.conventions.attributes import DURATION_BOUNDS
from droidscope.instrument.emission.counts import COUNTERS, DURATIONS, ClientCounters, ClientDurations


def metrics_data(
    counters: ClientCounters,
    durations: Mapping[str, ClientDurations],
    start_ns: int,
    resource: Any,  # noqa: ANN401 - as the encoder reads it
    scope: Any,  # noqa: ANN401 - as above
) -> MetricsData | None:
    """
    Everything counted since *start_ns*; None if there is nothing yet.

    The time of the points is taken after their values: what is counted has ended before.
    """
    counted = {name: counters.counts(name) for name in COUNTERS}
    measured = {name: durations[name].points() for name in DURATIONS}
    now_ns = time_ns()
    cumulative = AggregationTemporality.CUMULATIVE
    metrics = [
        Metric(name, COUNTERS[name][1], COUNTERS[name][0], Sum(
            [NumberDataPoint(dict(key), start_ns, now_ns, count) for key, count in counts],
            cumulative, is_monotonic=True,
        ))
        for name, counts in counted.items()
        if counts
    ]  # fmt: skip
    metrics += [
        Metric(name, DURATIONS[name], "s", Histogram(
            [
                HistogramDataPoint(
                    dict(key), start_ns, now_ns, sum(point.buckets), point.sum, point.buckets,
                    DURATION_BOUNDS, point.min, point.max,
                )
                for key, point in points
            ],
            cumulative,
        ))
        for name, points in measured.items()
        if points
    ]  # fmt: skip
    if not metrics:
        return None
    return MetricsData([ResourceMetrics(resource, [ScopeMetrics(scope, metrics, "")], "")])
