"""
Digests: what only a whole ended session shows, from its critical path to what held it up.

A digest is made once a session has ended, and again when late records change it; what it added to
the history before is then taken back. Sessions whose first records were forgotten have none.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import ClassVar, Final

from msgspec import Struct
from msgspec.structs import replace

from droidscope.bounded import BoundedMap
from droidscope.conventions.attributes import Outcome
from droidscope.conventions.scoring import SLOW_FACTOR
from droidscope.facts.facts import Fact, Key
from droidscope.facts.sketch import COARSE, bucket
from droidscope.kpi.critical_path import (
    Interval,
    Segment,
    critical_path,
    ns_by_droid,
    ns_by_phase,
    planned_length,
)
from droidscope.model.examples import ExampleKind
from droidscope.model.labels import OrchestratorLabels, Relabel, SessionKey, unchanged
from droidscope.recording.recorder import Recorder
from droidscope.sessions.session_state import PhaseState, SessionState
from droidscope.units import MICRO

ANALYSES_LIMIT: Final = 1_000
"""
Sessions whose digest is kept, the newest ones.
"""
PATH_LIMIT: Final = 100
"""
Stretches of a critical path that are kept, the longest ones.
"""
PHASES_LIMIT: Final = 200
"""
Phases of a digest that are kept, the first ones.
"""
DROIDS_LIMIT: Final = 100
"""
Droids of a phase that a digest names.
"""

Amount = tuple[int, Key, int]
"""
When what it is about ended (Unix nanoseconds), the fact's key with a sketched one's bucket, how much.
"""
Span = tuple[int, int]
"""
From a first start to a last end, Unix nanoseconds.
"""
_TIMED: Final = frozenset({Outcome.COMPLETED, Outcome.FAILED})
"""
Outcomes of a phase that say how long it takes.
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
    A stretch of a critical path: who held the session from when to when. *phase* and *droid* are ""
    where none was at work.
    """

    phase: str
    droid: str
    start_ns: int
    end_ns: int


class SessionAnalysis(Struct, frozen=True):
    """
    An ended session. *path* tiles it from start to end, unless it has more stretches than are kept.
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


class SessionAnalyses:
    """
    Makes digests, adds what they say to the history of *recorder*, and keeps the newest.
    """

    dump_type: ClassVar = list[SessionAnalysis]

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._by_key: BoundedMap[SessionKey, SessionAnalysis] = BoundedMap(ANALYSES_LIMIT)

    def make(self, session: SessionState) -> None:
        """
        Digest a session that has ended; one that was lost, or is known in part, is left out.
        """
        if session.outcome not in {Outcome.COMPLETED, Outcome.FAILED} or not session.whole:
            return
        path = critical_path(_whole(session), _parts(session))
        held = ns_by_phase(path)
        self._replace(session, list(_facts(session, path, held)))
        self._show(session, path)
        self._by_key[session.key] = _analysis(session, path, held)

    def forget(self, key: SessionKey) -> None:
        """
        Let go of the digest of a session: its id is used again.
        """
        self._by_key.pop(key, None)

    def get(self, key: SessionKey) -> SessionAnalysis | None:
        """
        The digest of a session, None if it is not kept.
        """
        return self._by_key.get(key)

    def find(self, session_id: str) -> list[SessionAnalysis]:
        """
        The digests of all sessions of an id, whoever ran them; the newest last.
        """
        return [analysis for (_, id_), analysis in self._by_key.items() if id_ == session_id]

    def _replace(self, session: SessionState, now: list[Amount]) -> None:
        changes: Counter[tuple[int, Key]] = Counter()
        for sign, amounts in ((1, now), (-1, session.analysis_facts)):
            for end_ns, key, amount in amounts:
                changes[end_ns, key] += sign * amount
        for (end_ns, key), amount in changes.items():
            self._recorder.fact(session.orchestrator, end_ns, key, amount)
        # One by one, for a sum may exceed the 64 bits of a checkpoint's integers.
        session.analysis_facts = now

    def _show(self, session: SessionState, path: list[Segment]) -> None:
        for what, labels in session.shown:
            self._recorder.hide(session, what, labels)
        session.shown = []
        for what, labels, weight, end_ns in _examples(session, path):
            self._recorder.show(session, what, labels, weight, end_ns)
            session.shown.append((what, labels))

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
            ANALYSES_LIMIT, (((each.orchestrator, each.session), each) for each in kept)
        )


