"""
Session analyses: what only a whole ended session shows, from its critical path to what held it up.

A session is analysed once it has ended, and again when late records change it; what its analysis added
to the history before is then taken back. Sessions whose first records were forgotten have none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import ClassVar, Final

from msgspec import Struct
from msgspec.structs import replace

from droidscope.bounded import BoundedMap
from droidscope.conventions.attributes import Outcome
from droidscope.facts.fact_key import FactKey
from droidscope.kpi.critical_path import Segment, critical_path, ns_by_droid, ns_by_phase
from droidscope.model.examples import ExampleKind
from droidscope.model.labels import OrchestratorLabels, Relabel, SessionKey, unchanged
from droidscope.model.records import UserAttributes
from droidscope.recording.metric_writer import MetricWriter
from droidscope.recording.session_facts import (
    TIMED_OUTCOMES,
    Amount,
    idle_phases,
    phase_spans,
    session_facts,
)
from droidscope.recording.session_intervals import session_intervals, whole_session
from droidscope.sessions.session_state import PhaseState, SessionState, run_key
from droidscope.units import MICRO

ANALYSES_LIMIT: Final = 1_000
"""
Sessions whose analysis is kept, the newest ones.
"""
PATH_LIMIT: Final = 100
"""
Stretches of a critical path that are kept, the longest ones.
"""
PHASES_LIMIT: Final = 200
"""
Phases of an analysis that are kept, the first ones.
"""
DROIDS_LIMIT: Final = 100
"""
Droids of a phase that an analysis names.
"""


class PhaseAnalysis(Struct, frozen=True):
    """
    A phase of a session. *end_ns* is None while it runs, *start_ns* where that is not known; *held_ns*
    is how long it held the session, None before the session has ended. *quality* is the mean code
    quality score of its tasks.
    """

    phase: str
    state: str
    start_ns: int | None
    end_ns: int | None
    planned_ns: int | None
    held_ns: int | None
    droids: tuple[str, ...]
    conflicts: int
    quality: float | None


class PathStretch(Struct, frozen=True):
    """
    A stretch of a critical path: what held the session from when to when. *phase* and *droid* are ""
    where none was at work.
    """

    phase: str
    droid: str
    start_ns: int
    end_ns: int


class SessionAnalysis(Struct, frozen=True):
    """
    An ended session. *path* tiles it from start to end, unless it has more stretches than are kept. *twin* is
    the run in its key, if another session has its id; *waited_ns* is what it waited for people, *attributes*
    are the user's.
    """

    orchestrator: OrchestratorLabels
    session: str
    pattern: str
    trace_id: str
    outcome: Outcome
    start_ns: int
    end_ns: int
    tasks_completed: int
    tasks_failed: int
    conflicts: int
    phases: tuple[PhaseAnalysis, ...]
    path: tuple[PathStretch, ...]
    twin: str = ""
    waited_ns: int = 0
    attributes: UserAttributes = ()


class SessionAnalyses:
    """
    Analyses sessions, adds the facts of that to the history of *writer*, and keeps the newest analyses.
    """

    dump_type: ClassVar = list[SessionAnalysis]

    def __init__(self, writer: MetricWriter) -> None:
        self._writer = writer
        self._by_key: BoundedMap[SessionKey, SessionAnalysis] = BoundedMap(ANALYSES_LIMIT)

    def make(self, session: SessionState) -> None:
        """
        Analyse a session that has ended; one that was lost, or is known in part, is left out.
        """
        if session.outcome not in {Outcome.COMPLETED, Outcome.FAILED} or not session.whole:
            return
        path = critical_path(whole_session(session), session_intervals(session))
        held_ns = ns_by_phase(path)
        self._replace(session, list(session_facts(session, path, held_ns)))
        self._replace_examples(session, path)
        self._by_key[session.key] = _analysis(session, path, held_ns)

    def forget(self, key: SessionKey) -> None:
        """
        Drop the analysis of a session: its id is used again.
        """
        self._by_key.pop(key, None)

    def get(self, key: SessionKey) -> SessionAnalysis | None:
        """
        The analysis of a session, None if it is not kept.
        """
        return self._by_key.get(key)

    def find(self, session_id: str) -> list[SessionAnalysis]:
        """
        The analyses of all sessions of an id, of any orchestrator; the newest last.
        """
        return [analysis for analysis in self._by_key.values() if analysis.session == session_id]

    def _replace(self, session: SessionState, now: list[Amount]) -> None:
        changes: Counter[tuple[int, FactKey]] = Counter()
        for sign, amounts in ((1, now), (-1, session.analysis_facts)):
            for end_ns, key, amount in amounts:
                changes[end_ns, key] += sign * amount
        for (end_ns, key), amount in changes.items():
            self._writer.add_fact(session.orchestrator, end_ns, key, amount)
        # One by one, for a sum may exceed the 64 bits of a checkpoint's integers.
        session.analysis_facts = now

    def _replace_examples(self, session: SessionState, path: list[Segment]) -> None:
        for kind, labels in session.shown:
            self._writer.remove_example(session, kind, labels)
        session.shown = []
        for kind, labels, weight, end_ns in _examples(session, path):
            self._writer.add_example(session, kind, labels, weight, end_ns)
            session.shown.append((kind, labels))

    def dump(self) -> list[SessionAnalysis]:
        """
        The state for a checkpoint.
        """
        return list(self._by_key.values())

    def load(self, dump: Iterable[SessionAnalysis], relabel: Relabel = unchanged) -> None:
        """
        Go on from a checkpoint.
        """
        kept = (replace(analysis, orchestrator=relabel(analysis.orchestrator)) for analysis in dump)
        self._by_key = BoundedMap(
            ANALYSES_LIMIT,
            (
                (run_key((analysis.orchestrator, analysis.session), analysis.twin), analysis)
                for analysis in kept
            ),
        )


def _examples(
    session: SessionState, path: list[Segment]
) -> Iterator[tuple[ExampleKind, dict[str, str], int, int]]:
    """
    What a session is an example of: kind, subject, weight, and when that ended.
    """
    pattern = {"pattern": session.pattern}
    for name, phase in session.phases.items():
        runs = [run for run in phase.runs if run.outcome in TIMED_OUTCOMES]
        if runs:
            longest = max(runs, key=lambda run: (run.took_ns, run.end_ns))
            yield ExampleKind.SLOW_PHASE, {**pattern, "phase": name}, longest.took_ns, longest.end_ns
    for droid, held_ns in ns_by_droid(path).items():
        if droid:
            yield ExampleKind.SLOW_TASK, {"droid": droid}, held_ns, session.end_ns
    idle_ns = sum(idle_ns for _, idle_ns in idle_phases(session, phase_spans(session)))
    if idle_ns:
        yield ExampleKind.IDLE, pattern, idle_ns, session.end_ns
    if session.outcome is Outcome.COMPLETED:
        yield ExampleKind.FASTEST, pattern, session.start_ns - session.end_ns, session.end_ns


def phases_of(session: SessionState, held_ns: dict[str, int] | None = None) -> Iterator[PhaseAnalysis]:
    """
    The phases of a session in order of their start; *held_ns* is how long each held it, if known.
    """
    for name, phase in sorted(session.phases.items(), key=lambda item: (_latest(item[1]), item[0])):
        total, n = phase.quality
        start_ns, end_ns = _latest(phase)
        yield PhaseAnalysis(
            phase=name,
            state=_state_of(phase),
            start_ns=start_ns or None,
            end_ns=end_ns or None,
            planned_ns=phase.planned_ns,
            held_ns=None if held_ns is None else held_ns.get(name, 0),
            droids=tuple(sorted(filter(None, phase.droids))[:DROIDS_LIMIT]),
            conflicts=phase.conflicts,
            quality=total / (n * MICRO) if n else None,
        )


def _latest(phase: PhaseState) -> tuple[int, int]:
    """
    Start and end of a phase's latest run; 0 where they are not known, or not yet.
    """
    return (phase.start_ns, 0) if phase.running or phase.interval is None else phase.interval


def _state_of(phase: PhaseState) -> str:
    if phase.running:
        return "blocked" if phase.blocked else "running"
    return str(phase.runs[-1].outcome) if phase.runs else ""


def _analysis(session: SessionState, path: list[Segment], held_ns: dict[str, int]) -> SessionAnalysis:
    return SessionAnalysis(
        orchestrator=session.orchestrator,
        session=session.id,
        pattern=session.pattern,
        trace_id=session.trace_id,
        outcome=session.outcome or Outcome.LOST,
        start_ns=session.start_ns,
        end_ns=session.end_ns,
        tasks_completed=session.tasks_completed,
        tasks_failed=session.tasks_failed,
        conflicts=len(session.conflicts),
        phases=tuple(islice(phases_of(session, held_ns), PHASES_LIMIT)),
        path=tuple(_stretches(path)),
        twin=session.twin,
        waited_ns=session.waited_ns,
        attributes=session.attributes,
    )


def _stretches(path: Iterable[Segment]) -> list[PathStretch]:
    """
    The path by phase and droid, the longest stretches of it in order of time.
    """
    stretches: list[PathStretch] = []
    for subject, start_ns, end_ns in path:
        if stretches and (stretches[-1].phase, stretches[-1].droid) == (subject.phase, subject.droid):
            stretches[-1] = PathStretch(subject.phase, subject.droid, stretches[-1].start_ns, end_ns)
        else:
            stretches.append(PathStretch(subject.phase, subject.droid, start_ns, end_ns))
    longest = sorted(stretches, key=lambda stretch: stretch.start_ns - stretch.end_ns)[:PATH_LIMIT]
    return sorted(longest, key=lambda stretch: stretch.start_ns)
