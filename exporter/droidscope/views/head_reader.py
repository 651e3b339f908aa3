"""
The one way from the head to whatever shows it: the metrics page, the landing page, the API.

Each read takes the pipeline's lock for as long as it copies; computing and rendering happen outside of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from droidscope.facts.fact_totals import Totals
from droidscope.head.head import Head
from droidscope.insights.alerts import ActiveAlert, alerts
from droidscope.model.labels import OrchestratorLabels
from droidscope.pipeline.pipeline import Pipeline
from droidscope.views.alert_inputs import Included, everyone, read_alert_inputs
from droidscope.views.droid_status import DroidSnapshot, read_droids
from droidscope.views.insight_cache import InsightCache
from droidscope.views.view_settings import ViewSettings

ENVIRONMENT: Final = "environment"
"""
The resource label by which orchestrators of one name are told apart, where it is configured.
"""


class HeadReader:
    """
    Reads the head of one exporter; *insights* has what its detectors computed.

    Args:
        pipeline: Whose head is read.
        settings: Budgets, limits and names of labels.
        wall_ns: Gives Unix time.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        settings: ViewSettings | None = None,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._pipeline = pipeline
        self._wall_ns = wall_ns
        self.settings = settings or ViewSettings()
        self.insights = InsightCache(pipeline, wall_ns)

    def now_ns(self) -> int:
        """
        Unix time.
        """
        return self._wall_ns()

    @contextmanager
    def locked_head(self) -> Iterator[tuple[Head, int]]:
        """
        The head and the exporter's uptime in nanoseconds, while the pipeline waits.
        """
        with self._pipeline.lock:
            yield self._pipeline.head, self._pipeline.uptime_ns()

    def window_totals(
        self, windows: Iterable[str], now_ns: int | None = None
    ) -> dict[OrchestratorLabels, dict[str, Totals]]:
        """
        A copy of the totals of facts by orchestrator and window, at a Unix time or as of now.
        """
        with self.locked_head() as (head, _):
            return head.windows.snapshot(self.now_ns() if now_ns is None else now_ns, windows)

    def droids(self, now_ns: int) -> dict[tuple[OrchestratorLabels, str], DroidSnapshot]:
        """
        Status and load of every known droid, by orchestrator and name.
        """
        return read_droids(self._pipeline, self.settings, now_ns)

    def active_alerts(self, now_ns: int, included: Included = everyone) -> dict[str, list[ActiveAlert]]:
        """
        The active alerts of each known orchestrator, by its name; an empty list where there are none.

        With *included*, as if there were no others.
        """
        limits = self.settings.alert_limits
        with self.locked_head() as (head, clock_ns):
            inputs = read_alert_inputs(head, clock_ns, now_ns, limits, included)
        return {name: alerts(name, alert_inputs, now_ns, limits) for name, alert_inputs in inputs.items()}

    def resource_labels(self, orchestrator: OrchestratorLabels) -> dict[str, str]:
        """
        The configured resource labels that an orchestrator has, by name.
        """
        names = self.settings.resource_labels
        return {name: value for name, value in zip(names, orchestrator[1:], strict=False) if value}

    def is_in(self, environment: str | None, orchestrator: OrchestratorLabels) -> bool:
        """
        Whether an orchestrator is in an environment; None, and any where no label tells them apart, are all.
        """
        if environment is None or ENVIRONMENT not in self.settings.resource_labels:
            return True
        return self.resource_labels(orchestrator).get(ENVIRONMENT, "") == environment
