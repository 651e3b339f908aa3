"""
Slow phases: those with runs far above their usual duration, or above their plan.

Definition: docs/kpis.md#bottlenecks
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from droidscope.conventions.attributes import Outcome
from droidscope.conventions.insight_kinds import REMEDIES
from droidscope.conventions.outcomes import WORK_ENDS
from droidscope.conventions.scoring import SLOW_FACTOR
from droidscope.facts.fact_totals import Totals, sketch_by, sum_by
from droidscope.facts.facts import PhasesOverPlan
from droidscope.facts.sketch import Sketch
from droidscope.facts.sketched_facts import PhaseDurations
from droidscope.formatting import counted, duration, named
from droidscope.insights.analysis_window import AnalysisWindow, PhaseName, RunningPhase
from droidscope.insights.insight_types import Bottleneck, SessionRef
from droidscope.kpi.bottleneck_impact import BOTTLENECK_MINIMUM, Baseline, excess_percent, phase_excess
from droidscope.model.examples import ExampleKind
from droidscope.units import SECOND_NS


class SlowRuns(NamedTuple):
    """
    Slow runs of a phase: how many, and the sums of their durations, expected durations and lost times.
    """

    n: int = 0
    duration_ns: float = 0
    expected_ns: float = 0
    lost_ns: float = 0

    def plus(self, other: SlowRuns) -> SlowRuns:
        """
        The sum of both.
        """
        return SlowRuns(
            self.n + other.n,
            self.duration_ns + other.duration_ns,
            self.expected_ns + other.expected_ns,
            self.lost_ns + other.lost_ns,
        )


class SlowPhase(NamedTuple):
    """
    A phase with slow runs: the number of all its runs, the slow ones, and which of those still run.
    """

    n: int
    slow: SlowRuns
    running: list[RunningPhase]


def slow_phases(window: AnalysisWindow) -> Iterator[Bottleneck]:
    """
    The phases with slow runs, ended or running.

    Definition: docs/kpis.md#bottlenecks
    """
    for name, phase in _phases_with_slow_runs(window).items():
        slow = phase.slow
        mean_ns, expected_ns = slow.duration_ns / slow.n, slow.expected_ns / slow.n
        yield Bottleneck(
            kind="phase_duration",
            orchestrator=window.orchestrator,
            window=window.name,
            subject="/".join(name),
            description=(
                f"{named('Phase', name.phase)} of {named('pattern', name.pattern)} took "
                f"{duration(mean_ns / SECOND_NS)} on average in {slow.n} of {counted(phase.n, 'run')}; "
                f"the expected duration is {duration(expected_ns / SECOND_NS)}."
            ),
            impact_score=window.time_impact(slow.lost_ns),
            value=mean_ns / SECOND_NS,
            baseline=expected_ns / SECOND_NS,
            unit="seconds",
            n=phase.n,
            flagged=slow.n,
            pattern=name.pattern,
            phase=name.phase,
            excess_percent=excess_percent(mean_ns, expected_ns),
            lost_seconds=slow.lost_ns / SECOND_NS,
            sessions=_example_sessions(window, name, phase, SLOW_FACTOR * expected_ns),
            recommendations=list(REMEDIES["phase_duration"]),
        )


def _example_sessions(
    window: AnalysisWindow, name: PhaseName, phase: SlowPhase, limit_ns: float
) -> list[SessionRef]:
    """
    At most five sessions with a slow run: running ones first, then those whose run exceeded *limit_ns*.
    """
    longest = sorted(phase.running, key=lambda run: (-run.elapsed_ns, run.session))
    running = [SessionRef(run.session, run.trace_id, window.now_ns / SECOND_NS) for run in longest]
    ended = [
        SessionRef(example.session, example.trace_id, example.time_ns / SECOND_NS)
        for example in window.examples(ExampleKind.SLOW_PHASE, name)
        if example.weight > limit_ns
    ]
    return [*running, *ended][:5]


def _phases_with_slow_runs(window: AnalysisWindow) -> dict[PhaseName, SlowPhase]:
    baselines = _baselines(window.baseline)
    n, slow = _ended_runs(window.hours, baselines)
    for name, over_plan in _runs_over_plan(window.hours).items():
        if not _is_sufficient(baselines.get(name)):
            slow[name] = slow[name].plus(over_plan)
    running: defaultdict[PhaseName, list[RunningPhase]] = defaultdict(list)
    for run in window.running_phases:
        name = PhaseName(run.pattern, run.phase)
        still_running = _running_run(run, baselines.get(name))
        if still_running.n:
            n[name] += 1
            slow[name] = slow[name].plus(still_running)
            running[name].append(run)
    return {
        name: SlowPhase(max(n[name], runs.n), runs, running[name]) for name, runs in slow.items() if runs.n
    }


def _baselines(totals: Totals) -> dict[PhaseName, Baseline | None]:
    sketches = sketch_by(
        totals.of(PhaseDurations),
        lambda key: PhaseName(key.pattern, key.phase),
        where=lambda key: key.outcome == Outcome.COMPLETED,
    )
    return {name: _baseline(sketch) for name, sketch in sketches.items()}


def _baseline(sketch: Sketch) -> Baseline | None:
    median_ns, p90_ns = sketch.quantile(0.5), sketch.quantile(0.9)
    if median_ns is None or p90_ns is None:
        return None
    return Baseline(median_ns, p90_ns, sketch.n)


def _is_sufficient(baseline: Baseline | None) -> bool:
    return baseline is not None and baseline.n >= BOTTLENECK_MINIMUM


def _ended_runs(
    hours: Totals, baselines: Mapping[PhaseName, Baseline | None]
) -> tuple[Counter[PhaseName], defaultdict[PhaseName, SlowRuns]]:
    """
    How many runs of each phase ended, and those that are slow by the baseline.
    """
    n: Counter[PhaseName] = Counter()
    slow: defaultdict[PhaseName, SlowRuns] = defaultdict(SlowRuns)
    sketches = sketch_by(
        hours.of(PhaseDurations),
        lambda key: (PhaseName(key.pattern, key.phase), key.path),
        where=lambda key: key.outcome in WORK_ENDS,
    )
    for (name, path), sketch in sketches.items():
        n[name] += sketch.n
        slow[name] = slow[name].plus(_slow_runs(sketch, baselines.get(name), on_path=path == "on"))
    return n, slow


def _slow_runs(sketch: Sketch, baseline: Baseline | None, *, on_path: bool) -> SlowRuns:
    slow = SlowRuns()
    for duration_ns, n in sketch.values():
        excess = phase_excess(duration_ns, baseline, None, on_critical_path=on_path)
        if excess is not None:
            slow = slow.plus(SlowRuns(n, duration_ns * n, excess.baseline_ns * n, excess.lost_ns * n))
    return slow


def _runs_over_plan(hours: Totals) -> dict[PhaseName, SlowRuns]:
    """
    Runs of more than 1.5 times their plan, by pattern and phase.
    """
    slow: defaultdict[PhaseName, SlowRuns] = defaultdict(SlowRuns)
    runs = hours.of(PhasesOverPlan)
    totals = sum_by(runs, lambda key: (PhaseName(key.pattern, key.phase), key.path, key.total))
    for name, path in {(name, path) for name, path, _ in totals}:
        duration_ns, planned_ns = totals[name, path, "took_ns"], totals[name, path, "planned_ns"]
        lost_ns = duration_ns - planned_ns if path == "on" else 0
        slow[name] = slow[name].plus(SlowRuns(totals[name, path, "n"], duration_ns, planned_ns, lost_ns))
    return slow


def _running_run(run: RunningPhase, baseline: Baseline | None) -> SlowRuns:
    """
    A running phase delays its session now, so all of its excess is lost time.
    """
    excess = phase_excess(run.elapsed_ns, baseline, run.planned_ns, on_critical_path=True)
    if excess is None:
        return SlowRuns()
    return SlowRuns(1, run.elapsed_ns, excess.baseline_ns, excess.lost_ns)
