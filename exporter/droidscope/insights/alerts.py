"""
The alerts of the specification, judged by the exporter itself, for those who run no Prometheus.

They read the thresholds that the Prometheus rules read, with the same guards and the same
sentences. Two things differ: nothing is held, so an alert speaks at once; and what ended counts by
when it ended, where Prometheus knows only when it was scraped.

Definition: docs/kpis.md#alerts
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Final, Literal, NamedTuple

from msgspec import Struct

from droidscope.conventions.attributes import Outcome, Severity
from droidscope.conventions.thresholds import (
    COMMUNICATION_CONFLICTS,
    HIGH_ERROR_RATE,
    LONG_DURATION,
    LOW_CODE_QUALITY,
    LOW_SUCCESS_RATE,
    RECENT_FAILURE_WINDOW,
    RESPONSE_TIME_HIGH,
    SECURITY_ISSUES,
    SpecAlertCategory,
    Threshold,
)
from droidscope.facts import facts as f
from droidscope.facts.fact_key import FactKey, Score, Statistic
from droidscope.facts.fact_totals import Totals, sum_by
from droidscope.units import MICRO, SECOND_NS

Unit = Literal["ratio", "seconds", "points", "sessions", "findings", "queries", "conflicts"]
Level = Literal["none", "low", "medium", "high", "critical"]

LEVELS: Final[tuple[Level, ...]] = ("none", "low", "medium", "high", "critical")
"""
Alert levels; the position of each is the value of `orchestrator_alert_level`.
"""

FACTS: Final[Mapping[str, frozenset[type[FactKey]]]] = {
    LOW_SUCCESS_RATE.window: frozenset({f.SessionsEnded, f.ScoreSums}),
    RECENT_FAILURE_WINDOW: frozenset({f.SessionsEnded}),
    HIGH_ERROR_RATE.window: frozenset(
        {
            f.SessionsOverLimit,
            f.AttemptsEnded,
            f.QueriesEnded,
            f.ResponseTime,
            f.TimedResponses,
            f.Conflicts,
        }
    ),
}
"""
The facts that alerts read, by window; totals may be cut down to these.
"""


class AlertInputs(NamedTuple):
    """
    What the alerts of one orchestrator are judged by.

    *totals* are sums of facts by window, those of `FACTS`. *over_limit* is how many sessions run
    for longer than their limit now, by pattern; *findings* how many are open in the latest
    reports, by pattern, droid and severity, of which those of *finding_severities* count.
    """

    totals: Mapping[str, Totals]
    over_limit: Mapping[str, int]
    findings: Mapping[tuple[str, str, Severity], int]
    finding_severities: Collection[Severity] = SECURITY_ISSUES.finding_severities


class ActiveAlert(Struct, frozen=True):
    """
    One breach of a limit.

    *name* is that of the Prometheus alert, *type* its category. *value* breaches *limit*, both in
    *unit*: a ratio from 0 to 1, points of 100, seconds, or a count of what the unit says. *samples*
    is how many sessions, attempts, scores or answers are behind a ratio or a mean, null for counts.
    Who is meant: *orchestrator*, and *pattern*, *droid* and *finding_severity* where the alert is
    about one, else null. *timestamp_seconds* is when it was judged, Unix.
    """

    name: str
    type: SpecAlertCategory
    severity: Severity
    message: str
    action: str
    orchestrator: str
    value: float
    limit: float
    unit: Unit
    timestamp_seconds: float
    samples: int | None = None
    pattern: str | None = None
    droid: str | None = None
    finding_severity: Severity | None = None


def alerts(orchestrator: str, evidence: AlertInputs, now_ns: int) -> list[ActiveAlert]:
    """
    The active alerts of one orchestrator, the most severe first.

    Args:
        orchestrator: Its name.
        evidence: What is known of it.
        now_ns: When that was, Unix time.
    """
    found = [
        ActiveAlert(
            limit.name,
            limit.category,
            limit.severity,
            breach.sentence(orchestrator),
            limit.action,
            orchestrator,
            breach.value,
            breach.limit,
            breach.unit,
            now_ns / SECOND_NS,
            breach.samples,
            breach.pattern,
            breach.droid,
            breach.finding_severity,
        )
        for limit, judge in _JUDGES
        for breach in judge(evidence, limit)
    ]
    return sorted(found, key=lambda alert: -LEVELS.index(alert.severity.value))


def alert_level(active: Iterable[ActiveAlert]) -> Level:
    """
    The highest severity of the active alerts, `none` where there is none.
    """
    return LEVELS[max((LEVELS.index(alert.severity.value) for alert in active), default=0)]


class _Breach(NamedTuple):
    """
    One subject beyond a limit; *before* and *after* are the sentence around who is meant.
    """

    value: float
    limit: float
    unit: Unit
    before: str
    after: str
    samples: int | None = None
    pattern: str | None = None
    droid: str | None = None
    finding_severity: Severity | None = None

    def sentence(self, orchestrator: str) -> str:
        """
        Who, value and limit.
        """
        pattern, droid = f"pattern {self.pattern or '(none)'}", f"droid {self.droid or '(none)'}"
        if self.droid is None:
            who = f"{pattern} of {orchestrator}"
        elif self.pattern is None:
            who = f"{droid} of {orchestrator}"
        else:
            who = f"{droid} of {orchestrator}, {pattern}"
        return f"{self.before} {who}{self.after}"


_Judge = Callable[[AlertInputs, Threshold[SpecAlertCategory]], Iterator[_Breach]]


def _low_success_rate(evidence: AlertInputs, limit: Threshold[SpecAlertCategory]) -> Iterator[_Breach]:
    ended, unsuccessful = _sessions(evidence.totals[limit.window])
    _, recent = _sessions(evidence.totals[RECENT_FAILURE_WINDOW])
    highest = round(1 - limit.limit, 9)  # without what binary fractions add to 0.3
    for pattern, n in sorted(ended.items()):
        ratio = unsuccessful[pattern] / n if n >= limit.minimum else 0
        if ratio > highest and recent[pattern] >= 1:
            yield _Breach(
                ratio,
                highest,
                "ratio",
                f"{_percent(ratio)} of the sessions of",
                f" did not complete in the last {limit.window}; "
                f"the limit is {_percent(highest)} (a success rate of {_percent(limit.limit)}).",
                samples=n,
                pattern=pattern,
            )


def _sessions(totals: Totals) -> tuple[Counter[str], Counter[str]]:
    """
    Sessions ended or lost by pattern, and those of them that did not complete.

    One that was lost and ended after all has left "lost" for what it became.
    """
    ended: Counter[str] = Counter()
    unsuccessful: Counter[str] = Counter()
    for key, n in totals.of(f.SessionsEnded).items():
        ended[key.pattern] += n
        if key.outcome != Outcome.COMPLETED:
            unsuccessful[key.pattern] += n
    return ended, unsuccessful


def _long_duration(evidence: AlertInputs, limit: Threshold[SpecAlertCategory]) -> Iterator[_Breach]:
    ended = sum_by(evidence.totals[limit.window].of(f.SessionsOverLimit), lambda key: key.pattern)
    for pattern in sorted({*evidence.over_limit, *ended}):
        # As in the rule, those that ended count where none runs.
        n = evidence.over_limit.get(pattern) or ended[pattern]
        if n >= 1:
            yield _Breach(
                n,
                0,
                "sessions",
                f"{n} session(s) of",
                f" run for longer than their limit, or ended so in the last {limit.window}; "
                f"the limit is {_duration(limit.limit)} unless one is set for the pattern.",
                pattern=pattern,
            )


def _high_error_rate(evidence: AlertInputs, limit: Threshold[SpecAlertCategory]) -> Iterator[_Breach]:
    totals = evidence.totals[limit.window]
    attempts = sum_by(totals.of(f.AttemptsEnded), lambda key: (key.droid, key.outcome))
    for droid in _subjects(attempts):
        n = attempts[droid, Outcome.SUCCEEDED] + attempts[droid, Outcome.FAILED]
        ratio = attempts[droid, Outcome.FAILED] / n if n >= limit.minimum else 0
        if ratio > limit.limit:
            yield _Breach(
                ratio,
                limit.limit,
                "ratio",
                f"{_percent(ratio)} of the attempts of",
                f" failed in the last {limit.window}; the limit is {_percent(limit.limit)}.",
                samples=n,
                droid=droid,
            )


def _low_code_quality(evidence: AlertInputs, limit: Threshold[SpecAlertCategory]) -> Iterator[_Breach]:
    totals = evidence.totals[limit.window]
    scores = sum_by(totals.of(f.ScoreSums), lambda key: (key.droid, key.score, key.statistic))
    for droid in _subjects(scores):
        n = scores[droid, Score.CODE_QUALITY, Statistic.N]
        total = scores[droid, Score.CODE_QUALITY, Statistic.SUM]
        if n >= limit.minimum and total < limit.limit * MICRO * n:
            mean = total / (n * MICRO)
            yield _Breach(
                mean,
                limit.limit,
                "points",
                "The mean code quality score of",
                f" was {mean:.1f} of 100 in the last {limit.window}; the limit is {limit.limit:g}.",
                samples=n,
                droid=droid,
            )


def _security_issues(evidence: AlertInputs, limit: Threshold[SpecAlertCategory]) -> Iterator[_Breach]:
    for (pattern, droid, severity), n in sorted(evidence.findings.items()):
        if n > limit.limit and severity in evidence.finding_severities:
            yield _Breach(
                n,
                limit.limit,
                "findings",
                f"{n} {severity} finding(s) are open in the latest report of",
                f"; the limit is {limit.limit:g}.",
                pattern=pattern,
                droid=droid,
                finding_severity=Severity(severity),
            )


def _slow_responses(evidence: AlertInputs, limit: Threshold[SpecAlertCategory]) -> Iterator[_Breach]:
    totals = evidence.totals[limit.window]
    answers = sum_by(totals.of(f.TimedResponses), lambda key: key.droid)
    response_ns = sum_by(totals.of(f.ResponseTime), lambda key: key.droid)
    for droid, n in sorted(answers.items()):
        if n >= limit.minimum and response_ns[droid] > limit.limit * SECOND_NS * n:
            mean_seconds = response_ns[droid] / (n * SECOND_NS)
            yield _Breach(
                mean_seconds,
                limit.limit,
                "seconds",
                "Queries put to",
                f" took {_long(mean_seconds)} on average to be answered "
                f"in the last {limit.window}; the limit is {_duration(limit.limit)}.",
                samples=n,
                droid=droid,
            )


def _unanswered_queries(evidence: AlertInputs, limit: Threshold[SpecAlertCategory]) -> Iterator[_Breach]:
    totals = evidence.totals[limit.window]
    queries = sum_by(totals.of(f.QueriesEnded), lambda key: (key.droid, key.outcome))
    for droid in _subjects(queries):
        n = queries[droid, Outcome.UNANSWERED]
        if n >= 1:
            yield _Breach(
                n,
                0,
                "queries",
                f"{n} query(ies) put to",
                f" went unanswered in the last {limit.window}; the limit is 0.",
                droid=droid,
            )


def _communication_conflicts(evidence: AlertInputs, limit: Threshold[SpecAlertCategory]) -> Iterator[_Breach]:
    conflicts = sum_by(evidence.totals[limit.window].of(f.Conflicts), lambda key: key.pattern)
    for pattern, n in sorted(conflicts.items()):
        if n > limit.limit:
            yield _Breach(
                n,
                limit.limit,
                "conflicts",
                f"{n} conflict(s) between droids in",
                f" in the last {limit.window}; the limit is {limit.limit:g}.",
                pattern=pattern,
            )


_JUDGES: Final[tuple[tuple[Threshold[SpecAlertCategory], _Judge], ...]] = (
    (LOW_SUCCESS_RATE, _low_success_rate),
    (LONG_DURATION, _long_duration),
    (HIGH_ERROR_RATE, _high_error_rate),
    (LOW_CODE_QUALITY, _low_code_quality),
    (SECURITY_ISSUES, _security_issues),
    (RESPONSE_TIME_HIGH, _slow_responses),
    (RESPONSE_TIME_HIGH, _unanswered_queries),
    (COMMUNICATION_CONFLICTS, _communication_conflicts),
)


def _subjects(found: Iterable[tuple[str, ...]]) -> list[str]:
    return sorted({labels[0] for labels in found})


def _percent(ratio: float) -> str:
    """
    As the rules write it: four digits that matter.
    """
    return f"{100 * ratio:.4g}%"


def _duration(seconds: float) -> str:
    """
    A limit: in the largest unit that divides it.
    """
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"


def _long(seconds: float) -> str:
    """
    A value over a minute: in all units, from the first that matters, as the rules write it.
    """
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = {"d": days, "h": hours, "m": minutes, "s": rest}
    first = next((unit for unit, n in parts.items() if n), "s")
    units = list(parts)[list(parts).index(first) :]
    return " ".join(f"{parts[unit]}{unit}" for unit in units)
