"""
The live gauges: what runs, what waits, what is silent, stalled or over its limit, as of now.

Computed at each scrape from the sessions in memory, so what is gone disappears with the next one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from droidscope.conventions import metrics as m
from droidscope.conventions.attributes import Outcome, SessionStatus, Severity
from droidscope.head.head import Head
from droidscope.model.labels import SessionKey
from droidscope.recording.phase_baselines import PhaseBaselines
from droidscope.series.label_limits import label_text
from droidscope.series.series_registry import SeriesRegistry
from droidscope.sessions.session_state import SessionState
from droidscope.sessions.settings import HeadSettings
from droidscope.units import SECOND_NS

Gauge = tuple[m.MetricSpec, tuple[str, ...], float]
"""
A gauge's spec, all its label values with the orchestrator's first, and its value.
"""

SHOWN_SESSIONS = 100
"""
Sessions an orchestrator that get gauges of their own: the oldest.
"""

SLOW_RUNS = 3
"""
Times the 95th percentile of a phase that a session may stand still in it.
"""


def live_gauges(head: Head, clock_ns: int, wall_ns: int) -> Iterator[Gauge]:
    """
    All live gauges of a head, at this uptime and wall time.
    """
    labelled = _Labelled(head.series)
    head.baselines.refresh(wall_ns)
    running = [*(session for session in head.sessions if session.running), *foreign_sessions(head)]
    known = head.series.label_sets(m.SESSIONS_STARTED, clock_ns)
    yield from _by_pattern(running, known, labelled, head, clock_ns, wall_ns)
    yield from _by_session(running, labelled, head, clock_ns, wall_ns)
    yield from _phases(running, labelled)
    for labels, count in attempts_active(head, clock_ns).items():
        yield m.ATTEMPTS_ACTIVE, labels, count
    for (orchestrator, pattern, droid), report in head.findings:
        for severity in Severity:
            count = report.findings.get(severity, 0)
            yield m.FINDINGS_OPEN, (*orchestrator, pattern, droid, severity), count


def completeness_gauges(head: Head, clock_ns: int) -> Iterator[Gauge]:
    """
    What is stored of what was emitted for each orchestrator; absent where nothing is to be judged.
    """
    totals: dict[str, tuple[int, int]] = {}
    for name, stored, emitted in head.completeness.judged(clock_ns):
        shown = head.series.shown((), m.ORCHESTRATOR, name)
        known = totals.get(shown, (0, 0))
        totals[shown] = known[0] + stored, known[1] + emitted
    for shown, (stored, emitted) in totals.items():
        yield m.COMPLETENESS, (shown,), stored / emitted


def attempts_active(head: Head, clock_ns: int) -> dict[tuple[str, ...], int]:
    """
    Attempts in flight by orchestrator and droid, 0 for those that are known, at this uptime.
    """
    labelled = _Labelled(head.series)
    known = head.series.label_sets(m.ATTEMPTS, clock_ns)
    counts = dict.fromkeys((labels[:-2] for labels in known), 0)
    for session in head.sessions:
        if session.running:
            for droid in session.attempts.values():
                labels = labelled(session, droid=droid)
                counts[labels] = counts.get(labels, 0) + 1
    return counts


class _Labelled:
    """
    Makes label values as the counters have them, so that what overflows there adds up here.
    """

    def __init__(self, series: SeriesRegistry) -> None:
        self._series = series

    def __call__(self, session: SessionState, **labels: str) -> tuple[str, ...]:
        orchestrator = session.orchestrator
        shown = (self._series.shown(orchestrator, name, value) for name, value in labels.items())
        return (*self._series.shown_orchestrator(orchestrator), *shown)


def foreign_sessions(head: Head) -> Iterator[SessionState]:
    """
    The foreign sessions that have not settled, as sessions; their children are all that is known.
    """
    for active in head.foreign.active():
        yield SessionState(
            orchestrator=active.orchestrator,
            id=active.session,
            native=False,
            pattern=active.pattern,
            start_ns=active.start_ns,
            last_clock=active.last_clock_ns,
            moved_clock=active.last_clock_ns,
            droids=set(active.droids),
        )


def _by_pattern(
    running: Iterable[SessionState],
    known: Iterable[tuple[str, ...]],
    labelled: _Labelled,
    head: Head,
    clock_ns: int,
    wall_ns: int,
) -> Iterator[Gauge]:
    """
    Gauges by pattern; what sessions waited for people is in none of their times.
    """
    settings = head.settings
    active = dict.fromkeys(known, 0)
    waiting: Counter[tuple[str, ...]] = Counter()
    silent: Counter[tuple[str, ...]] = Counter()
    stalled: Counter[tuple[str, ...]] = Counter()
    over: Counter[tuple[str, ...]] = Counter()
    oldest: dict[tuple[str, ...], int] = {}
    for session in running:
        labels = labelled(session, pattern=session.pattern)
        active[labels] = active.get(labels, 0) + (not session.waiting)
        waiting[labels] += session.waiting
        if session.waiting:
            continue
        silent[labels] += is_silent(session, settings, clock_ns)
        stalled[labels] += is_stalled(session, head, clock_ns)
        ran = ran_ns(session, wall_ns)
        over[labels] += ran > settings.limit_of(session.pattern)
        oldest[labels] = min(oldest.get(labels, wall_ns), wall_ns - ran)
    for labels, count in active.items():
        yield m.SESSIONS_ACTIVE, labels, count
        yield m.SESSIONS_WAITING, labels, waiting[labels]
        yield m.SESSIONS_SILENT, labels, silent[labels]
        yield m.SESSIONS_STALLED, labels, stalled[labels]
        yield m.SESSIONS_OVER_LIMIT, labels, over[labels]
    for labels, start_ns in oldest.items():
        yield m.SESSION_OLDEST_START, labels, start_ns / SECOND_NS


def ran_ns(session: SessionState, now_ns: int) -> int:
    """
    How long a session has run by *now_ns*, Unix time, or ran until its end: without what it waited for
    people.
    """
    until_ns = now_ns if session.running else session.end_ns
    return max(0, until_ns - session.start_ns - session.waiting_ns(until_ns))


def is_silent(session: SessionState, settings: HeadSettings, clock_ns: int) -> bool:
    """
    Whether nothing has arrived of a running session for too long.
    """
    silent_ns = settings.silent_ns(alive_seen=session.alive_seen)
    return not session.waiting and clock_ns - session.last_clock >= silent_ns


def is_stalled(session: SessionState, head: Head, clock_ns: int) -> bool:
    """
    Whether a running session is alive but has not moved for too long: longer than is usual even for
    a slow run of its present phase.
    """
    still_ns = clock_ns - session.moved_clock
    if session.waiting or still_ns < head.settings.stalled_after_ns:
        return False
    if is_silent(session, head.settings, clock_ns):
        return False
    baselines = head.baselines.of(session).get(session.phase)
    return baselines is None or still_ns >= SLOW_RUNS * baselines.p95_ns


def session_state(session: SessionState, head: Head, clock_ns: int) -> SessionStatus:
    """
    How a session stands at this uptime: its outcome, or before its end, whether it waits or what is wrong.
    """
    if session.outcome is not None:
        return ended_state(session.outcome)
    if session.waiting:
        return "waiting"
    if is_silent(session, head.settings, clock_ns):
        return "silent"
    return "stalled" if is_stalled(session, head, clock_ns) else "running"


def ended_state(outcome: Outcome) -> SessionStatus:
    """
    How a session that has ended stands; of an outcome that sessions do not have, nothing is known.
    """
    return _ENDED_STATES.get(outcome, "unknown")


_ENDED_STATES: Final[Mapping[Outcome, SessionStatus]] = {
    Outcome.COMPLETED: "completed",
    Outcome.FAILED: "failed",
    Outcome.LOST: "lost",
    Outcome.CANCELLED: "cancelled",
    Outcome.UNKNOWN: "unknown",
}


def progress_ratio(session: SessionState, baselines: PhaseBaselines) -> float | None:
    """
    What the orchestrator last reported, else the finished share of its plan, or without one of the
    phases its pattern is known to have. None without any of these.

    A phase weighs what it usually takes; those of which that is not known weigh as the mean.

    Definition: docs/kpis.md#orchestration-per-orchestrator
    """
    if session.progress is not None:
        return session.progress
    medians = {phase: each.median_ns for phase, each in baselines.of(session).items()}
    plan = set(session.plan or (medians if session.native else ()))
    if not plan:
        return None
    known = [medians[phase] for phase in plan if medians.get(phase)]
    mean = sum(known) / len(known) if known else 1.0
    weights = {phase: medians.get(phase) or mean for phase in plan}
    return sum(weights[phase] for phase in plan & session.finished_phases) / sum(weights.values())


def droids_at_work(session: SessionState) -> set[str]:
    """
    The droids with an attempt in flight, or of a foreign session those seen so far.
    """
    return set(session.attempts.values()) if session.native else session.droids


def _by_session(
    running: Iterable[SessionState], labelled: _Labelled, head: Head, clock_ns: int, wall_ns: int
) -> Iterator[Gauge]:
    shown: Counter[tuple[str, ...]] = Counter()
    ids: set[SessionKey] = set()
    for session in sorted(running, key=lambda session: (session.start_ns, session.id)):
        shown[session.orchestrator] += 1
        if shown[session.orchestrator] > SHOWN_SESSIONS:
            continue
        *orchestrator, pattern, phase = labelled(session, pattern=session.pattern, phase=session.phase)
        key = (session.orchestrator, session.id)
        labels = (
            *orchestrator,
            label_text(f"{session.id} {session.run}" if key in ids else session.id),
            pattern,
        )
        ids.add(key)
        yield m.ACTIVE_SESSION_INFO, (*labels, phase), 1
        yield m.ACTIVE_SESSION_STATE, (*labels, session_state(session, head, clock_ns)), 1
        # Later by what it waited: what it waits for people counts in no limit.
        yield m.ACTIVE_SESSION_START, labels, (wall_ns - ran_ns(session, wall_ns)) / SECOND_NS
        yield m.ACTIVE_SESSION_DROIDS, labels, len(droids_at_work(session))
        yield m.ACTIVE_SESSION_CONFLICTS, labels, len(session.conflicts)
        progress = progress_ratio(session, head.baselines)
        if progress is not None:
            yield m.ACTIVE_SESSION_PROGRESS, labels, progress


def _phases(running: Iterable[SessionState], labelled: _Labelled) -> Iterator[Gauge]:
    counts: Counter[tuple[str, ...]] = Counter()
    for session in running:
        for phase, state in session.phases.items():
            if state.running:
                which = "blocked" if state.blocked else "running"
                counts[*labelled(session, pattern=session.pattern, phase=phase), which] += 1
    for labels, count in counts.items():
        yield m.PHASES_ACTIVE, labels, count
