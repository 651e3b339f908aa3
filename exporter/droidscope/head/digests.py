"""
Digests: what only a whole ended session shows, from its critical path to what held it up.

A digest is made once a session has ended, and again when late records change it; what it added to
the history before is then taken back. Sessions whose first records were forgotten have none.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import Struct

from droidscope.conventions.attributes import Outcome
from droidscope.head.ledger import Ledger
from droidscope.head.state import PhaseState, SessionKey, SessionState
from droidscope.kpi.bottlenecks import SLOW
from droidscope.kpi.critical_path import (
    Interval,
    Segment,
    critical_path,
    ns_by_phase,
    planned_path,
)
from droidscope.kpi.facts import Fact, Key
from droidscope.kpi.sketch import COARSE, bucket
from droidscope.model.evidence import Shows

DIGESTS_LIMIT: Final = 1_000
"""
Sessions whose digest is kept, the newest ones.
"""
PATH_LIMIT: Final = 100
"""
Stretches of a critical path that are kept, the longest ones.
"""

Facts = Counter[tuple[int, Key]]
"""
Amounts by end (Unix nanoseconds) and key, with a sketched fact's bucket.
"""


class PhaseDigest(Struct, frozen=True):
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


class Stretch(Struct, frozen=True):
    """
    A stretch of a critical path: who held the session from when to when. *phase* and *droid* are ""
    where none was at work.
    """

    phase: str
    droid: str
    start_ns: int
    end_ns: int


class Digest(Struct, frozen=True):
    """
    An ended session. *path* tiles it from start to end, unless it has more stretches than are kept.
    """

    orchestrator: tuple[str, ...]
    session: str
    pattern: str
    trace_id: str
    outcome: Outcome
    start_ns: int
    end_ns: int
    tasks_completed: int
    tasks_failed: int
    conflicts: int
    phases: tuple[PhaseDigest, ...]
    path: tuple[Stretch, ...]


class Digests:
    """
    Makes digests, adds what they say to the history of *ledger*, and keeps the newest.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._by_key: OrderedDict[SessionKey, Digest] = OrderedDict()

    def make(self, session: SessionState) -> None:
        """
        Digest a session that has ended; one that was lost, or is known in part, is left out.
        """
        session.digest_clock = None
        if session.outcome not in {Outcome.COMPLETED, Outcome.FAILED} or not session.whole:
            return
        path = critical_path(_whole(session), _parts(session))
        held = ns_by_phase(path)
        self._replace(session, _facts(session, path, held))
        self._show(session, path, held)
        self._by_key[session.key] = _digest(session, path, held)
        self._by_key.move_to_end(session.key)
        if len(self._by_key) > DIGESTS_LIMIT:
            self._by_key.popitem(last=False)

    def withdraw(self, session: SessionState) -> None:
        """
        Take back what was added of a session.
        """
        self._replace(session, Counter())

    def get(self, key: SessionKey) -> Digest | None:
        """
        The digest of a session, None if it is not kept.
        """
        return self._by_key.get(key)

    def find(self, session_id: str) -> list[Digest]:
        """
        The digests of all sessions of an id, whoever ran them; the newest last.
        """
        return [digest for (_, id_), digest in self._by_key.items() if id_ == session_id]

    def _replace(self, session: SessionState, now: Facts) -> None:
        changes = now.copy()
        for end_ns, key, amount in session.digested:
            changes[end_ns, key] -= amount
        for (end_ns, key), amount in changes.items():
            if amount:
                self._add(session, end_ns, key, amount)
        session.digested = [(end_ns, key, amount) for (end_ns, key), amount in now.items() if amount]

    def _add(self, session: SessionState, end_ns: int, key: Key, amount: int) -> None:
        self._ledger.fact(session.orchestrator, end_ns, key, amount)

    def _show(self, session: SessionState, path: list[Segment], held: dict[str, int]) -> None:
        for name, phase in session.phases.items():
            if phase.runs and held.get(name):
                longest_ns = max(run.end_ns - run.start_ns for run in phase.runs)
                where = {"pattern": session.pattern, "phase": name}
                self._ledger.show(session, Shows.SLOW_PHASE, where, longest_ns)
        for droid, held_ns in _ns_by_droid(path).items():
            self._ledger.show(session, Shows.SLOW_TASK, {"droid": droid}, held_ns)
        idle_ns = sum(idle for _, idle in _idle(session))
        if idle_ns:
            self._ledger.show(session, Shows.IDLE, {"pattern": session.pattern}, idle_ns)
        if session.outcome is Outcome.COMPLETED:
            took_ns = session.end_ns - session.start_ns
            self._ledger.show(session, Shows.FASTEST, {"pattern": session.pattern}, -took_ns)

    def dump(self) -> list[Digest]:
        """
        The state for a checkpoint.
        """
        return list(self._by_key.values())

    def load(self, dump: Iterable[Digest]) -> None:
        """
        Go on from a checkpoint.
        """
        self._by_key = OrderedDict(((digest.orchestrator, digest.session), digest) for digest in dump)


def phases_of(session: SessionState, held: dict[str, int] | None = None) -> Iterator[PhaseDigest]:
    """
    The phases of a session in order of their start; *held* is how long each held it, if known.
    """
    for name, phase in sorted(session.phases.items(), key=lambda item: item[1].start_ns):
        total, n = phase.quality
        yield PhaseDigest(
            phase=name,
            state=_state_of(phase),
            start_ns=phase.start_ns or None,
            end_ns=None if phase.running or phase.interval is None else phase.interval[1],
            planned_ns=phase.planned_ns,
            held_ns=None if held is None else held.get(name, 0),
            droids=tuple(sorted(phase.droids)),
            conflicts=phase.conflicts,
            quality=total / n if n else None,
        )