def _examples(
    session: SessionState, path: list[Segment]
) -> Iterator[tuple[ExampleKind, dict[str, str], int, int]]:
    """
    What a session is an example of: of what, of whom, how much, and when that ended.
    """
    pattern = {"pattern": session.pattern}
    for name, phase in session.phases.items():
        runs = [run for run in phase.runs if run.outcome in _TIMED]
        if runs:
            longest = max(runs, key=lambda run: (run.took_ns, run.end_ns))
            yield ExampleKind.SLOW_PHASE, {**pattern, "phase": name}, longest.took_ns, longest.end_ns
    for droid, held_ns in _ns_by_droid(path).items():
        yield ExampleKind.SLOW_TASK, {"droid": droid}, held_ns, session.end_ns
    idle_ns = sum(idle for _, idle in _idle(session, _spans(session)))
    if idle_ns:
        yield ExampleKind.IDLE, pattern, idle_ns, session.end_ns
    if session.outcome is Outcome.COMPLETED:
        yield ExampleKind.FASTEST, pattern, session.start_ns - session.end_ns, session.end_ns


def phases_of(session: SessionState, held: dict[str, int] | None = None) -> Iterator[PhaseAnalysis]:
    """
    The phases of a session in order of their start; *held* is how long each held it, if known.
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
            held_ns=None if held is None else held.get(name, 0),
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


def _analysis(session: SessionState, path: list[Segment], held: dict[str, int]) -> SessionAnalysis:
    return SessionAnalysis(
        session.orchestrator,
        session.id,
        session.pattern,
        session.trace_id,
        session.outcome or Outcome.LOST,
        session.start_ns,
        session.end_ns,
        session.tasks_completed,
        session.tasks_failed,
        len(session.conflicts),
        tuple(islice(phases_of(session, held), PHASES_LIMIT)),
        tuple(_stretches(path)),
    )


def _stretches(path: Iterable[Segment]) -> list[PathStretch]:
    """
    The path by phase and droid, the longest stretches of it in order of time.
    """
    found: list[PathStretch] = []
    for subject, start_ns, end_ns in path:
        if found and (found[-1].phase, found[-1].droid) == (subject.phase, subject.droid):
            found[-1] = PathStretch(subject.phase, subject.droid, found[-1].start_ns, end_ns)
        else:
            found.append(PathStretch(subject.phase, subject.droid, start_ns, end_ns))
    longest = sorted(found, key=lambda each: each.start_ns - each.end_ns)[:PATH_LIMIT]
    return sorted(longest, key=lambda each: each.start_ns)


# --- the parts of a session -----------------------------------------------------------------------


def _whole(session: SessionState) -> Interval:
    return Interval("session", "", session.start_ns, max(session.start_ns, session.end_ns))


def _parts(session: SessionState) -> Iterator[Interval]:
    for name, phase in session.phases.items():
        for number, run in enumerate(phase.runs):
            yield Interval(_run_id(name, number), "session", run.start_ns, run.end_ns, name)
    for id_, task in session.tasks.items():
        if task.ended:
            yield Interval(
                f"task {id_}",
                _run_of(session, task.phase, task.start_ns),
                task.start_ns,
                task.end_ns,
                task.phase,
                task.droid,
            )
        for span_id, each in task.tried.items():
            parent = f"task {id_}" if task.ended else _run_of(session, task.phase, each.start_ns)
            name = f"attempt {id_} {span_id}"
            yield Interval(name, parent, each.start_ns, each.end_ns, task.phase, each.droid)


def _run_id(phase: str, number: int) -> str:
    return f"phase {number} {phase}"


def _run_of(session: SessionState, name: str, start_ns: int) -> str:
    """
    The id of the run of a phase in which something began; of the last one if in none.
    """
    runs = session.phases[name].runs if name in session.phases else []
    inside = (number for number, run in enumerate(runs) if run.start_ns <= start_ns <= run.end_ns)
    return _run_id(name, next(inside, len(runs) - 1))


def _task_of(segment: Segment) -> str:
    """
    The id of the task that a stretch of a path belongs to, "" if to none.
    """
    for part in (segment.subject.id, segment.subject.parent):
        kind, _, id_ = part.partition(" ")
        if kind == "task":
            return id_
    return ""


# --- what a session says --------------------------------------------------------------------------


def _facts(session: SessionState, path: list[Segment], held: dict[str, int]) -> Iterator[Amount]:
    yield from _phase_facts(session, held)
    yield from _task_facts(session, path)
    yield from _sequence_facts(session)


def _phase_facts(session: SessionState, held: dict[str, int]) -> Iterator[Amount]:
    for name, phase in session.phases.items():
        path = "on" if held.get(name) else "off"
        for run in phase.runs:
            if run.outcome not in _TIMED:
                continue
            took = str(bucket(run.took_ns, COARSE))
            yield run.end_ns, (Fact.PHASE_TOOK, session.pattern, name, run.outcome, path, took), 1
            planned_ns = run.planned_ns or phase.planned_ns
            if planned_ns and run.took_ns > SLOW_FACTOR * planned_ns:
                place = (Fact.OVER_PLAN, session.pattern, name, path)
                yield run.end_ns, (*place, "n"), 1
                yield run.end_ns, (*place, "took_ns"), run.took_ns
                yield run.end_ns, (*place, "planned_ns"), planned_ns


def _task_facts(session: SessionState, path: list[Segment]) -> Iterator[Amount]:
    held: Counter[str] = Counter()
    for segment in path:
        held[_task_of(segment)] += segment.end_ns - segment.start_ns
    for id_, task in session.tasks.items():
        if task.ended and held[id_]:
            place = (Fact.TASK_HELD, session.pattern, task.task_type, task.droid)
            yield task.end_ns, (*place, str(bucket(held[id_], COARSE))), 1


def _sequence_facts(session: SessionState) -> Iterator[Amount]:
    spans = _spans(session)
    critical_ns = _critical_ns(session, spans)
    if critical_ns is None:
        return
    makespan_ns = max(end for _, end in spans.values()) - min(start for start, _ in spans.values())
    place = (Fact.SEQUENCING, session.pattern)
    yield session.end_ns, (*place, "n"), 1
    yield session.end_ns, (*place, "makespan_ns"), makespan_ns
    yield session.end_ns, (*place, "critical_ns"), min(makespan_ns, critical_ns)
    for name, idle_ns in _idle(session, spans):
        yield session.end_ns, (Fact.IDLE_NS, session.pattern, name), idle_ns


def _idle(session: SessionState, spans: dict[str, Span]) -> Iterator[tuple[str, int]]:
    """
    The phases that began later than what they say they depend on ended, and by how much, in nanoseconds.
    """
    for name, (start_ns, _) in spans.items():
        ready = [spans[other][1] for other in session.phases[name].depends_on if other in spans]
        if ready and start_ns > max(ready):
            yield name, start_ns - max(ready)


def _spans(session: SessionState) -> dict[str, Span]:
    """
    From the first start to the last end of each phase that has ended.
    """
    return {
        name: (min(run.start_ns for run in phase.runs), max(run.end_ns for run in phase.runs))
        for name, phase in session.phases.items()
        if phase.runs
    }


def _critical_ns(session: SessionState, spans: dict[str, Span]) -> int | None:
    """
    How long a session's phases take at least by what they depend on; None if none declares anything,
    or they depend on each other in a circle.

    A phase that declares nothing depends on all that had ended when it began: not declared is not
    independent. For that, phases and steps between them make one graph: a step has passed once the
    phase of its number has ended, in order of their ends, and all before.
    """
    in_order = sorted(spans, key=lambda name: (spans[name][::-1], name))
    ends = [spans[name][1] for name in in_order]
    durations: dict[str, float] = {}
    before: dict[str, list[str]] = {}
    for number, name in enumerate(in_order):
        start_ns, end_ns = spans[name]
        declared = [f"phase {other}" for other in session.phases[name].depends_on]
        passed = min(number, bisect_right(ends, start_ns))
        durations[f"phase {name}"], durations[f"step {number}"] = end_ns - start_ns, 0
        before[f"phase {name}"] = declared or ([f"step {passed - 1}"] if passed else [])
        before[f"step {number}"] = [f"phase {name}", *([f"step {number - 1}"] if number else [])]
    if not any(session.phases[name].depends_on for name in spans):
        return None
    try:
        return round(planned_length(durations, before))
    except ValueError:
        return None


def _ns_by_droid(path: Iterable[Segment]) -> dict[str, int]:
    return {droid: held_ns for droid, held_ns in ns_by_droid(path).items() if droid}
