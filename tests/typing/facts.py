"""
Read by mypy alone: what is misspelt in a fact or in what facts add up to is an error of types.
"""

from __future__ import annotations

from droidscope.conventions.attributes import Outcome
from droidscope.facts import facts
from droidscope.facts.fact_totals import Totals, sketch_by, sum_by
from droidscope.facts.facts import MessagesSent, TasksEnded
from droidscope.facts.sketched_facts import PhaseDurations
from droidscope.kpi.totals import TaskTotals


def keys() -> None:
    TasksEnded(pattern="bug-fix", droid="coder", task_type="code", outcome=Outcome.COMPLETED)
    facts.TaskEnded(pattern="bug-fix")  # type: ignore[attr-defined]
    TasksEnded(pattern="bug-fix", droit="coder")  # type: ignore[call-arg]
    TasksEnded(pattern="bug-fix", droid="coder", task_type="code", outcome="complete")  # type: ignore[arg-type]
    TasksEnded("bug-fix", "coder", "code", Outcome.COMPLETED)  # type: ignore[call-arg]


def sums(totals: Totals) -> None:
    by_droid = sum_by(totals.of(TasksEnded), lambda key: (key.droid, key.outcome))
    completed: int = by_droid["coder", Outcome.COMPLETED]
    sum_by(totals.of(TasksEnded), lambda key: key.droit)  # type: ignore[attr-defined]
    sum_by(totals.of(MessagesSent), lambda key: key.pattern)  # type: ignore[attr-defined]
    sketch_by(totals.of(PhaseDurations), lambda key: key.phase)
    sketch_by(totals.of(TasksEnded), lambda key: key.droid)  # type: ignore[type-var]
    TaskTotals(tasks_completed=completed)
    TaskTotals(tasks_complete=completed)  # type: ignore[call-arg]
