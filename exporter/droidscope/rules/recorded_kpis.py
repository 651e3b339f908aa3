"""
The KPIs that are quotients of counters or histograms, as recording rules over what was counted.

Over any number of exporters these are right where the exporters' own gauges are not: a gauge knows
one exporter. What is no quotient (medians, clipped means, composites, trends) has a gauge alone,
which is never summed or averaged. Which KPIs are quotients is declared in kpi/catalog.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from droidscope.conventions import increases as i
from droidscope.conventions.increases import Increase, ObservedIncreases, Product, Quotient
from droidscope.conventions.metrics import ORCHESTRATOR, MetricSpec
from droidscope.kpi.catalog import DROID_KPIS, ORCHESTRATOR_KPIS, PATTERN_KPIS, Kpi
from droidscope.rules.promql import Recording, at_least, sum_by
from droidscope.rules.recorded_increases import DAY, HOUR, WEEK, RecordedIncreases, level


class RecordedKpi(NamedTuple):
    """
    A recorded KPI, and the exporter's gauge of the same over one exporter, if there is one.
    """

    rule: Recording
    gauge: MetricSpec | None


_MEANS: Final[dict[tuple[str, ...], tuple[tuple[tuple[str, ...], ObservedIncreases], ...]]] = {
    i.EVERYONE: (
        (i.EVERYONE, i.SESSION_DURATION),
        (i.EVERYONE, i.PHASE_DURATION),
        (i.EVERYONE, i.TASK_DURATION),
    ),
    i.DROID: ((i.DROID, i.TASK_DURATION), (i.DROID, i.QUERY_RESPONSE)),
    i.PATTERN: ((i.PATTERN, i.SESSION_DURATION), (i.PHASE, i.PHASE_DURATION)),
    i.MODEL: ((i.MODEL, i.MODEL_REQUEST_DURATION),),
}
"""
What is recorded beside the KPIs of a subject: means that have no gauge, and the labels they keep.
"""


class _Rules(NamedTuple):
    """
    Makes the rules of one *window* from its increases.
    """

    window: str
    increases: RecordedIncreases

    def all(self) -> Iterator[RecordedKpi]:
        """
        All of them, each after what it is computed from.
        """
        for levels, kpis in (
            (i.EVERYONE, ORCHESTRATOR_KPIS),
            (i.DROID, DROID_KPIS),
            (i.PATTERN, PATTERN_KPIS),
        ):
            yield from self._kpis(levels, kpis)
            yield from self._means(levels)
        failures = Quotient(i.MODEL_REQUESTS_FAILED, i.MODEL_REQUESTS)
        yield self._quotient("orchestrator_model_request_failure", i.MODEL, failures, None)
        yield from self._means(i.MODEL)

    def _kpis(self, levels: tuple[str, ...], kpis: Iterable[Kpi[Any]]) -> Iterator[RecordedKpi]:
        recorded: dict[MetricSpec, RecordedKpi] = {}
        for kpi in kpis:
            name = _subject_of(kpi.spec, levels)
            if isinstance(kpi.recorded, Quotient):
                recorded[kpi.spec] = self._quotient(name, levels, kpi.recorded, kpi.spec)
            elif isinstance(kpi.recorded, Product):
                factor, rest = recorded[kpi.recorded.factor].rule, recorded[kpi.recorded.complement].rule
                expr = f"{factor.name} * (1 - {rest.name})"
                recorded[kpi.spec] = self._recorded(name, "ratio", levels, expr, kpi.spec)
        yield from recorded.values()

    def _means(self, levels: tuple[str, ...]) -> Iterator[RecordedKpi]:
        for kept, observed in _MEANS[levels]:
            yield self._quotient(observed.total.metric.name, kept, i.mean_of(observed), None)

    def _quotient(
        self, name: str, levels: tuple[str, ...], quotient: Quotient, gauge: MetricSpec | None
    ) -> RecordedKpi:
        over, under = self._sum(quotient.numerator, levels), self._sum(quotient.denominator, levels)
        if quotient.less:
            divided = f"({over} > 0) / ({under} - {self._sum(quotient.less, levels)} {at_least(1)})"
        else:
            # Where nothing of a kind ever happened its counter may not exist: that is 0, not unknown.
            divided = f"({over} or 0 * {under}) / ({under} > 0)"
        expr = quotient.form.format(divided)
        return self._recorded(quotient.name or name, quotient.kind, levels, expr, gauge)

    def _recorded(
        self, name: str, kind: str, levels: tuple[str, ...], expr: str, gauge: MetricSpec | None
    ) -> RecordedKpi:
        series = f"{level(levels)}:{name}:{kind}_increase{self.window}"
        return RecordedKpi(Recording(series, (ORCHESTRATOR, *levels), expr), gauge)

    def _sum(self, increase: Increase, levels: tuple[str, ...]) -> str:
        recording, by = self.increases[increase], (ORCHESTRATOR, *levels)
        return recording.name if recording.labels == by else sum_by(by, recording.name)


def _subject_of(gauge: MetricSpec, levels: tuple[str, ...]) -> str:
    """
    What a KPI is about: the name of its gauge without its level, and without `_ratio`.
    """
    prefix = "_".join(("orchestrator", *levels, ""))
    return f"orchestrator_{gauge.name.removeprefix(prefix).removesuffix('_ratio')}"


KPIS: Final = {
    "1h": tuple(_Rules("1h", HOUR).all()),
    "24h": tuple(_Rules("24h", DAY).all()),
    "7d": tuple(_Rules("7d", WEEK).all()),
}
"""
The recorded KPIs by window.
"""
