"""
Recorded numerators and denominators: what happened within an hour, a day and a week.

Kept apart, not divided; they are declared in conventions/increases.py, or with the one KPI that has them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from droidscope.conventions.increases import SESSIONS, SESSIONS_UNSUCCESSFUL, Increase
from droidscope.conventions.metrics import ORCHESTRATOR
from droidscope.kpi.catalog import RECORDED_INCREASES
from droidscope.rules.promql import Recording, Scope

RecordedIncreases = Mapping[Increase, Recording]
"""
The series that keeps each increase over one window.
"""

_ALL: Final = Scope()


def level(labels: tuple[str, ...]) -> str:
    """
    The first word of a recorded series: the labels it keeps beside the orchestrator's.
    """
    return "_".join(labels) or ORCHESTRATOR


def _recording(increase: Increase, window: str) -> Recording:
    """
    An increase over *window*, from the counters themselves.
    """
    labels = (ORCHESTRATOR, *increase.by)
    words = (increase.metric.name.removesuffix("_total"), increase.part, increase.suffix)
    name = f"{level(increase.by)}:{'_'.join(filter(None, words))}:increase{window}"
    return Recording(name, labels, _expression(increase, window))


def _expression(increase: Increase, window: str) -> str:
    labels = (ORCHESTRATOR, *increase.by)
    if increase == SESSIONS:
        return _ALL.judged(increase.metric, labels, window)
    if increase == SESSIONS_UNSUCCESSFUL:
        # 0, not nothing, where all went well: sums and differences go on.
        return f"{_ALL.unsuccessful(labels, window)}\nor 0 * {_expression(SESSIONS, window)}"
    matchers = filter(None, (increase.matcher,))
    return _ALL.increase(increase.metric, labels, window, *matchers, part=increase.part)


def _week(hour: RecordedIncreases) -> RecordedIncreases:
    """
    The increases over seven days, as a sum of 168 recorded hours: up to an hour behind, and cheap.

    An `increase` over a week reads 40,000 samples of each series, each time.
    """
    return {
        increase: Recording(
            recording.name.replace(":increase1h", ":increase7d"),
            recording.labels,
            f"sum_over_time({recording.name}[7d:1h])",
        )
        for increase, recording in hour.items()
    }


HOUR: Final[RecordedIncreases] = {increase: _recording(increase, "1h") for increase in RECORDED_INCREASES}
DAY: Final[RecordedIncreases] = {increase: _recording(increase, "24h") for increase in RECORDED_INCREASES}
WEEK: Final = _week(HOUR)