def _state_of(phase: PhaseState) -> str:
    if phase.running:
        return "blocked" if phase.blocked else "running"
    return str(phase.runs[-1].outcome) if phase.runs else ""


def _digest(session: SessionState, path: list[Segment], held: dict[str, int]) -> Digest:
    return Digest(
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
        tuple(phases_of(session, held)),
        tuple(_stretches(path)),
    )


def _stretches(path: Iterable[Segment]) -> list[Stretch]:
    """
    The path by phase and droid, the longest stretches of it in order of time.
    """
    found: list[Stretch] = []
    for subject, start_ns, end_ns in path:
        if found and (found[-1].phase, found[-1].droid) == (subject.phase, subject.droid):
            found[-1] = Stretch(subject.phase, subject.droid, found[-1].start_ns, end_ns)
        else:
            found.append(Stretch(subject.phase, subject.droid, start_ns, end_ns))
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
        for span_id, (start_ns, end_ns) in task.tried.items():
            parent = f"task {id_}" if task.ended else _run_of(session, task.phase, start_ns)
            yield Interval(f"attempt {id_} {span_id}", parent, start_ns, end_ns, task.phase, task.droid)


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
    kind, _, rest = segment.subject.id.partition(" ")
    if kind == "task":
        return rest
    return segment.subject.parent.partition(" ")[2] if kind == "attempt" else ""


# --- what a session says --------------------------------------------------------------------------


def _facts(session: SessionState, path: list[Segment], held: dict[str, int]) -> Facts:
    facts: Facts = Counter()
    for end_ns, key, amount in (
        *_phase_facts(session, held),
        *_task_facts(session, path),
        *_sequence_facts(session),
    ):
        facts[end_ns, key] += amount
    return facts


def _phase_facts(session: SessionState, held: dict[str, int]) -> Iterator[tuple[int, Key, int]]:
    for name, phase in session.phases.items():
        path = "on" if held.get(name) else "off"
        for run in phase.runs:
            took_ns = run.end_ns - run.start_ns
            if run.outcome in {Outcome.COMPLETED, Outcome.FAILED}:
                took = str(bucket(took_ns, COARSE))
                yield run.end_ns, (Fact.PHASE_TOOK, session.pattern, name, run.outcome, path, took), 1
            if phase.planned_ns and took_ns > SLOW * phase.planned_ns:
                place = (Fact.OVER_PLAN, session.pattern, name, path)
                yield run.end_ns, (*place, "n"), 1
                yield run.end_ns, (*place, "took_ns"), took_ns
                yield run.end_ns, (*place, "planned_ns"), phase.planned_ns


def _task_facts(session: SessionState, path: list[Segment]) -> Iterator[tuple[int, Key, int]]:
    held: Counter[str] = Counter()
    for segment in path:
        held[_task_of(segment)] += segment.end_ns - segment.start_ns
    for id_, task in session.tasks.items():
        if task.ended and held[id_]:
            place = (Fact.TASK_HELD, session.pattern, task.task_type, task.droid)
            yield task.end_ns, (*place, str(bucket(held[id_], COARSE))), 1


def _sequence_facts(session: SessionState) -> Iterator[tuple[int, Key, int]]:
    spans = _spans(session)
    before = _dependencies(session, spans)
    if not before:
        return
    durations = {name: float(end_ns - start_ns) for name, (start_ns, end_ns) in spans.items()}
    try:
        plan = planned_path(durations, before)
    except ValueError:
        return  # phases that depend on each other in a circle declare nothing
    makespan_ns = max(end for _, end in spans.values()) - min(start for start, _ in spans.values())
    place = (Fact.SEQUENCING, session.pattern)
    yield session.end_ns, (*place, "n"), 1
    yield session.end_ns, (*place, "makespan_ns"), makespan_ns
    yield session.end_ns, (*place, "critical_ns"), min(makespan_ns, round(plan.length))
    for name, idle_ns in _idle(session):
        yield session.end_ns, (Fact.IDLE_NS, session.pattern, name), idle_ns


def _idle(session: SessionState) -> Iterator[tuple[str, int]]:
    """
    The phases that began later than what they depend on ended, and by how much, in nanoseconds.
    """
    spans = _spans(session)
    for name, others in _dependencies(session, spans).items():
        ready = [spans[other][1] for other in others if other in spans]
        if session.phases[name].depends_on and ready and spans[name][0] > max(ready):
            yield name, spans[name][0] - max(ready)


def _spans(session: SessionState) -> dict[str, tuple[int, int]]:
    """
    From the first start to the last end of each phase that has ended.
    """
    return {
        name: (min(run.start_ns for run in phase.runs), max(run.end_ns for run in phase.runs))
        for name, phase in session.phases.items()
        if phase.runs
    }


def _dependencies(session: SessionState, spans: dict[str, tuple[int, int]]) -> dict[str, tuple[str, ...]]:
    """
    What each phase depends on; empty if none declares anything. A phase that does not, depends on all
    that had ended when it began: not declared is not independent.
    """
    declared = {name: phase.depends_on for name, phase in session.phases.items() if name in spans}
    if not any(declared.values()):
        return {}
    return {
        name: depends_on or tuple(other for other in spans if spans[other][1] <= spans[name][0])
        for name, depends_on in declared.items()
    }


def _ns_by_droid(path: Iterable[Segment]) -> dict[str, int]:
    held: defaultdict[str, int] = defaultdict(int)
    for subject, start_ns, end_ns in path:
        if subject.droid:
            held[subject.droid] += end_ns - start_ns
    return dict(held)
