"""
Recommendations to assign tasks to another droid that completes a larger share of them.

Definition: docs/kpis.md#recommendations
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from droidscope.conventions import metrics
from droidscope.conventions.attributes import Outcome
from droidscope.conventions.insight_kinds import REASSIGN_TASKS
from droidscope.conventions.outcomes import WORK_ENDS
from droidscope.facts.fact_totals import Totals
from droidscope.facts.facts import TasksEnded
from droidscope.formatting import named, percent
from droidscope.insights.analysis_window import AnalysisWindow
from droidscope.insights.insight_types import Improvement, Recommendation
from droidscope.kpi.improvement import REASSIGNMENT_MINIMUM, reassignment_gain, reassignment_impact
from droidscope.kpi.rankings import Outcomes
from droidscope.kpi.statistics import wilson_interval
from droidscope.model.examples import ExampleKind


class _Reassignment(NamedTuple):
    """
    Tasks of a *pattern* and *task_type*: *current* are the outcomes of *droid*, *better* those of
    *better_droid*, and *gain* is how much larger the latter's completion ratio is at least.
    """

    pattern: str
    task_type: str
    droid: str
    current: Outcomes
    better_droid: str
    better: Outcomes
    gain: float


def assignment_recommendations(window: AnalysisWindow) -> Iterator[Recommendation]:
    """
    One for each droid, pattern and task type that another droid does better.

    Definition: docs/kpis.md#recommendations
    """
    outcomes = _outcomes(window.minutes)
    all_tasks = sum(tasks.n for droids in outcomes.values() for tasks in droids.values())
    for (pattern, task_type), droids in outcomes.items():
        better_droid = _best_droid(droids)
        if better_droid is None:
            continue
        better = droids[better_droid]
        for droid, current in droids.items():
            gain = reassignment_gain(current, better)
            if gain is not None:
                reassignment = _Reassignment(
                    pattern=pattern,
                    task_type=task_type,
                    droid=droid,
                    current=current,
                    better_droid=better_droid,
                    better=better,
                    gain=gain,
                )
                yield _recommendation(window, reassignment, all_tasks)


def _outcomes(minutes: Totals) -> Mapping[tuple[str, str], dict[str, Outcomes]]:
    """
    The outcomes of tasks by pattern and task type, of each droid.
    """
    outcomes: defaultdict[tuple[str, str], dict[str, Outcomes]] = defaultdict(dict)
    for key, n in minutes.of(TasksEnded).items():
        if key.outcome not in WORK_ENDS:
            continue
        droids = outcomes[key.pattern, key.task_type]
        sums = droids.get(key.droid, Outcomes(0, 0))
        successes = sums.successes + (n if key.outcome == Outcome.COMPLETED else 0)
        droids[key.droid] = Outcomes(successes, sums.n + n)
    return outcomes


def _best_droid(droids: Mapping[str, Outcomes]) -> str | None:
    """
    The droid with the highest lower bound of its completion ratio; None if none has enough tasks.

    If any droid is significantly better than another, this one is, and no droid is better than this one.
    """
    bounds = {
        droid: interval[0]
        for droid, outcomes in droids.items()
        if outcomes.n >= REASSIGNMENT_MINIMUM and (interval := wilson_interval(*outcomes))
    }
    return min(bounds, key=lambda droid: (-bounds[droid], droid), default=None)


def _recommendation(window: AnalysisWindow, reassignment: _Reassignment, all_tasks: int) -> Recommendation:
    pattern, task_type, droid, current, better_droid, better, gain = reassignment
    low, high = wilson_interval(*better) or (0.0, 0.0)
    current_ratio, better_ratio = current.successes / current.n, better.successes / better.n
    return Recommendation(
        kind=REASSIGN_TASKS.kind,
        rule=REASSIGN_TASKS.id,
        orchestrator=window.orchestrator,
        window=window.name,
        subject=f"{pattern}/{task_type}/{droid}",
        description=(
            f"{named('Droid', droid)} completes {percent(current_ratio)} of {current.n} "
            f"{task_type or 'other'} tasks in {named('pattern', pattern)}, "
            f"{named('droid', better_droid)} {percent(better_ratio)} of {better.n}."
        ),
        recommendations=[step.format(target=named("droid", better_droid)) for step in REASSIGN_TASKS.steps],
        impact_score=reassignment_impact(gain, current.n, all_tasks) or 0.0,
        value=current_ratio,
        baseline=low,
        unit="ratio",
        n=current.n,
        expected_improvement=Improvement(
            metric=metrics.TASK_COMPLETION_RATIO.short_name,
            estimate=better_ratio - current_ratio,
            low=gain,
            high=high - current_ratio,
            text=f"{percent(gain)} to {percent(high - current_ratio)} more of these tasks are completed.",
        ),
        pattern=pattern,
        droid=droid,
        sessions=window.example_sessions(ExampleKind.FAILED_TASK, pattern, task_type, droid),
    )
