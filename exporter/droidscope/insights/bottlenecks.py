"""
The bottleneck detector: slow phases, slow droids, slow communication, weak integration.

Definition: docs/kpis.md#bottlenecks
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

from msgspec import Struct

from droidscope.conventions.attributes import Outcome
from droidscope.conventions.insight_kinds import BottleneckKind
from droidscope.conventions.scoring import SLOW_FACTOR
from droidscope.conventions.thresholds import RESPONSE_LIMIT_SECONDS, SUCCESS_TARGET
from droidscope.facts.facts import Fact, Key, sums
from droidscope.facts.history import sketches
from droidscope.facts.sketch import COARSE, Sketch
from droidscope.formatting import counted, duration, named, percent, rounded
from droidscope.insights.advice import REMEDIES
from droidscope.insights.analysis_window import AnalysisWindow, RunningPhase, SessionRef, sessions
from droidscope.kpi.bottleneck_impact import (
    BOTTLENECK_MINIMUM,
    WAIT_LIMIT,
    Baseline,
    WorkTime,
    droid_lost_ns,
    droid_slowness,
    duration_impact,
    excess_percent,
    integration_impact,
    is_communication_slow,
    is_integration_weak,
    is_slow_droid,
    phase_excess,
)
from droidscope.kpi.durations import mean_response_ns
from droidscope.kpi.statistics import ratio
from droidscope.kpi.totals import by_subject
from droidscope.model.examples import ExampleKind, ExampleSession
from droidscope.units import SECOND_NS

Unit = Literal["ratio", "seconds", "queries", "messages"]


class Bottleneck(Struct, frozen=True):
    """
    Something that costs a share of the outcome: *impact_score*, 0 to 100.

    *subject* is `pattern/phase`, a droid or a pattern; *pattern*, *phase* and *droid* say the same in
    parts. *value* exceeds *baseline*, or falls short of it, both in *unit*; *n* is how many phases,
    tasks, queries or syntheses of the window were looked at, *flagged* how many of them are beyond.
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


def bottlenecks(look: AnalysisWindow) -> list[Bottleneck]:
    """
    All bottlenecks of a window, the one that costs most first.

    Definition: docs/kpis.md#bottlenecks
    """
    found = (*_slow_phases(look), *_slow_droids(look), *_slow_communication(look), *_weak_integration(look))
    return sorted(found, key=lambda each: (-each.impact_score, each.kind, each.subject))


def sessions_ns(look: AnalysisWindow) -> int:
    """
    How long the sessions that ended in a window took together, and so far those that run.
    """
    return sums(look.minutes, Fact.SESSION_TIME)[()] + look.running_ns


# --- phases -----------------------------------------------------------------------------------------


class _Slow(NamedTuple):
    """
    Runs of a phase that are too slow: how many, what they took, should have, and lost, together.
    """

    n: int = 0
    took_ns: float = 0
    expected_ns: float = 0
    lost_ns: float = 0

    def plus(self, other: _Slow) -> _Slow:
        """
        These and others.
        """
        return _Slow(
            self.n + other.n,
            self.took_ns + other.took_ns,
            self.expected_ns + other.expected_ns,
            self.lost_ns + other.lost_ns,
        )


def _slow_phases(look: AnalysisWindow) -> Iterator[Bottleneck]:
    baselines = {
        place: _baseline(sketch)
        for place, sketch in sketches(
            look.before, Fact.PHASE_TOOK, "pattern", "phase", outcome=Outcome.COMPLETED
        ).items()
    }
    n: Counter[tuple[str, ...]] = Counter()
    slow: defaultdict[tuple[str, ...], _Slow] = defaultdict(_Slow)
    for (*where, path), sketch in sketches(look.hours, Fact.PHASE_TOOK, "pattern", "phase", "path").items():
        place = tuple(where)
        n[place] += sketch.n
        slow[place] = slow[place].plus(_slow_runs(sketch, baselines.get(place), on_path=path == "on"))
    for place, late in _over_plan(look.hours).items():
        if not _is_usual(baselines.get(place)):
            slow[place] = slow[place].plus(late)
    running: defaultdict[tuple[str, ...], list[RunningPhase]] = defaultdict(list)
    for phase in look.running:
        place = phase.pattern, phase.phase
        late = _slow_running(phase, baselines.get(place))
        if late.n:
            n[place] += 1
            slow[place] = slow[place].plus(late)
            running[place].append(phase)

    whole_ns = sessions_ns(look)
    for place, late in slow.items():
        if late.n:
            yield _slow_phase(look, place, late, max(n[place], late.n), running[place], whole_ns)


