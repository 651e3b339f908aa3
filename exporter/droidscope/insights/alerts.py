"""
The alerts of the specification, judged by the exporter itself, for setups without Prometheus.

They have the limits, overrides, guards and sentences of the Prometheus rules. Two things differ: nothing
is held, so an alert is active at once; and what ended counts by when it ended, where Prometheus knows
only when it was scraped.

Definition: docs/kpis.md#alerts
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, Literal, NamedTuple

from msgspec import Struct

from droidscope.conventions.attributes import Outcome, Severity
from droidscope.conventions.outcomes import SESSION_ENDS, SESSION_FAILURES
from droidscope.conventions.thresholds import (
    ALERTS,
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
from droidscope.facts.fact_totals import Sums, Totals, sum_by
from droidscope.formatting import full_duration, percent
from droidscope.limits import sentences
from droidscope.limits.alert_limits import AlertLimits
from droidscope.limits.sentences import sentence, subject_text
from droidscope.units import MICRO, SECOND_NS

SpecThreshold = Threshold[SpecAlertCategory]
Unit = Literal["ratio", "seconds", "points", "sessions", "findings", "queries", "conflicts"]
Level = Literal["none", "low", "medium", "high", "critical"]

LEVELS: Final[tuple[Level, ...]] = ("none", "low", "medium", "high", "critical")
"""
Alert levels; the position of each is the value of `orchestrator_alert_level`.
"""


class AlertInputs(NamedTuple):
    """
    What the alerts of one orchestrator are judged by.

    *totals* are sums of facts by window, those of `facts_by_window`. *over_limit* is how many sessions run
    for longer than their limit now, by pattern; *findings* how many are open in the latest
    reports, by pattern, droid and severity.
    """

    totals: Mapping[str, Totals]
    over_limit: Mapping[str, int]
    findings: Mapping[tuple[str, str, Severity], int]


class ActiveAlert(Struct, frozen=True):
    """
    One breach of a limit.

    *name* is that of the Prometheus alert, *type* its category. *value* breaches *limit*, both in
    *unit*: a ratio from 0 to 1, points of 100, seconds, or a count of the unit. *samples*
    is how many sessions, attempts, scores or answers are behind a ratio or a mean, null for counts.
    The subject: *orchestrator*, and *pattern*, *droid* and *finding_severity* where the alert is
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


def alerts(
    orchestrator: str, inputs: AlertInputs, now_ns: int, limits: AlertLimits | None = None
) -> list[ActiveAlert]:
    """
    The active alerts of one orchestrator, the most severe first.

    Args:
        orchestrator: Its name.
        inputs: What they are judged by.
        now_ns: When that was, Unix time.
        limits: Those in force; the defaults if None.
    """
    active = [
        breach.alert(spec_alert, variant.threshold, orchestrator, now_ns)
        for spec_alert in _SPEC_ALERTS
        for variant in (limits or AlertLimits()).variants(spec_alert.threshold)
        for breach in spec_alert.judge(inputs, variant.threshold)
        if variant.covers(orchestrator, breach.pattern or "")
    ]
    return sorted(active, key=lambda alert: -LEVELS.index(alert.severity.value))


def alert_severities(orchestrator: str, limits: AlertLimits) -> list[tuple[str, Severity]]:
    """
    Name and severity of every alert that an orchestrator can have, each once.
    """
    return [
        (threshold.name, severity)
        for threshold in ALERTS
        for severity in dict.fromkeys(
            variant.threshold.severity
            for variant in limits.variants(threshold)
            if orchestrator in variant.orchestrators
        )
    ]


def facts_by_window(limits: AlertLimits) -> dict[str, frozenset[type[FactKey]]]:
    """
    The facts that alerts read, by window; totals may be cut down to these.
    """
    facts: defaultdict[str, frozenset[type[FactKey]]] = defaultdict(frozenset)
    facts[RECENT_FAILURE_WINDOW] |= {f.SessionsEnded}
    for spec_alert in _SPEC_ALERTS:
        for variant in limits.variants(spec_alert.threshold):
            facts[variant.threshold.window] |= spec_alert.facts
    return {window: read for window, read in facts.items() if read}


