"""
The catalogue of KPIs: metric, value, sample count and recording rule of each, by subject.

The list is explicit, so that it shows what is exposed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeVar

from droidscope.conventions import increases as i
from droidscope.conventions import metrics
from droidscope.conventions.increases import INCREASES, Increase, Product, Quotient, Unrecorded, mean_of
from droidscope.conventions.metrics import KPIS, WINDOWS, MetricSpec, samples_of
from droidscope.kpi import communication, efficiency, patterns, quality, ratios
from droidscope.kpi.totals import DroidTotals, OrchestratorTotals, PatternTotals, by_subject
from droidscope.model.labels import OrchestratorLabels
from droidscope.units import SECOND_NS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from droidscope.facts.fact_totals import Totals

Facts = TypeVar("Facts")
Gauge = tuple[MetricSpec, tuple[str, ...], float]
"""
A metric, its label values (the orchestrator's own first, the window last) and its value.
"""


class Kpi(NamedTuple, Generic[Facts]):
    """
    One KPI: its metric, its value (None where absent) and how many samples are behind it.

    *samples* is the value's denominator where it has one, else its n, for composites tasks
    ended; None for metrics without a samples sibling. *recorded* is how Prometheus computes it over any
    number of exporters, or why it cannot.
    """

    spec: MetricSpec
    value: Callable[[Facts], float | None]
    samples: Callable[[Facts], float] | None
    recorded: Quotient | Product | Unrecorded


ORCHESTRATOR_KPIS: Final[tuple[Kpi[OrchestratorTotals], ...]] = (
    Kpi(
        metrics.TASK_COMPLETION_RATIO,
        lambda facts: ratios.task_completion_ratio(facts.work),
        lambda facts: facts.work.tasks_ended,
        Quotient(i.TASKS_COMPLETED, i.TASKS),
    ),
    Kpi(
        metrics.SESSION_SUCCESS_RATIO,
        lambda facts: ratios.session_success_ratio(facts.sessions),
        lambda facts: facts.sessions.sessions_ended,
        Quotient(i.SESSIONS_UNSUCCESSFUL, i.SESSIONS, form="1 - {}"),
    ),
    Kpi(
        metrics.PHASE_SUCCESS_RATIO,
        lambda facts: ratios.phase_success_ratio(facts.flow),
        lambda facts: facts.flow.phases_ended,
        Quotient(i.PHASES_COMPLETED, i.PHASES),
    ),
    Kpi(
        metrics.ERROR_RATIO,
        lambda facts: ratios.error_ratio(facts.work),
        lambda facts: facts.work.attempts_ended,
        Quotient(i.ATTEMPTS_FAILED, i.ATTEMPTS),
    ),
    Kpi(
        metrics.RETRY_RATIO,
        lambda facts: ratios.retry_ratio(facts.work),
        lambda facts: facts.work.attempts_ended,
        Quotient(i.RETRIES, i.ATTEMPTS),
    ),
    Kpi(
        metrics.INTEGRATION_SUCCESS_RATIO,
        lambda facts: ratios.integration_success_ratio(facts.flow),
        lambda facts: facts.flow.syntheses,
        Quotient(i.SYNTHESES_INTEGRATED, i.SYNTHESES),
    ),
    Kpi(
        metrics.COMMUNICATION_SUCCESS_RATIO,
        lambda facts: communication.success_ratio(facts.traffic),
        lambda facts: facts.traffic.messages,
        Quotient(i.MESSAGES_DELIVERED, i.MESSAGES),
    ),
    Kpi(
        metrics.COMMUNICATION_CONFLICT_RATIO,
        lambda facts: communication.conflict_ratio(facts.traffic),
        lambda facts: facts.traffic.messages,
        Quotient(i.CONFLICTS, i.MESSAGES, form="clamp_max({}, 1)"),
    ),
    Kpi(
        metrics.COMMUNICATION_EFFICIENCY_RATIO,
        lambda facts: communication.efficiency_ratio(facts.traffic),
        lambda facts: facts.traffic.messages,
        Product(metrics.COMMUNICATION_SUCCESS_RATIO, metrics.COMMUNICATION_CONFLICT_RATIO),
    ),
    Kpi(
        metrics.COMMUNICATION_WAIT_RATIO,
        lambda facts: communication.wait_ratio(facts.traffic),
        lambda facts: facts.traffic.phase_ns / SECOND_NS,  # the denominator is time, at this edge in seconds
        Unrecorded("a union of times, which no counter keeps"),
    ),
    Kpi(
        metrics.EFFICIENCY_SCORE,
        lambda facts: efficiency.orchestrator_efficiency(facts).score,
        lambda facts: facts.work.tasks_ended,
        Unrecorded("a composite"),
    ),
    Kpi(
        metrics.EFFICIENCY_WEIGHT,
        lambda facts: efficiency.orchestrator_efficiency(facts).weight,
        None,
        Unrecorded("a composite's weight"),
    ),
)

DROID_KPIS: Final[tuple[Kpi[DroidTotals], ...]] = (
    Kpi(
        metrics.DROID_TASK_COMPLETION_RATIO,
        lambda facts: ratios.task_completion_ratio(facts.work),
        lambda facts: facts.work.tasks_ended,
        Quotient(i.TASKS_COMPLETED, i.TASKS),
    ),
    Kpi(
        metrics.DROID_ERROR_RATIO,
        lambda facts: ratios.error_ratio(facts.work),
        lambda facts: facts.work.attempts_ended,
        Quotient(i.ATTEMPTS_FAILED, i.ATTEMPTS),
    ),
    Kpi(
        metrics.DROID_RETRY_RATIO,
        lambda facts: ratios.retry_ratio(facts.work),
        lambda facts: facts.work.attempts_ended,
        Quotient(i.RETRIES, i.ATTEMPTS),
    ),
    Kpi(
        metrics.DROID_RESPONSE_SCORE,
        lambda facts: communication.response_score(facts.queries),
        lambda facts: facts.queries.queries,
        Quotient(i.QUERY_CREDIT, i.QUERIES, kind="mean", form="100 * {}"),
    ),
    Kpi(
        metrics.DROID_EFFICIENCY_SCORE,
        lambda facts: efficiency.droid_efficiency(facts).score,
        lambda facts: facts.work.tasks_ended,
        Unrecorded("a composite"),
    ),
    Kpi(
        metrics.DROID_EFFICIENCY_WEIGHT,
        lambda facts: efficiency.droid_efficiency(facts).weight,
        None,
        Unrecorded("a composite's weight"),
    ),
    Kpi(
        metrics.DROID_COLLABORATION_SCORE,
        communication.collaboration_score,
        lambda facts: facts.work.tasks_ended,
        Unrecorded("a composite of a median"),
    ),
    Kpi(
        metrics.DROID_CODE_QUALITY_SCORE,
        lambda facts: quality.mean_score(facts.code_quality),
        lambda facts: facts.code_quality.n,
        mean_of(i.CODE_QUALITY),
    ),
    Kpi(
        metrics.DROID_TEST_COVERAGE_SCORE,
        lambda facts: quality.mean_score(facts.test_coverage),
        lambda facts: facts.test_coverage.n,
        mean_of(i.TEST_COVERAGE),
    ),
    Kpi(
        metrics.DROID_SECURITY_SCORE,
        lambda facts: quality.mean_score(facts.security),
        lambda facts: facts.security.n,
        mean_of(i.SECURITY),
    ),
    Kpi(
        metrics.DROID_QUALITY_CONSISTENCY_RATIO,
        lambda facts: quality.consistency_ratio(facts.code_quality),
        lambda facts: facts.code_quality.n,
        Unrecorded("a deviation"),
    ),
)

PATTERN_KPIS: Final[tuple[Kpi[PatternTotals], ...]] = (
    Kpi(
        metrics.PATTERN_SUCCESS_RATIO,
        lambda facts: ratios.session_success_ratio(facts.sessions),
        lambda facts: facts.sessions.sessions_ended,
        Quotient(i.SESSIONS_UNSUCCESSFUL, i.SESSIONS, form="1 - {}", name="orchestrator_session_success"),
    ),
    Kpi(
        metrics.PATTERN_COST_PER_SUCCESS,
        patterns.cost_per_success_usd,
        None,
        Quotient(i.COST, i.SESSIONS, less=i.SESSIONS_UNSUCCESSFUL),
    ),
    Kpi(
        metrics.PATTERN_COST_EFFICIENCY_RATIO,
        patterns.cost_efficiency_ratio,
        lambda facts: facts.sessions.sessions_completed,
        Unrecorded("clipped, against a budget"),
    ),
    Kpi(
        metrics.PATTERN_CODE_QUALITY_SCORE,
        lambda facts: quality.mean_score(facts.code_quality),
        lambda facts: facts.code_quality.n,
        mean_of(i.CODE_QUALITY),
    ),
)

ALL_KPIS: Final[tuple[Kpi[Any], ...]] = (*ORCHESTRATOR_KPIS, *DROID_KPIS, *PATTERN_KPIS)
"""
The KPIs of all subjects.
"""


def _own_increases() -> Iterator[Increase]:
    for kpi in ALL_KPIS:
        if isinstance(kpi.recorded, Quotient):
            yield from (kpi.recorded.numerator, kpi.recorded.denominator)
            if kpi.recorded.less:
                yield kpi.recorded.less


RECORDED_INCREASES: Final = tuple(dict.fromkeys((*INCREASES, *_own_increases())))
"""
The increases that Prometheus records: those of `conventions.increases`, then those that one KPI alone has.
"""

_SAMPLES: Final = {spec: samples_of(spec) for spec in KPIS}


def gauges(
    totals: Mapping[OrchestratorLabels, Mapping[str, Totals]],
    budgets_usd: Mapping[str, float] | None = None,
    references_usd: Mapping[OrchestratorLabels, Mapping[str, float]] | None = None,
) -> Iterator[Gauge]:
    """
    Every KPI that is present, each followed by its samples sibling where it has one.

    In order of orchestrator, window, subject and catalogue.

    Args:
        totals: The facts of each orchestrator by window.
        budgets_usd: Configured cost per success by pattern.
        references_usd: What a success usually costs, by orchestrator and pattern: where there is no
            budget.
    """
    for orchestrator, by_window in totals.items():
        worth = {**(references_usd or {}).get(orchestrator, {}), **(budgets_usd or {})}
        for window in WINDOWS:
            facts = by_subject(by_window[window], worth)
            yield from _gauges(ORCHESTRATOR_KPIS, facts.orchestrator, (*orchestrator, window))
            for droid, droid_facts in facts.droids.items():
                yield from _gauges(DROID_KPIS, droid_facts, (*orchestrator, droid, window))
            for pattern, pattern_facts in facts.patterns.items():
                yield from _gauges(PATTERN_KPIS, pattern_facts, (*orchestrator, pattern, window))


def _gauges(kpis: Iterable[Kpi[Facts]], facts: Facts, labels: tuple[str, ...]) -> Iterator[Gauge]:
    for kpi in kpis:
        value = kpi.value(facts)
        if value is not None:
            yield kpi.spec, labels, value
            if kpi.samples:
                yield _SAMPLES[kpi.spec], labels, kpi.samples(facts)
