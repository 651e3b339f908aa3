"""
Facts that count values by bucket: durations in nanoseconds and scores in tenths of a point, by the hour.
"""

from __future__ import annotations

from typing import ClassVar

from droidscope.conventions.attributes import Outcome
from droidscope.facts.fact_key import Score, SketchedFact
from droidscope.facts.facts import Path
from droidscope.facts.sketch import FINE


class SessionDurations(SketchedFact, frozen=True, kw_only=True, tag="session_took"):
    """
    Sessions by their duration.
    """

    pattern: str
    outcome: Outcome
    bucket: str


class PhaseDurations(SketchedFact, frozen=True, kw_only=True, tag="phase_took"):
    """
    Phases by their duration.
    """

    pattern: str
    phase: str
    outcome: Outcome
    path: Path
    bucket: str


class TaskDurations(SketchedFact, frozen=True, kw_only=True, tag="task_took"):
    """
    Tasks by their duration.
    """

    pattern: str
    task_type: str
    droid: str
    outcome: Outcome
    bucket: str


class TaskPathTimes(SketchedFact, frozen=True, kw_only=True, tag="task_held"):
    """
    Tasks by their time on the critical path of their session.
    """

    pattern: str
    task_type: str
    droid: str
    bucket: str


class ScoreCounts(SketchedFact, frozen=True, kw_only=True, tag="scored"):
    """
    Outputs by their score in tenths of a point, exactly.
    """

    bits: ClassVar[int] = FINE

    score: Score
    droid: str
    bucket: str
