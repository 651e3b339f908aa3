"""
The closed set of facts: what the head adds to the windows as things end.

A key is `(fact, *labels)`, all of them strings; an amount is an integer, so that order never
changes a sum. A fact belongs to the minute, and where `history` looks back on it to the hour, in
which its subject ended; a revision adds the difference, which may be negative, to that same one.

    fact              labels                                        amount
    tasks             pattern, droid, task_type, outcome            tasks ended
    attempts          droid, task_type, outcome                     attempts ended
    retries           droid, task_type                              attempts after the first of a task
    task_ns           droid, task_type                              duration of completed tasks, ns
    sessions          pattern, outcome                              sessions ended or lost
    session_ns        pattern                                       duration of completed sessions, ns
    over_limit        pattern                                       sessions ended over their limit
    phases            pattern, phase, outcome                       phases ended
    phase_ns          pattern, phase                                duration of phases, ns
    planned_ns        -                                             plans of completed sessions, ns
    actual_ns         -                                             duration of those with a plan, ns
    syntheses         pattern, outcome                              syntheses
    messages          sender, message_type, outcome                 messages
    queries           droid, outcome                                queries put to the droid
    query_credit      droid                                         response credit of queries, 1e-9
    query_ns          droid                                         time to answers, ns
    queries_timed     droid                                         answers whose time that is
    conflicts         pattern                                       conflicts
    wait_ns           pattern, phase                                phase time under waiting queries, ns
    session_messages  droid, n                                      sessions in which it sent n messages
    scores            score, pattern, droid, task_type, statistic   n; sum, 1e-6; squares, 1e-12 points
    cost              pattern                                       cost of sessions, 1e-9 USD
    session_time      pattern                                       duration of ended sessions, ns
    failures          pattern, phase, reason                        failed phases and sessions
    received          droid                                         messages sent to the droid
    files             droid                                         files created
    query_wait_ns     droid, outcome                                time queries to it waited, ns
    issues            droid, rule                                   issues its quality reports gave
    session_took      pattern, outcome, bucket                      sessions, by duration
    phase_took        pattern, phase, outcome, path, bucket         phases, by duration
    task_took         pattern, task_type, droid, outcome, bucket    tasks, by duration
    task_held         pattern, task_type, droid, bucket             tasks, by time on the critical path
    scored            score, droid, bucket                          outputs, by score
    over_plan         pattern, phase, path, total                   n; took_ns, planned_ns: over 1.5 x plan
    sequencing        pattern, total                                n; makespan_ns, critical_ns
    idle_ns           pattern, phase                                time it could have started before, ns

A `bucket` is one of `sketch`: coarse for durations in ns, exact for scores in tenths of a point.
`path` says whether a phase held its session at any moment: `on` or `off` its critical path. The facts of
the critical path are known once the session has ended, and revised as late records change it.
`session_messages` is over ended sessions in which at least two droids had a task and this one had
one; n is a decimal number and may be `0`.
"""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from droidscope.conventions.thresholds import RESPONSE_LIMIT_SECONDS
from droidscope.units import MICRO, NANO, SECOND_NS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Key = tuple[str, ...]
"""
A fact and its labels.
"""


class Fact(StrEnum):
    """
    What is added up; the table above says of what and in which unit.
    """

    TASKS = "tasks"
    ATTEMPTS = "attempts"
    RETRIES = "retries"
    TASK_NS = "task_ns"
    SESSIONS = "sessions"
    SESSION_NS = "session_ns"
    OVER_LIMIT = "over_limit"
    PHASES = "phases"
    PHASE_NS = "phase_ns"
    PLANNED_NS = "planned_ns"
    ACTUAL_NS = "actual_ns"
    SYNTHESES = "syntheses"
    MESSAGES = "messages"
    QUERIES = "queries"
    QUERY_CREDIT = "query_credit"
    QUERY_NS = "query_ns"
    QUERIES_TIMED = "queries_timed"
    CONFLICTS = "conflicts"
    WAIT_NS = "wait_ns"
    SESSION_MESSAGES = "session_messages"
    SCORES = "scores"
    COST = "cost"
    SESSION_TIME = "session_time"
    FAILURES = "failures"
    RECEIVED = "received"
    FILES = "files"
    QUERY_WAIT_NS = "query_wait_ns"
    ISSUES = "issues"
    SESSION_TOOK = "session_took"
    PHASE_TOOK = "phase_took"
    TASK_TOOK = "task_took"
    TASK_HELD = "task_held"
    SCORED = "scored"
    OVER_PLAN = "over_plan"
    SEQUENCING = "sequencing"
    IDLE_NS = "idle_ns"


class Score(StrEnum):
    """
    The scores outputs can have.
    """

    CODE_QUALITY = "code_quality"
    TEST_COVERAGE = "test_coverage"
    SECURITY = "security"