def _slow_phase(
    look: AnalysisWindow,
    place: tuple[str, ...],
    late: _Slow,
    n: int,
    running: list[RunningPhase],
    whole_ns: int,
) -> Bottleneck:
    pattern, phase = place
    mean_ns, expected_ns = late.took_ns / late.n, late.expected_ns / late.n
    longest = sorted(running, key=lambda each: (-each.elapsed_ns, each.session))
    now = [SessionRef(each.session, each.trace_id, look.now_ns / SECOND_NS) for each in longest]
    return Bottleneck(
        "phase_duration",
        look.orchestrator,
        look.window,
        f"{pattern}/{phase}",
        f"{named('Phase', phase)} of {named('pattern', pattern)} took {duration(mean_ns / SECOND_NS)} on "
        f"average in {late.n} of {counted(n, 'run')}; {duration(expected_ns / SECOND_NS)} are usual.",
        duration_impact(late.lost_ns, whole_ns) or 0.0,
        mean_ns / SECOND_NS,
        expected_ns / SECOND_NS,
        "seconds",
        n,
        late.n,
        pattern=pattern,
        phase=phase,
        excess_percent=excess_percent(mean_ns, expected_ns),
        lost_seconds=late.lost_ns / SECOND_NS,
        sessions=[*now, *_slower(look, (ExampleKind.SLOW_PHASE, pattern, phase), SLOW_FACTOR * expected_ns)][
            :5
        ],
        recommendations=list(REMEDIES["phase_duration"]),
    )


def _slower(look: AnalysisWindow, what: tuple[ExampleKind, str, str], than_ns: float) -> list[SessionRef]:
    shows, *labels = what
    found: list[ExampleSession] = look.examples(shows, tuple(labels))
    return [
        SessionRef(each.session, each.trace_id, each.time_ns / SECOND_NS)
        for each in found
        if each.weight > than_ns
    ]


def _baseline(sketch: Sketch) -> Baseline | None:
    median_ns, p90_ns = sketch.quantile(0.5), sketch.quantile(0.9)
    if median_ns is None or p90_ns is None:
        return None
    return Baseline(median_ns, p90_ns, sketch.n)


def _is_usual(baselines: Baseline | None) -> bool:
    return baselines is not None and baselines.n >= BOTTLENECK_MINIMUM


def _slow_runs(sketch: Sketch, baselines: Baseline | None, *, on_path: bool) -> _Slow:
    late = _Slow()
    for took_ns, n in sketch.values():
        excess = phase_excess(took_ns, baselines, None, on_critical_path=on_path)
        if excess is not None:
            late = late.plus(_Slow(n, took_ns * n, excess.baseline_ns * n, excess.lost_ns * n))
    return late


def _over_plan(hours: Mapping[Key, int]) -> dict[tuple[str, ...], _Slow]:
    """
    Runs of more than 1.5 times their plan, by pattern and phase.
    """
    late: defaultdict[tuple[str, ...], _Slow] = defaultdict(_Slow)
    totals = sums(hours, Fact.OVER_PLAN, "pattern", "phase", "path", "total")
    for pattern, phase, path in {key[:-1] for key in totals}:
        n, took_ns, planned_ns = (
            totals[pattern, phase, path, total] for total in ("n", "took_ns", "planned_ns")
        )
        lost_ns = took_ns - planned_ns if path == "on" else 0
        late[pattern, phase] = late[pattern, phase].plus(_Slow(n, took_ns, planned_ns, lost_ns))
    return late


def _slow_running(phase: RunningPhase, baselines: Baseline | None) -> _Slow:
    """
    A phase that runs holds its session now, so that all it exceeds is lost.
    """
    excess = phase_excess(phase.elapsed_ns, baselines, phase.planned_ns, on_critical_path=True)
    if excess is None:
        return _Slow()
    return _Slow(1, phase.elapsed_ns, excess.baseline_ns, excess.lost_ns)


# --- droids -----------------------------------------------------------------------------------------


def _slow_droids(look: AnalysisWindow) -> Iterator[Bottleneck]:
    completed = sketches(
        look.hours, Fact.TASK_TOOK, "pattern", "task_type", "droid", outcome=Outcome.COMPLETED
    )
    by_all: defaultdict[tuple[str, str], Sketch] = defaultdict(lambda: Sketch(bits=COARSE))
    for (pattern, task_type, _), sketch in completed.items():
        by_all[pattern, task_type].merge(sketch)
    medians = {kind: sketch.quantile(0.5) or 0.0 for kind, sketch in by_all.items()}
    took = _work_times(completed, medians)
    held = _work_times(sketches(look.hours, Fact.TASK_HELD, "pattern", "task_type", "droid"), medians)
    whole_ns = sessions_ns(look)
    for droid, tasks in took.items():
        slowness = droid_slowness(tasks)
        if not is_slow_droid(slowness):
            continue
        lost_ns = droid_lost_ns(held.get(droid, ()))
        n = sum(task.n for task in tasks if task.median_ns)
        yield Bottleneck(
            "droid_performance",
            look.orchestrator,
            look.window,
            droid,
            f"{named('Droid', droid)} takes {rounded(slowness)} times as long as all droids do for the same "
            f"tasks, over {counted(n, 'task')}.",
            duration_impact(lost_ns, whole_ns) or 0.0,
            slowness,
            1.0,
            "ratio",
            n,
            sum(task.n for task in tasks if task.median_ns and task.time_ns > SLOW_FACTOR * task.median_ns),
            droid=droid,
            excess_percent=100 * (slowness - 1),
            lost_seconds=lost_ns / SECOND_NS,
            sessions=sessions(look, ExampleKind.SLOW_TASK, droid),
            recommendations=list(REMEDIES["droid_performance"]),
        )