def alert_level(active: Iterable[ActiveAlert]) -> Level:
    """
    The highest severity of the active alerts, `none` where there is none.
    """
    return LEVELS[max((LEVELS.index(alert.severity.value) for alert in active), default=0)]


class _Breach(NamedTuple):
    """
    One subject beyond a limit.
    """

    value: float
    limit: float
    unit: Unit
    samples: int | None = None
    pattern: str | None = None
    droid: str | None = None
    finding_severity: Severity | None = None

    def alert(
        self, spec_alert: _SpecAlert, threshold: SpecThreshold, orchestrator: str, now_ns: int
    ) -> ActiveAlert:
        """
        The alert that this breach makes.
        """
        message = sentence(
            spec_alert.sentence,
            threshold,
            value=_value_text(self.value, self.unit),
            subject=subject_text(orchestrator, pattern=self.pattern, droid=self.droid),
            finding_severity=self.finding_severity or "",
        )
        return ActiveAlert(
            name=threshold.name,
            type=threshold.category,
            severity=threshold.severity,
            message=message,
            action=threshold.action,
            orchestrator=orchestrator,
            value=self.value,
            limit=self.limit,
            unit=self.unit,
            timestamp_seconds=now_ns / SECOND_NS,
            samples=self.samples,
            pattern=self.pattern,
            droid=self.droid,
            finding_severity=self.finding_severity,
        )


def _value_text(value: float, unit: Unit) -> str:
    """
    A value as Prometheus' templates write it.
    """
    match unit:
        case "ratio":
            return percent(value)
        case "points":
            return f"{value:.1f}"
        case "seconds":
            return full_duration(value)
        case _:
            return f"{value:.0f}"


def _low_success_rate(inputs: AlertInputs, limit: SpecThreshold) -> Iterator[_Breach]:
    ended, unsuccessful = _sessions(inputs.totals[limit.window])
    _, recent = _sessions(inputs.totals[RECENT_FAILURE_WINDOW])
    highest = round(1 - limit.limit, 9)  # without what binary fractions add to 0.3
    for pattern, n in sorted(ended.items()):
        ratio = unsuccessful[pattern] / n if n >= limit.minimum else 0
        if ratio > highest and recent[pattern] >= 1:
            yield _Breach(
                ratio,
                highest,
                "ratio",
                samples=n,
                pattern=pattern,
            )


def _sessions(totals: Totals) -> tuple[Sums[str], Sums[str]]:
    """
    Sessions that completed, failed or were lost by pattern, and those of them that did not complete.

    One that was lost and ended after all has left "lost" for what it became.
    """
    sessions = totals.of(f.SessionsEnded)
    return (
        sum_by(sessions, lambda key: key.pattern, where=lambda key: key.outcome in SESSION_ENDS),
        sum_by(sessions, lambda key: key.pattern, where=lambda key: key.outcome in SESSION_FAILURES),
    )


def _long_duration(inputs: AlertInputs, limit: SpecThreshold) -> Iterator[_Breach]:
    ended = sum_by(inputs.totals[limit.window].of(f.SessionsOverLimit), lambda key: key.pattern)
    for pattern in sorted({*inputs.over_limit, *ended}):
        # As in the rule, those that ended count where none runs.
        n = inputs.over_limit.get(pattern) or ended[pattern]
        if n >= 1:
            yield _Breach(
                n,
                0,
                "sessions",
                pattern=pattern,
            )


def _high_error_rate(inputs: AlertInputs, limit: SpecThreshold) -> Iterator[_Breach]:
    totals = inputs.totals[limit.window]
    attempts = sum_by(totals.of(f.AttemptsEnded), lambda key: (key.droid, key.outcome))
    for droid in _subjects(attempts):
        n = attempts[droid, Outcome.SUCCEEDED] + attempts[droid, Outcome.FAILED]
        ratio = attempts[droid, Outcome.FAILED] / n if n >= limit.minimum else 0
        if ratio > limit.limit:
            yield _Breach(
                ratio,
                limit.limit,
                "ratio",
                samples=n,
                droid=droid,
            )