class Statistic(StrEnum):
    """
    The three sums from which mean and standard deviation follow.
    """

    N = "n"
    SUM = "sum"
    SQUARES = "squares"


LABELS: Final[dict[Fact, tuple[str, ...]]] = {
    Fact.TASKS: ("pattern", "droid", "task_type", "outcome"),
    Fact.ATTEMPTS: ("droid", "task_type", "outcome"),
    Fact.RETRIES: ("droid", "task_type"),
    Fact.TASK_NS: ("droid", "task_type"),
    Fact.SESSIONS: ("pattern", "outcome"),
    Fact.SESSION_NS: ("pattern",),
    Fact.OVER_LIMIT: ("pattern",),
    Fact.PHASES: ("pattern", "phase", "outcome"),
    Fact.PHASE_NS: ("pattern", "phase"),
    Fact.PLANNED_NS: (),
    Fact.ACTUAL_NS: (),
    Fact.SYNTHESES: ("pattern", "outcome"),
    Fact.MESSAGES: ("sender", "message_type", "outcome"),
    Fact.QUERIES: ("droid", "outcome"),
    Fact.QUERY_CREDIT: ("droid",),
    Fact.QUERY_NS: ("droid",),
    Fact.QUERIES_TIMED: ("droid",),
    Fact.CONFLICTS: ("pattern",),
    Fact.WAIT_NS: ("pattern", "phase"),
    Fact.SESSION_MESSAGES: ("droid", "n"),
    Fact.SCORES: ("score", "pattern", "droid", "task_type", "statistic"),
    Fact.COST: ("pattern",),
    Fact.SESSION_TIME: ("pattern",),
    Fact.FAILURES: ("pattern", "phase", "reason"),
    Fact.RECEIVED: ("droid",),
    Fact.FILES: ("droid",),
    Fact.QUERY_WAIT_NS: ("droid", "outcome"),
    Fact.ISSUES: ("droid", "rule"),
    Fact.SESSION_TOOK: ("pattern", "outcome", "bucket"),
    Fact.PHASE_TOOK: ("pattern", "phase", "outcome", "path", "bucket"),
    Fact.TASK_TOOK: ("pattern", "task_type", "droid", "outcome", "bucket"),
    Fact.TASK_HELD: ("pattern", "task_type", "droid", "bucket"),
    Fact.SCORED: ("score", "droid", "bucket"),
    Fact.OVER_PLAN: ("pattern", "phase", "path", "total"),
    Fact.SEQUENCING: ("pattern", "total"),
    Fact.IDLE_NS: ("pattern", "phase"),
}
"""
The labels of each fact, in the order they have in its keys.
"""

SKETCHED: Final = frozenset(fact for fact, labels in LABELS.items() if labels[-1:] == ("bucket",))
"""
Facts that count values by bucket, so that quantiles follow from them.
"""
OF_HOURS_ALONE: Final = SKETCHED | {Fact.OVER_PLAN, Fact.SEQUENCING, Fact.IDLE_NS}
"""
Facts that no minute window has: of those that count by bucket, minutes would have too many.
"""
OF_HOURS: Final = OF_HOURS_ALONE | frozenset(
    {
        Fact.TASKS,
        Fact.SESSIONS,
        Fact.PHASES,
        Fact.PLANNED_NS,
        Fact.ACTUAL_NS,
        Fact.COST,
        Fact.SESSION_TIME,
    }
)
"""
Those, and the facts of minutes that trends look back on, hour by hour or day by day.
"""


def sums(totals: Mapping[Key, int], fact: Fact, *by: str) -> Counter[tuple[str, ...]]:
    """
    Sums of a fact by some of its labels.
    """
    positions = [LABELS[fact].index(label) + 1 for label in by]
    found: Counter[tuple[str, ...]] = Counter()
    for key, amount in totals.items():
        if key[0] == fact:
            found[tuple([key[position] for position in positions])] += amount
    return found


def of_score(
    score: Score, pattern: str, droid: str, task_type: str, points: float
) -> Iterator[tuple[Key, int]]:
    """
    The three facts one score of 0..100 *points* adds, as (key, amount).
    """
    micro_points = round(points * MICRO)
    place = (Fact.SCORES, score, pattern, droid, task_type)
    yield (*place, Statistic.N), 1
    yield (*place, Statistic.SUM), micro_points
    yield (*place, Statistic.SQUARES), micro_points**2


def response_credit(response_ns: int) -> int:
    """
    What an answer in time is worth: clip(1 - t/300), in units of 1e-9, rounded down.

    Queries that were answered late or never are worth 0 whatever their time, which is for the
    caller to know.

    Definition: docs/kpis.md#droids
    """
    limit_ns = round(RESPONSE_LIMIT_SECONDS * SECOND_NS)
    left_ns = min(limit_ns, max(0, limit_ns - response_ns))
    return left_ns * NANO // limit_ns
