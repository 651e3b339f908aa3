"""
Builds PromQL whose every metric and label is in the catalogue: a typo fails when the query is built.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from math import floor
from typing import Final, Literal, NamedTuple

from droidscope.conventions import metrics
from droidscope.conventions.attributes import Outcome
from droidscope.conventions.matchers import Matcher, label_is, label_is_not, outcome_is
from droidscope.conventions.metrics import ORCHESTRATOR, LabelName, MetricSpec
from droidscope.conventions.outcomes import JUDGED, SESSION_FAILURES, UNJUDGED_SESSION_ENDS, WORK_ENDS
from droidscope.conventions.scoring import RANKING_MINIMUM, Z_95
from droidscope.conventions.thresholds import INSTANCE
from droidscope.formatting import number
from droidscope.limits.alert_limits import LimitVariant, NameSet

Part = Literal["", "sum", "count", "bucket"]
"""
Which series of a histogram or a summary; empty for a counter or a gauge.
"""

_DOMAIN: Final = "orchestrator_"
_MATCHER: Final = re.compile(r"(\w+)(=~|!~|!=|=)\"")


class Recording(NamedTuple):
    """
    A series that a recording rule keeps: its name, its labels and what it is computed from.
    """

    name: str
    labels: tuple[str, ...]
    expr: str


class Scope(NamedTuple):
    """
    What a query is restricted to, of every metric that has the label.

    *variables* are labels that are variables of the board it stands on; *only* are matchers
    (`pattern="fix"`), as the rules have them whose limit holds for some alone.
    """

    variables: tuple[str, ...] = ()
    only: tuple[Matcher, ...] = ()

    def select(self, metric: MetricSpec, *matchers: Matcher, part: Part = "") -> str:
        """
        An instant selector of *metric*, with its variables and then *matchers* (`outcome="failed"`).

        Raises:
            ValueError: If the metric has no such part, or a matcher names a label it does not have.
        """
        if (part != "") != (metric.kind in {"histogram", "summary"}):
            raise ValueError(f"{metric.name} is a {metric.kind}; part is {part!r}")
        name = f"{metric.name}_{part}" if part else metric.name
        return self._selector(name, _labels(metric, part), matchers)

    def recorded(self, rule: Recording, *matchers: Matcher) -> str:
        """
        An instant selector of a recorded series.
        """
        return self._selector(rule.name, rule.labels, matchers)

    def increase(
        self, metric: MetricSpec, by: Sequence[str], window: str, *matchers: Matcher, part: Part = ""
    ) -> str:
        """
        How much a counter rose over *window*, `increase` first and summed after.

        Raises:
            ValueError: If it has no such label, or adds up outcomes that nobody has named.
        """
        _demand(metric.name, _labels(metric, part), by)
        _demand_outcomes(metric, by, matchers)
        return sum_by(by, f"increase({self.select(metric, *matchers, part=part)}[{window}])")

    def judged(self, metric: MetricSpec, by: Sequence[str], window: str) -> str:
        """
        How many ended within *window* of those that a ratio is over: without the cancelled and unknown.
        """
        ends = self.increase(metric, by, window, outcome_is(*JUDGED[metric]))
        if metric != metrics.SESSIONS:
            return ends
        return self._without_recovered(ends, by, window, UNJUDGED_SESSION_ENDS)

    def mean(self, metric: MetricSpec, by: Sequence[str], window: str, *matchers: Matcher) -> str:
        """
        Mean observation of a histogram or summary over *window*; absent where nothing was observed.
        """
        total, count = (self.increase(metric, by, window, *matchers, part=part) for part in ("sum", "count"))
        return quotient(total, count)

    def quantile(
        self, q: float, metric: MetricSpec, by: Sequence[str], window: str, *matchers: Matcher
    ) -> str:
        """
        Quantile of a histogram over *window*, from its buckets; absent where nothing was observed.
        """
        buckets = self.increase(metric, (*by, "le"), window, *matchers, part="bucket")
        # A quantile of nothing is NaN, which the comparison leaves out: a table would show it.
        return f"histogram_quantile({number(q)}, {buckets}) >= 0"

    def rate(self, metric: MetricSpec, by: Sequence[str], window: str = "$__rate_interval") -> str:
        """
        Events per second.
        """
        _demand(metric.name, _labels(metric, ""), by)
        return sum_by(by, f"rate({self.select(metric)}[{window}])")

    def newest(self, metric: MetricSpec, by: Sequence[str], *matchers: Matcher) -> str:
        """
        A gauge as it stands, from the one exporter that has it.
        """
        _demand(metric.name, _labels(metric, ""), by)
        return f"max by ({', '.join(by)}) ({self.select(metric, *matchers)})"

    def lowest(self, metric: MetricSpec, by: Sequence[str], *matchers: Matcher) -> str:
        """
        A gauge as it stands, from the exporter where it is lowest: each knows only what it has received.
        """
        _demand(metric.name, _labels(metric, ""), by)
        return f"min by ({', '.join(by)}) ({self.select(metric, *matchers)})"

    def kpi(self, metric: MetricSpec, by: Sequence[str], window: str = "$window", *matchers: Matcher) -> str:
        """
        A KPI gauge over one of its windows, from the one exporter that has it: never averaged.
        """
        return self.newest(metric, by, label_is(metrics.WINDOW, window), *matchers)

    def ranked(self, metric: MetricSpec, by: Sequence[str], window: str = "$window") -> tuple[str, str]:
        """
        A KPI gauge and its sample count, of those alone with samples enough to rank.
        """
        samples = f"{self.kpi(metrics.samples_of(metric), by, window)} >= {RANKING_MINIMUM}"
        return f"({self.kpi(metric, by, window)} and {samples})", f"({samples})"

    def unsuccessful(self, by: Sequence[str], window: str) -> str:
        """
        Sessions that failed or were lost within *window*, those aside that did not fail after all.
        """
        bad = self.increase(metrics.SESSIONS, by, window, outcome_is(*SESSION_FAILURES))
        return self._without_recovered(bad, by, window, (Outcome.COMPLETED, *UNJUDGED_SESSION_ENDS))

    def lost(self, by: Sequence[str], window: str) -> str:
        """
        Sessions declared lost within *window*, those that ended after all aside.
        """
        lost = self.increase(metrics.SESSIONS, by, window, outcome_is(Outcome.LOST))
        return self._without_recovered(lost, by, window, (*WORK_ENDS, *UNJUDGED_SESSION_ENDS))

    def success(self, by: Sequence[str], window: str) -> str:
        """
        Sessions completed of those that completed, failed or were lost within *window*; absent where none
        were.
        """
        return f"1 - {quotient(self.unsuccessful(by, window), self.judged(metrics.SESSIONS, by, window))}"

    def _without_recovered(
        self, sessions: str, by: Sequence[str], window: str, outcomes: Sequence[Outcome]
    ) -> str:
        """
        Counts of sessions less those that had been lost and have ended in one of *outcomes* after all.
        """
        recovered = self.increase(metrics.SESSIONS_RECOVERED, by, window, outcome_is(*outcomes))
        # Nothing recovered yet may mean no series, and a difference with nothing is nothing.
        return f"(\n  {sessions}\n  - {recovered}\n  or {sessions}\n)"

    def recorded_sum(self, rule: Recording, by: Sequence[str]) -> str:
        """
        A recorded numerator or denominator, summed to the labels *by*.
        """
        _demand(rule.name, rule.labels, by)
        return sum_by(by, self.recorded(rule))

    def _selector(self, name: str, labels: Sequence[str], matchers: Sequence[Matcher]) -> str:
        scoped = [f'{label}=~"${label}"' for label in self.variables if label in labels]
        scoped += [matcher for matcher in self.only if _label_of(matcher) in labels]
        for matcher in matchers:
            _demand(name, labels, [_label_of(matcher)])
        inside = ", ".join((*scoped, *matchers))
        return f"{name}{{{inside}}}" if inside else name


def matchers(variant: LimitVariant[str]) -> tuple[Matcher, ...]:
    """
    The matchers that select the orchestrators and patterns of a variant.
    """
    return (*_selecting(ORCHESTRATOR, variant.orchestrators), *_selecting("pattern", variant.patterns))


def _selecting(label: LabelName, names: NameSet) -> tuple[Matcher, ...]:
    if names.name is not None:
        return (label_is(label, _escaped(names.name)),)
    # One matcher each, so that no name is read as a regular expression.
    return tuple(label_is_not(label, _escaped(other)) for other in names.others)


def _escaped(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)[1:-1]


def sum_by(by: Sequence[str], expr: str) -> str:
    """
    The sum of *expr* by the labels *by*, or of all of it where there are none.
    """
    return f"sum by ({', '.join(by)}) ({expr})" if by else f"sum({expr})"


def quotient(numerator: str, denominator: str) -> str:
    """
    A ratio that is absent, not NaN, where the denominator is 0.
    """
    return f"{numerator} / ({denominator} > 0)"


def wilson_lower(ratio: str, count: str) -> str:
    """
    Lower bound of the Wilson interval of *ratio* over *count* events: ranks fairly where events are few.
    """
    z2 = f"{Z_95**2:.6f}"
    # Both may be comparisons or sums, so they are in brackets wherever they are used.
    spread = f"sqrt(({ratio}) * (1 - ({ratio})) / ({count}) + {z2} / (4 * ({count}) ^ 2))"
    return f"(({ratio}) + {z2} / (2 * ({count})) - {Z_95} * {spread}) / (1 + {z2} / ({count}))"


def at_least(count: int) -> str:
    """
    The comparison "n >= count" for an `increase`, which is fractional: half a unit of slack.
    """
    return f"> {number(count - 0.5)}"


def more_than(count: float) -> str:
    """
    The comparison "n > count" for an `increase`, with the same slack.
    """
    return f"> {number(floor(count) + 0.5)}"


def _label_of(matcher: str) -> str:
    """
    The label that *matcher* is about; all of it, where it is no matcher.
    """
    match = _MATCHER.match(matcher)
    return match[1] if match else matcher


def _labels(metric: MetricSpec, part: Part) -> tuple[str, ...]:
    own = (metrics.ORCHESTRATOR, *metric.labels) if metric.name.startswith(_DOMAIN) else metric.labels
    own = (*own, INSTANCE)
    return (*own, "le") if part == "bucket" else own


def _demand_outcomes(metric: MetricSpec, by: Sequence[str], matchers: Sequence[Matcher]) -> None:
    """
    See that a sum over outcomes names them, so that a new one is in no ratio and pages nobody.
    """
    named = "outcome" in by or any(_label_of(matcher) == "outcome" for matcher in matchers)
    if "outcome" in metric.labels and not named:
        raise ValueError(f"{metric.name} adds up every outcome, also those to come; name them")


def _demand(name: str, labels: Sequence[str], wanted: Sequence[str]) -> None:
    for label in wanted:
        if label not in labels:
            raise ValueError(f"{name} has no label {label}; it has {', '.join(labels)}")