def _low_code_quality(inputs: AlertInputs, limit: SpecThreshold) -> Iterator[_Breach]:
    totals = inputs.totals[limit.window]
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
                samples=n,
                droid=droid,
            )


def _security_issues(inputs: AlertInputs, limit: SpecThreshold) -> Iterator[_Breach]:
    for (pattern, droid, severity), n in sorted(inputs.findings.items()):
        if n > limit.limit and severity in limit.finding_severities:
            yield _Breach(
                n,
                limit.limit,
                "findings",
                pattern=pattern,
                droid=droid,
                finding_severity=Severity(severity),
            )


def _slow_responses(inputs: AlertInputs, limit: SpecThreshold) -> Iterator[_Breach]:
    totals = inputs.totals[limit.window]
    answers = sum_by(totals.of(f.TimedResponses), lambda key: key.droid)
    response_ns = sum_by(totals.of(f.ResponseTime), lambda key: key.droid)
    for droid, n in sorted(answers.items()):
        if n >= limit.minimum and response_ns[droid] > limit.limit * SECOND_NS * n:
            mean_seconds = response_ns[droid] / (n * SECOND_NS)
            yield _Breach(
                mean_seconds,
                limit.limit,
                "seconds",
                samples=n,
                droid=droid,
            )


def _unanswered_queries(inputs: AlertInputs, limit: SpecThreshold) -> Iterator[_Breach]:
    totals = inputs.totals[limit.window]
    queries = sum_by(totals.of(f.QueriesEnded), lambda key: (key.droid, key.outcome))
    for droid in _subjects(queries):
        n = queries[droid, Outcome.UNANSWERED]
        if n >= 1:
            yield _Breach(
                n,
                0,
                "queries",
                droid=droid,
            )


def _communication_conflicts(inputs: AlertInputs, limit: SpecThreshold) -> Iterator[_Breach]:
    conflicts = sum_by(inputs.totals[limit.window].of(f.Conflicts), lambda key: key.pattern)
    for pattern, n in sorted(conflicts.items()):
        if n > limit.limit:
            yield _Breach(
                n,
                limit.limit,
                "conflicts",
                pattern=pattern,
            )


class _SpecAlert(NamedTuple):
    """
    An alert of the specification: *judge* finds its breaches from *facts* within its window.
    """

    threshold: SpecThreshold
    sentence: str
    judge: Callable[[AlertInputs, SpecThreshold], Iterator[_Breach]]
    facts: frozenset[type[FactKey]] = frozenset()


_SPEC_ALERTS: Final = (
    _SpecAlert(LOW_SUCCESS_RATE, sentences.LOW_SUCCESS_RATE, _low_success_rate, frozenset({f.SessionsEnded})),
    _SpecAlert(LONG_DURATION, sentences.LONG_DURATION, _long_duration, frozenset({f.SessionsOverLimit})),
    _SpecAlert(HIGH_ERROR_RATE, sentences.HIGH_ERROR_RATE, _high_error_rate, frozenset({f.AttemptsEnded})),
    _SpecAlert(LOW_CODE_QUALITY, sentences.LOW_CODE_QUALITY, _low_code_quality, frozenset({f.ScoreSums})),
    _SpecAlert(SECURITY_ISSUES, sentences.SECURITY_ISSUES, _security_issues),
    _SpecAlert(
        RESPONSE_TIME_HIGH,
        sentences.SLOW_RESPONSES,
        _slow_responses,
        frozenset({f.ResponseTime, f.TimedResponses}),
    ),
    _SpecAlert(
        RESPONSE_TIME_HIGH, sentences.UNANSWERED_QUERIES, _unanswered_queries, frozenset({f.QueriesEnded})
    ),
    _SpecAlert(
        COMMUNICATION_CONFLICTS,
        sentences.COMMUNICATION_CONFLICTS,
        _communication_conflicts,
        frozenset({f.Conflicts}),
    ),
)


def _subjects(keys: Iterable[tuple[str, ...]]) -> list[str]:
    return sorted({labels[0] for labels in keys})
