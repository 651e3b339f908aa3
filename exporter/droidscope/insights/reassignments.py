"""
Which tasks another droid completes more often.

Definition: docs/kpis.md#recommendations
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from droidscope.conventions.attributes import Outcome
from droidscope.facts.fact_totals import Totals
from droidscope.facts.facts import TasksEnded
from droidscope.kpi.improvement import REASSIGNMENT_MINIMUM, reassignment_gain, reassignment_impact
from droidscope.kpi.rankings import Outcomes
from droidscope.kpi.statistics import wilson_interval


class Reassignment(NamedTuple):
    """
    A droid's tasks of one type in a pattern, and the *better* droid for them; both did some of them.

    *gain* is by how much it is better with 95 % confidence, 0 to 1; *impact* is 0 to 100.
    """

    pattern: str
    task_type: str
    droid: str
    outcomes: Outcomes
    better: str
    better_outcomes: Outcomes
    gain: float
    impact: float


def reassignments(minutes: Totals) -> Iterator[Reassignment]:
    """
    The reassignments that the tasks of a window suggest.
    """
    by_kind: defaultdict[tuple[str, str], dict[str, Outcomes]] = defaultdict(dict)
    for key, n in minutes.of(TasksEnded).items():
        droids = by_kind[key.pattern, key.task_type]
        known = droids.get(key.droid, Outcomes(0, 0))
        successes = known.successes + (n if key.outcome == Outcome.COMPLETED else 0)
        droids[key.droid] = Outcomes(successes, known.n + n)
    all_tasks = sum(outcomes.n for droids in by_kind.values() for outcomes in droids.values())
    for (pattern, task_type), droids in by_kind.items():
        better = _best(droids)
        if better is None:
            continue
        for droid, outcomes in droids.items():
            gain = reassignment_gain(outcomes, droids[better])
            if gain is not None:
                yield Reassignment(
                    pattern=pattern,
                    task_type=task_type,
                    droid=droid,
                    outcomes=outcomes,
                    better=better,
                    better_outcomes=droids[better],
                    gain=gain,
                    impact=reassignment_impact(gain, outcomes.n, all_tasks) or 0.0,
                )


def _best(droids: Mapping[str, Outcomes]) -> str | None:
    """
    The droid with the highest lower bound of success, None if none has enough tasks: if any does better
    than another with 95 % confidence, this one does, and none does than this one.
    """
    bounds = {
        droid: interval[0]
        for droid, outcomes in droids.items()
        if outcomes.n >= REASSIGNMENT_MINIMUM and (interval := wilson_interval(*outcomes))
    }
    return min(bounds, key=lambda droid: (-bounds[droid], droid), default=None)
