"""
The bottleneck detector: slow phases, slow droids, slow communication, weak integration.

Definition: docs/kpis.md#bottlenecks
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Literal

from msgspec import Struct

from droidscope.conventions.attributes import Outcome
from droidscope.conventions.insight_kinds import BottleneckKind
from droidscope.conventions.scoring import SLOW_FACTOR
from droidscope.conventions.thresholds import RESPONSE_LIMIT_SECONDS, SUCCESS_TARGET
from droidscope.facts import facts as f
from droidscope.facts.fact_totals import Totals, sketch_by, sum_by
from droidscope.facts.sketch import COARSE, Sketch
from droidscope.facts.sketched_facts import TaskDurations, TaskPathTimes
from droidscope.formatting import counted, duration, named, percent, rounded
from droidscope.insights.advice import REMEDIES
from droidscope.insights.analysis_window import AnalysisWindow, SessionRef, sessions
from droidscope.insights.slow_phases import PhaseName, SlowPhase, slow_phases
from droidscope.kpi.bottleneck_impact import (
    WAIT_LIMIT,
    WorkTime,
    droid_lost_ns,
    droid_slowness,
    duration_impact,
    excess_percent,
    integration_impact,
    is_communication_slow,
    is_integration_weak,
    is_slow_droid,
)
from droidscope.kpi.durations import mean_response_ns
from droidscope.kpi.statistics import ratio
from droidscope.model.examples import ExampleKind
from droidscope.units import SECOND_NS

Unit = Literal["ratio", "seconds", "queries", "messages"]


class Bottleneck(Struct, frozen=True):
    """
    Something that costs a share of the outcome: *impact_score*, 0 to 100.

    *subject* is `pattern/phase`, a droid or a pattern; *pattern*, *phase* and *droid* are its parts.
    *value* exceeds *baseline*, or falls short of it, both in *unit*; *n* is how many phases, tasks,
    queries or syntheses of the window were looked at, *flagged* how many of them are beyond.
    *lost_seconds* and the specification's *excess_percent* are null where a kind has none. *sessions*
    show it, at most five, the plainest first.
    """

    kind: BottleneckKind
    orchestrator: str
    window: str
    subject: str
    description: str
    impact_score: float
    value: float
    baseline: float
    unit: Unit
    n: int
    flagged: int
    pattern: str | None = None
    phase: str | None = None
    droid: str | None = None
    excess_percent: float | None = None
    lost_seconds: float | None = None
    sessions: list[SessionRef] = []
    recommendations: list[str] = []


def bottlenecks(window: AnalysisWindow) -> list[Bottleneck]:
    """
    All bottlenecks of a window, the one that costs most first.

    Definition: docs/kpis.md#bottlenecks
    """
    whole_ns = sessions_ns(window)
    found = (
        *(_slow_phase(window, name, slow, whole_ns) for name, slow in slow_phases(window).items()),
        *_slow_droids(window, whole_ns),
        *_waiting_phases(window, whole_ns),
        *_slow_responders(window, whole_ns),
        *_weak_integration(window),
    )
    return sorted(
        found, key=lambda bottleneck: (-bottleneck.impact_score, bottleneck.kind, bottleneck.subject)
    )


def sessions_ns(window: AnalysisWindow) -> int:
    """
    How long the sessions that ended in a window took together, and so far those that run.
    """
    return sum(window.minutes.of(f.SessionTime).values()) + window.running_ns


# --- phases -----------------------------------------------------------------------------------------


def _slow_phase(window: AnalysisWindow, name: PhaseName, phase: SlowPhase, whole_ns: int) -> Bottleneck:
    n, slow = phase.n, phase.slow
    mean_ns, expected_ns = slow.took_ns / slow.n, slow.expected_ns / slow.n
    return Bottleneck(
        kind="phase_duration",
        orchestrator=window.orchestrator,
        window=window.window,
        subject="/".join(name),
        description=(
            f"{named('Phase', name.phase)} of {named('pattern', name.pattern)} took "
            f"{duration(mean_ns / SECOND_NS)} on average in {slow.n} of {counted(n, 'run')}; "
            f"{duration(expected_ns / SECOND_NS)} are usual."
        ),
        impact_score=duration_impact(slow.lost_ns, whole_ns) or 0.0,
        value=mean_ns / SECOND_NS,
        baseline=expected_ns / SECOND_NS,
        unit="seconds",
        n=n,
        flagged=slow.n,
        pattern=name.pattern,
        phase=name.phase,
        excess_percent=excess_percent(mean_ns, expected_ns),
        lost_seconds=slow.lost_ns / SECOND_NS,
        sessions=_slow_sessions(window, name, phase, SLOW_FACTOR * expected_ns),
        recommendations=list(REMEDIES["phase_duration"]),
    )


def _slow_sessions(
    window: AnalysisWindow, name: PhaseName, phase: SlowPhase, limit_ns: float
) -> list[SessionRef]:
    """
    At most five sessions with a slow run: those that run, then those that took longer than *limit_ns*.
    """
    longest = sorted(phase.running, key=lambda run: (-run.elapsed_ns, run.session))
    now = [SessionRef(run.session, run.trace_id, window.now_ns / SECOND_NS) for run in longest]
    ended = [
        SessionRef(example.session, example.trace_id, example.time_ns / SECOND_NS)
        for example in window.examples(ExampleKind.SLOW_PHASE, name)
        if example.weight > limit_ns
    ]
    return [*now, *ended][:5]


# --- droids -----------------------------------------------------------------------------------------


def _slow_droids(window: AnalysisWindow, whole_ns: int) -> Iterator[Bottleneck]:
    took, held = _task_times(window.hours)
    for droid, tasks in took.items():
        slowness = droid_slowness(tasks)
        if not is_slow_droid(slowness):
            continue
        lost_ns = droid_lost_ns(held.get(droid, ()))
        n = sum(task.n for task in tasks if task.median_ns)
        yield Bottleneck(
            kind="droid_performance",
            orchestrator=window.orchestrator,
            window=window.window,
            subject=droid,
            description=(
                f"{named('Droid', droid)} takes {rounded(slowness)} times as long as all droids do for the "
                f"same tasks, over {counted(n, 'task')}."
            ),
            impact_score=duration_impact(lost_ns, whole_ns) or 0.0,
            value=slowness,
            baseline=1.0,
            unit="ratio",
            n=n,
            flagged=sum(
                task.n for task in tasks if task.median_ns and task.time_ns > SLOW_FACTOR * task.median_ns
            ),
            droid=droid,
            excess_percent=100 * (slowness - 1),
            lost_seconds=lost_ns / SECOND_NS,
            sessions=sessions(window, ExampleKind.SLOW_TASK, droid),
            recommendations=list(REMEDIES["droid_performance"]),
        )


_TaskKind = tuple[str, str]
"""
A pattern and a type of task.
"""


def _task_times(hours: Totals) -> tuple[dict[str, list[WorkTime]], dict[str, list[WorkTime]]]:
    """
    By droid, how long its completed tasks took, and how long its tasks held their sessions.
    """
    completed = sketch_by(
        hours.of(TaskDurations),
        lambda key: (key.pattern, key.task_type, key.droid),
        where=lambda key: key.outcome == Outcome.COMPLETED,
    )
    held = sketch_by(hours.of(TaskPathTimes), lambda key: (key.pattern, key.task_type, key.droid))
    by_kind: defaultdict[_TaskKind, Sketch] = defaultdict(lambda: Sketch(bits=COARSE))
    for (pattern, task_type, _), sketch in completed.items():
        by_kind[pattern, task_type].merge(sketch)
    medians = {kind: sketch.quantile(0.5) or 0.0 for kind, sketch in by_kind.items()}
    return _work_times(completed, medians), _work_times(held, medians)


def _work_times(
    sketches: Mapping[tuple[str, str, str], Sketch], medians: Mapping[_TaskKind, float]
) -> dict[str, list[WorkTime]]:
    times: defaultdict[str, list[WorkTime]] = defaultdict(list)
    for (pattern, task_type, droid), sketch in sketches.items():
        median_ns = medians.get((pattern, task_type), 0.0)
        times[droid] += (WorkTime(value, median_ns, n) for value, n in sketch.values())
    return dict(times)


# --- communication ------------------------------------------------------------------------------------


def _waiting_phases(window: AnalysisWindow, whole_ns: int) -> Iterator[Bottleneck]:
    minutes = window.minutes
    phase_ns = sum_by(minutes.of(f.PhaseTime), lambda key: PhaseName(key.pattern, key.phase))
    wait_ns = sum_by(minutes.of(f.PhaseWaitTime), lambda key: PhaseName(key.pattern, key.phase))
    ended = sum_by(minutes.of(f.PhasesEnded), lambda key: PhaseName(key.pattern, key.phase))
    for name, waited_ns in wait_ns.items():
        share = ratio(waited_ns, phase_ns[name])
        if share is None or not is_communication_slow(share, None, 0):
            continue
        yield Bottleneck(
            kind="communication",
            orchestrator=window.orchestrator,
            window=window.window,
            subject="/".join(name),
            description=(
                f"{named('Phase', name.phase)} of {named('pattern', name.pattern)} waited for answers for "
                f"{percent(share)} of its time, {duration(waited_ns / SECOND_NS)} in all."
            ),
            impact_score=duration_impact(waited_ns, whole_ns) or 0.0,
            value=share,
            baseline=WAIT_LIMIT,
            unit="ratio",
            n=ended[name],
            flagged=ended[name],
            pattern=name.pattern,
            phase=name.phase,
            lost_seconds=waited_ns / SECOND_NS,
            sessions=sessions(window, ExampleKind.WAIT, *name),
            recommendations=list(REMEDIES["communication"]),
        )


def _slow_responders(window: AnalysisWindow, whole_ns: int) -> Iterator[Bottleneck]:
    for droid, facts in window.subjects.droids.items():
        mean_ns, unanswered = mean_response_ns(facts.queries), facts.queries.queries_unanswered
        if not is_communication_slow(None, mean_ns, unanswered):
            continue
        is_slow = mean_ns is not None and mean_ns > RESPONSE_LIMIT_SECONDS * SECOND_NS
        lost_ns = facts.mail.query_wait_ns if is_slow else facts.mail.vain_wait_ns
        slow = f"answers after {duration((mean_ns or 0) / SECOND_NS)} on average" if is_slow else ""
        silent = f"left {unanswered} of {counted(facts.queries.queries, 'query', 'queries')} unanswered"
        yield Bottleneck(
            kind="communication",
            orchestrator=window.orchestrator,
            window=window.window,
            subject=droid,
            description=(
                f"{named('Droid', droid)} {' and '.join(filter(None, (slow, silent if unanswered else '')))}."
            ),
            impact_score=duration_impact(lost_ns, whole_ns) or 0.0,
            value=(mean_ns or 0.0) / SECOND_NS if is_slow else unanswered,
            baseline=RESPONSE_LIMIT_SECONDS if is_slow else 0.0,
            unit="seconds" if is_slow else "queries",
            n=facts.queries.queries,
            flagged=unanswered,
            droid=droid,
            lost_seconds=lost_ns / SECOND_NS,
            sessions=sessions(window, ExampleKind.QUERY, droid),
            recommendations=list(REMEDIES["communication"]),
        )


# --- integration --------------------------------------------------------------------------------------


def _weak_integration(window: AnalysisWindow) -> Iterator[Bottleneck]:
    syntheses = window.minutes.of(f.Syntheses)
    by_outcome = sum_by(syntheses, lambda key: (key.pattern, key.outcome))
    by_pattern = sum_by(syntheses, lambda key: key.pattern)
    in_all = by_pattern.total()
    for pattern, n in sorted(by_pattern.items()):
        integrated, conflicts = by_outcome[pattern, Outcome.INTEGRATED], by_outcome[pattern, Outcome.CONFLICT]
        if not is_integration_weak(integrated, n):
            continue
        yield Bottleneck(
            kind="integration",
            orchestrator=window.orchestrator,
            window=window.window,
            subject=pattern,
            description=(
                f"{n - integrated} of {counted(n, 'synthesis', 'syntheses')} of {named('pattern', pattern)} "
                f"were not integrated: {conflicts} had conflicts, "
                f"{n - integrated - conflicts} failed a gate or missed a part."
            ),
            impact_score=integration_impact(in_all - (n - integrated), in_all) or 0.0,
            value=integrated / n,
            baseline=SUCCESS_TARGET,
            unit="ratio",
            n=n,
            flagged=n - integrated,
            pattern=pattern,
            sessions=sessions(window, ExampleKind.SYNTHESIS, pattern),
            recommendations=list(REMEDIES["integration"]),
        )
