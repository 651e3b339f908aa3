"""
Which runs of phases are too slow, by what the same phase usually takes or was planned to.

Definition: docs/kpis.md#bottlenecks
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import NamedTuple

from droidscope.conventions.attributes import Outcome
from droidscope.facts.fact_totals import Totals, sketch_by, sum_by
from droidscope.facts.facts import PhasesOverPlan
from droidscope.facts.sketch import Sketch
from droidscope.facts.sketched_facts import PhaseDurations
from droidscope.insights.analysis_window import AnalysisWindow, RunningPhase
from droidscope.kpi.bottleneck_impact import BOTTLENECK_MINIMUM, Baseline, phase_excess


class PhaseName(NamedTuple):
    """
    A phase of a pattern.
    """

    pattern: str
    phase: str


class SlowRuns(NamedTuple):
    """
    Runs of a phase that are too slow: how many, what they took, should have, and lost, together.
    """

    n: int = 0
    took_ns: float = 0
    expected_ns: float = 0
    lost_ns: float = 0

    def plus(self, other: SlowRuns) -> SlowRuns:
        """
        These and others.
        """
        return SlowRuns(
            self.n + other.n,
            self.took_ns + other.took_ns,
            self.expected_ns + other.expected_ns,
            self.lost_ns + other.lost_ns,
        )


class SlowPhase(NamedTuple):
    """
    A phase with slow runs: how many runs there are, the slow ones, and those of them that still run.
    """

    n: int
    slow: SlowRuns
    running: list[RunningPhase]


def slow_phases(window: AnalysisWindow) -> dict[PhaseName, SlowPhase]:
    """
    The phases of a window with slow runs.
    """
    baselines = _baselines(window.before)
    n, slow = _ended_runs(window.hours, baselines)
    for name, over_plan in _over_plan(window.hours).items():
        if not _has_baseline(baselines.get(name)):
            slow[name] = slow[name].plus(over_plan)
    running: defaultdict[PhaseName, list[RunningPhase]] = defaultdict(list)
    for run in window.running:
        name = PhaseName(run.pattern, run.phase)
        still_running = _running_run(run, baselines.get(name))
        if still_running.n:
            n[name] += 1
            slow[name] = slow[name].plus(still_running)
            running[name].append(run)
    return {
        name: SlowPhase(max(n[name], runs.n), runs, running[name]) for name, runs in slow.items() if runs.n
    }


def _baselines(before: Totals) -> dict[PhaseName, Baseline | None]:
    sketches = sketch_by(
        before.of(PhaseDurations),
        lambda key: PhaseName(key.pattern, key.phase),
        where=lambda key: key.outcome == Outcome.COMPLETED,
    )
    return {name: _baseline(sketch) for name, sketch in sketches.items()}


def _baseline(sketch: Sketch) -> Baseline | None:
    median_ns, p90_ns = sketch.quantile(0.5), sketch.quantile(0.9)
    if median_ns is None or p90_ns is None:
        return None
    return Baseline(median_ns, p90_ns, sketch.n)


def _has_baseline(baseline: Baseline | None) -> bool:
    return baseline is not None and baseline.n >= BOTTLENECK_MINIMUM


def _ended_runs(
    hours: Totals, baselines: Mapping[PhaseName, Baseline | None]
) -> tuple[Counter[PhaseName], defaultdict[PhaseName, SlowRuns]]:
    """
    How many runs of each phase ended, and the slow ones.
    """
    n: Counter[PhaseName] = Counter()
    slow: defaultdict[PhaseName, SlowRuns] = defaultdict(SlowRuns)
    sketches = sketch_by(hours.of(PhaseDurations), lambda key: (PhaseName(key.pattern, key.phase), key.path))
    for (name, path), sketch in sketches.items():
        n[name] += sketch.n
        slow[name] = slow[name].plus(_slow_runs(sketch, baselines.get(name), on_path=path == "on"))
    return n, slow


def _slow_runs(sketch: Sketch, baseline: Baseline | None, *, on_path: bool) -> SlowRuns:
    slow = SlowRuns()
    for took_ns, n in sketch.values():
        excess = phase_excess(took_ns, baseline, None, on_critical_path=on_path)
        if excess is not None:
            slow = slow.plus(SlowRuns(n, took_ns * n, excess.baseline_ns * n, excess.lost_ns * n))
    return slow


def _over_plan(hours: Totals) -> dict[PhaseName, SlowRuns]:
    """
    Runs of more than 1.5 times their plan, by pattern and phase.
    """
    slow: defaultdict[PhaseName, SlowRuns] = defaultdict(SlowRuns)
    runs = hours.of(PhasesOverPlan)
    totals = sum_by(runs, lambda key: (PhaseName(key.pattern, key.phase), key.path, key.total))
    for name, path in {(name, path) for name, path, _ in totals}:
        took_ns, planned_ns = totals[name, path, "took_ns"], totals[name, path, "planned_ns"]
        lost_ns = took_ns - planned_ns if path == "on" else 0
        slow[name] = slow[name].plus(SlowRuns(totals[name, path, "n"], took_ns, planned_ns, lost_ns))
    return slow


def _running_run(run: RunningPhase, baseline: Baseline | None) -> SlowRuns:
    """
    A phase that runs holds its session now, so that all it exceeds is lost.
    """
    excess = phase_excess(run.elapsed_ns, baseline, run.planned_ns, on_critical_path=True)
    if excess is None:
        return SlowRuns()
    return SlowRuns(1, run.elapsed_ns, excess.baseline_ns, excess.lost_ns)
