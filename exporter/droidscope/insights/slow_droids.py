"""
Slow droids: those whose tasks take much longer than the same types of tasks of all droids.

Definition: docs/kpis.md#bottlenecks
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from droidscope.conventions.attributes import Outcome
from droidscope.conventions.insight_kinds import REMEDIES
from droidscope.conventions.scoring import SLOW_FACTOR
from droidscope.facts.fact_totals import Totals, sketch_by
from droidscope.facts.sketch import COARSE, Sketch
from droidscope.facts.sketched_facts import TaskDurations, TaskPathTimes
from droidscope.formatting import counted, named, rounded
from droidscope.insights.analysis_window import AnalysisWindow
from droidscope.insights.insight_types import Bottleneck
from droidscope.kpi.bottleneck_impact import ComparedTasks, droid_lost_ns, droid_slowness, is_slow_droid
from droidscope.model.examples import ExampleKind
from droidscope.units import SECOND_NS


class _TaskKind(NamedTuple):
    pattern: str
    task_type: str


class _DroidTasks(NamedTuple):
    """
    The tasks of a droid by their durations, and by their times on the critical paths of sessions.
    """

    by_duration: list[ComparedTasks]
    by_path_time: list[ComparedTasks]


def slow_droids(window: AnalysisWindow) -> Iterator[Bottleneck]:
    """
    The droids that are slow, by their completed tasks.

    Definition: docs/kpis.md#bottlenecks
    """
    for droid, tasks in _tasks_by_droid(window.hours).items():
        slowness = droid_slowness(tasks.by_duration)
        if not is_slow_droid(slowness):
            continue
        compared = [task for task in tasks.by_duration if task.median_ns]
        n = sum(task.n for task in compared)
        lost_ns = droid_lost_ns(tasks.by_path_time)
        yield Bottleneck(
            kind="droid_performance",
            orchestrator=window.orchestrator,
            window=window.name,
            subject=droid,
            description=(
                f"{named('Droid', droid)} takes {rounded(slowness)} times as long as the median of all "
                f"droids for the same types of tasks, over {counted(n, 'task')}."
            ),
            impact_score=window.time_impact(lost_ns),
            value=slowness,
            baseline=1.0,
            unit="ratio",
            n=n,
            flagged=sum(task.n for task in compared if task.time_ns > SLOW_FACTOR * task.median_ns),
            droid=droid,
            excess_percent=100 * (slowness - 1),
            lost_seconds=lost_ns / SECOND_NS,
            sessions=window.example_sessions(ExampleKind.SLOW_TASK, droid),
            recommendations=list(REMEDIES["droid_performance"]),
        )


def _tasks_by_droid(hours: Totals) -> dict[str, _DroidTasks]:
    """
    The tasks of each droid that completed any.
    """
    durations = sketch_by(
        hours.of(TaskDurations),
        lambda key: (_TaskKind(key.pattern, key.task_type), key.droid),
        where=lambda key: key.outcome == Outcome.COMPLETED,
    )
    path_times = sketch_by(
        hours.of(TaskPathTimes), lambda key: (_TaskKind(key.pattern, key.task_type), key.droid)
    )
    by_kind: defaultdict[_TaskKind, Sketch] = defaultdict(lambda: Sketch(bits=COARSE))
    for (kind, _), sketch in durations.items():
        by_kind[kind].merge(sketch)
    medians = {kind: sketch.quantile(0.5) or 0.0 for kind, sketch in by_kind.items()}
    by_duration, by_path_time = _compared(durations, medians), _compared(path_times, medians)
    return {droid: _DroidTasks(tasks, by_path_time.get(droid, [])) for droid, tasks in by_duration.items()}


def _compared(
    sketches: Mapping[tuple[_TaskKind, str], Sketch], medians: Mapping[_TaskKind, float]
) -> dict[str, list[ComparedTasks]]:
    """
    The tasks of each droid, each with the median duration of its kind.
    """
    tasks: defaultdict[str, list[ComparedTasks]] = defaultdict(list)
    for (kind, droid), sketch in sketches.items():
        median_ns = medians.get(kind, 0.0)
        tasks[droid] += (ComparedTasks(time_ns, median_ns, n) for time_ns, n in sketch.values())
    return dict(tasks)
