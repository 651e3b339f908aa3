"""
Facts of a whole ended session: what its critical path and the plan of its phases add to the history.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from typing import Final

from droidscope.conventions.attributes import Outcome
from droidscope.conventions.scoring import SLOW_FACTOR
from droidscope.facts.fact_key import FactKey
from droidscope.facts.facts import Path, PhaseIdleTime, PhasesOverPlan, SessionSequencing
from droidscope.facts.sketched_facts import PhaseDurations, TaskPathTimes
from droidscope.kpi.critical_path import Segment, planned_length
from droidscope.recording.session_intervals import task_of
from droidscope.sessions.session_state import PhaseRun, SessionState

Amount = tuple[int, FactKey, int]
"""
When what it is about ended (Unix nanoseconds), the fact's key, how much.
"""
Span = tuple[int, int]
"""
From a first start to a last end, Unix nanoseconds.
"""
TIMED_OUTCOMES: Final = frozenset({Outcome.COMPLETED, Outcome.FAILED})
"""
Outcomes of a phase whose duration counts.
"""


def session_facts(
    session: SessionState, critical_path: list[Segment], held_ns: dict[str, int]
) -> Iterator[Amount]:
    """
    What a session adds to the history.

    Args:
        session: One that has ended, and is known as a whole.
        critical_path: Its critical path.
        held_ns: How long each phase held it, by name.
    """
    yield from _phase_facts(session, held_ns)
    yield from _task_facts(session, critical_path)
    yield from _sequence_facts(session)


def _phase_facts(session: SessionState, held_ns: dict[str, int]) -> Iterator[Amount]:
    for name, phase in session.phases.items():
        path: Path = "on" if held_ns.get(name) else "off"
        for run in phase.runs:
            if run.outcome not in TIMED_OUTCOMES:
                continue
            durations = PhaseDurations(
                pattern=session.pattern,
                phase=name,
                outcome=run.outcome,
                path=path,
                bucket=PhaseDurations.bucket_of(run.took_ns),
            )
            yield run.end_ns, durations, 1
            planned_ns = run.planned_ns or phase.planned_ns
            if planned_ns and run.took_ns > SLOW_FACTOR * planned_ns:
                yield from _over_plan_facts(session.pattern, name, path, run, planned_ns)


def _over_plan_facts(
    pattern: str, phase: str, path: Path, run: PhaseRun, planned_ns: int
) -> Iterator[Amount]:
    yield run.end_ns, PhasesOverPlan(pattern=pattern, phase=phase, path=path, total="n"), 1
    yield run.end_ns, PhasesOverPlan(pattern=pattern, phase=phase, path=path, total="took_ns"), run.took_ns
    yield run.end_ns, PhasesOverPlan(pattern=pattern, phase=phase, path=path, total="planned_ns"), planned_ns


def _task_facts(session: SessionState, critical_path: list[Segment]) -> Iterator[Amount]:
    held_ns: Counter[str] = Counter()
    for segment in critical_path:
        held_ns[task_of(segment)] += segment.end_ns - segment.start_ns
    for id_, task in session.tasks.items():
        if task.ended and held_ns[id_]:
            path_times = TaskPathTimes(
                pattern=session.pattern,
                task_type=task.task_type,
                droid=task.droid,
                bucket=TaskPathTimes.bucket_of(held_ns[id_]),
            )
            yield task.end_ns, path_times, 1


def _sequence_facts(session: SessionState) -> Iterator[Amount]:
    spans, pattern, end_ns = phase_spans(session), session.pattern, session.end_ns
    critical_ns = _critical_ns(session, spans)
    if critical_ns is None:
        return
    makespan_ns = max(end for _, end in spans.values()) - min(start for start, _ in spans.values())
    yield end_ns, SessionSequencing(pattern=pattern, total="n"), 1
    yield end_ns, SessionSequencing(pattern=pattern, total="makespan_ns"), makespan_ns
    yield end_ns, SessionSequencing(pattern=pattern, total="critical_ns"), min(makespan_ns, critical_ns)
    for name, idle_ns in idle_phases(session, spans):
        yield end_ns, PhaseIdleTime(pattern=pattern, phase=name), idle_ns


def idle_phases(session: SessionState, spans: dict[str, Span]) -> Iterator[tuple[str, int]]:
    """
    The phases that began later than what they depend on ended, and by how much, in nanoseconds.
    """
    for name, (start_ns, _) in spans.items():
        ready = [spans[other][1] for other in session.phases[name].depends_on if other in spans]
        if ready and start_ns > max(ready):
            yield name, start_ns - max(ready)


def phase_spans(session: SessionState) -> dict[str, Span]:
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
