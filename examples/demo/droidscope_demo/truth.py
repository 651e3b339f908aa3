"""
Ground truth: what the fleet did, counted beside the telemetry and never through it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple, TypedDict

from droidscope.conventions import metrics

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from droidscope.conventions.metrics import MetricSpec


class Sample(TypedDict):
    """
    One series of the exposition and the value it must have.
    """

    name: str
    labels: dict[str, str]
    value: float


class _Series(NamedTuple):
    name: str
    labels: tuple[tuple[str, str], ...]


class Truth:
    """
    Counts by the names and labels of the metric catalogue, so that they compare one to one with /metrics.

    *orchestrator* is the service name, the first label of every series.
    """

    def __init__(self, orchestrator: str) -> None:
        self.orchestrator = orchestrator
        self._values: dict[_Series, float] = {}

    def add(self, spec: MetricSpec, *labels: str, amount: float = 1) -> None:
        """
        Count *amount* more of *spec*; *labels* are the values of its own labels, in its order.

        An amount of 0 makes no series.
        """
        if not amount:
            return
        self._count(self._series(spec.name, spec, labels), amount)

    def observe(self, spec: MetricSpec, *labels: str) -> None:
        """
        Count one observation of a histogram or summary.
        """
        self._count(self._series(f"{spec.name}_count", spec, labels), 1)

    def counter(self, spec: MetricSpec, *labels: str) -> float:
        """
        The expected value of *spec* for these label values; 0 where nothing was counted.
        """
        return self._values.get(self._series(spec.name, spec, labels), 0)

    def total(self, spec: MetricSpec) -> float:
        """
        Sum of *spec* over all its label values.
        """
        return sum(value for series, value in self._values.items() if series.name == spec.name)

    def samples(self) -> Iterator[Sample]:
        """
        Every series counted, ordered by name and labels.
        """
        for series, value in sorted(self._values.items()):
            yield {"name": series.name, "labels": dict(series.labels), "value": round(value, 9)}

    def write(self, path: Path) -> None:
        """
        Write all samples as a JSON array, in one step.
        """
        partial = path.with_suffix(f"{path.suffix}.partial")
        partial.write_text(json.dumps(list(self.samples()), indent=1) + "\n")
        partial.replace(path)

    def _count(self, series: _Series, amount: float) -> None:
        self._values[series] = self._values.get(series, 0) + amount

    def _series(self, name: str, spec: MetricSpec, labels: tuple[str, ...]) -> _Series:
        own = zip(spec.labels, labels, strict=True)
        return _Series(name, ((metrics.ORCHESTRATOR, self.orchestrator), *own))