def _work_times(
    found: Mapping[tuple[str, ...], Sketch], medians: Mapping[tuple[str, str], float]
) -> dict[str, list[WorkTime]]:
    times: defaultdict[str, list[WorkTime]] = defaultdict(list)
    for (pattern, task_type, droid), sketch in found.items():
        median_ns = medians.get((pattern, task_type), 0.0)
        times[droid] += (WorkTime(value, median_ns, n) for value, n in sketch.values())
    return dict(times)


# --- communication ------------------------------------------------------------------------------------


def _slow_communication(look: AnalysisWindow) -> Iterator[Bottleneck]:
    yield from _waiting_phases(look)
    yield from _slow_responders(look)


def _waiting_phases(look: AnalysisWindow) -> Iterator[Bottleneck]:
    phase_ns = sums(look.minutes, Fact.PHASE_NS, "pattern", "phase")
    wait_ns = sums(look.minutes, Fact.WAIT_NS, "pattern", "phase")
    ended = sums(look.minutes, Fact.PHASES, "pattern", "phase")
    whole_ns = sessions_ns(look)
    for place, waited_ns in wait_ns.items():
        share = ratio(waited_ns, phase_ns[place])
        if share is None or not is_communication_slow(share, None, 0):
            continue
        pattern, phase = place
        yield Bottleneck(
            "communication",
            look.orchestrator,
            look.window,
            f"{pattern}/{phase}",
            f"{named('Phase', phase)} of {named('pattern', pattern)} waited for answers for "
            f"{percent(share)} of its time, {duration(waited_ns / SECOND_NS)} in all.",
            duration_impact(waited_ns, whole_ns) or 0.0,
            share,
            WAIT_LIMIT,
            "ratio",
            ended[place],
            ended[place],
            pattern=pattern,
            phase=phase,
            lost_seconds=waited_ns / SECOND_NS,
            sessions=sessions(look, ExampleKind.WAIT, pattern, phase),
            recommendations=list(REMEDIES["communication"]),
        )


def _slow_responders(look: AnalysisWindow) -> Iterator[Bottleneck]:
    whole_ns = sessions_ns(look)
    for droid, facts in by_subject(look.minutes).droids.items():
        mean_ns, unanswered = mean_response_ns(facts.queries), facts.queries.queries_unanswered
        if not is_communication_slow(None, mean_ns, unanswered):
            continue
        is_slow = mean_ns is not None and mean_ns > RESPONSE_LIMIT_SECONDS * SECOND_NS
        lost_ns = facts.mail.query_wait_ns if is_slow else facts.mail.vain_wait_ns
        took = f"answers after {duration((mean_ns or 0) / SECOND_NS)} on average" if is_slow else ""
        left = f"left {unanswered} of {counted(facts.queries.queries, 'query', 'queries')} unanswered"
        said = " and ".join(filter(None, (took, left if unanswered else "")))
        yield Bottleneck(
            "communication",
            look.orchestrator,
            look.window,
            droid,
            f"{named('Droid', droid)} {said}.",
            duration_impact(lost_ns, whole_ns) or 0.0,
            (mean_ns or 0.0) / SECOND_NS if is_slow else unanswered,
            RESPONSE_LIMIT_SECONDS if is_slow else 0.0,
            "seconds" if is_slow else "queries",
            facts.queries.queries,
            unanswered,
            droid=droid,
            lost_seconds=lost_ns / SECOND_NS,
            sessions=sessions(look, ExampleKind.QUERY, droid),
            recommendations=list(REMEDIES["communication"]),
        )


# --- integration --------------------------------------------------------------------------------------


def _weak_integration(look: AnalysisWindow) -> Iterator[Bottleneck]:
    by_outcome = sums(look.minutes, Fact.SYNTHESES, "pattern", "outcome")
    by_all = sum(by_outcome.values())
    for pattern in sorted({pattern for pattern, _ in by_outcome}):
        n = sum(amount for (of, _), amount in by_outcome.items() if of == pattern)
        integrated = by_outcome[pattern, Outcome.INTEGRATED]
        if not is_integration_weak(integrated, n):
            continue
        conflicts = by_outcome[pattern, Outcome.CONFLICT]
        yield Bottleneck(
            "integration",
            look.orchestrator,
            look.window,
            pattern,
            f"{n - integrated} of {counted(n, 'synthesis', 'syntheses')} of {named('pattern', pattern)} were "
            f"not integrated: {conflicts} had conflicts, "
            f"{n - integrated - conflicts} failed a gate or missed a part.",
            integration_impact(by_all - (n - integrated), by_all) or 0.0,
            integrated / n,
            SUCCESS_TARGET,
            "ratio",
            n,
            n - integrated,
            pattern=pattern,
            sessions=sessions(look, ExampleKind.SYNTHESIS, pattern),
            recommendations=list(REMEDIES["integration"]),
        )
