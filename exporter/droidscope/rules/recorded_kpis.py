"""
The KPIs that are quotients of counters or histograms, as recording rules over the parts.

Over any number of exporters these are right where the exporters' own gauges are not: a gauge knows
one exporter. What is no quotient (medians, clipped means, composites, trends) has a gauge alone,
which is never summed or averaged.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from droidscope.conventions import metrics as m
from droidscope.conventions.metrics import ORCHESTRATOR, MetricSpec
from droidscope.rules import recorded_increases
from droidscope.rules.promql import Recording, at_least, sum_by
from droidscope.rules.recorded_increases import DAY, HOUR, WEEK, RecordedIncreases, level


class RecordedKpi(NamedTuple):
    """
    A recorded KPI, and the exporter's gauge that says the same over one exporter, if there is one.
    """

    rule: Recording
    gauge: MetricSpec | None


class _Kpis(NamedTuple):
    """
    Makes the KPIs of one *window* from its parts.
    """

    window: str
    parts: RecordedIncreases

    def _kpi(
        self, base: str, kind: str, levels: tuple[str, ...], expr: str, gauge: MetricSpec | None
    ) -> RecordedKpi:
        name = f"{level(levels)}:{base}:{kind}_increase{self.window}"
        return RecordedKpi(Recording(name, (ORCHESTRATOR, *levels), expr), gauge)

    def _sum(self, part: Recording, levels: tuple[str, ...]) -> str:
        by = (ORCHESTRATOR, *levels)
        return part.name if part.labels == by else sum_by(by, part.name)

    def _quotient(self, top: Recording, bottom: Recording, levels: tuple[str, ...]) -> str:
        over, under = self._sum(top, levels), self._sum(bottom, levels)
        # Where nothing of a kind ever happened its counter may not exist: that is 0, not unknown.
        return f"({over} or 0 * {under}) / ({under} > 0)"

    def ratio(
        self,
        base: str,
        top: Recording,
        bottom: Recording,
        levels: tuple[str, ...],
        gauge: MetricSpec | None = None,
    ) -> RecordedKpi:
        """
        Something of something, 0 to 1.
        """
        return self._kpi(base, "ratio", levels, self._quotient(top, bottom, levels), gauge)

    def mean(
        self,
        base: str,
        top: Recording,
        bottom: Recording,
        levels: tuple[str, ...],
        gauge: MetricSpec | None = None,
    ) -> RecordedKpi:
        """
        A sum of observations over their count.
        """
        return self._kpi(base, "mean", levels, self._quotient(top, bottom, levels), gauge)

    def success(self, levels: tuple[str, ...], gauge: MetricSpec) -> RecordedKpi:
        """
        Sessions completed, in the end, of those that ended or were lost.
        """
        bad = self._quotient(self.parts.sessions_unsuccessful, self.parts.sessions, levels)
        return self._kpi("orchestrator_session_success", "ratio", levels, f"1 - {bad}", gauge)

    def orchestrators(self) -> Iterator[RecordedKpi]:
        """
        The KPIs of orchestrators.
        """
        p, all_ = self.parts, recorded_increases.EVERYONE
        yield self.ratio(
            "orchestrator_task_completion", p.tasks_completed, p.tasks, all_, m.TASK_COMPLETION_RATIO
        )
        yield self.success(all_, m.SESSION_SUCCESS_RATIO)
        yield self.ratio(
            "orchestrator_phase_success", p.phases_completed, p.phases, all_, m.PHASE_SUCCESS_RATIO
        )
        yield self.ratio("orchestrator_error", p.attempts_failed, p.attempts, all_, m.ERROR_RATIO)
        yield self.ratio("orchestrator_retry", p.retries, p.attempts, all_, m.RETRY_RATIO)
        yield self.ratio(
            "orchestrator_integration_success",
            p.syntheses_integrated,
            p.syntheses,
            all_,
            m.INTEGRATION_SUCCESS_RATIO,
        )
        yield from self._communication()
        yield self.mean(
            "orchestrator_session_duration_seconds", p.session_duration_sum, p.session_duration_count, all_
        )
        yield self.mean(
            "orchestrator_phase_duration_seconds", p.phase_duration_sum, p.phase_duration_count, all_
        )
        yield self.mean(
            "orchestrator_task_duration_seconds", p.task_duration_sum, p.task_duration_count, all_
        )

    def _communication(self) -> Iterator[RecordedKpi]:
        p, all_ = self.parts, recorded_increases.EVERYONE
        success = self.ratio(
            "orchestrator_communication_success",
            p.messages_delivered,
            p.messages,
            all_,
            m.COMMUNICATION_SUCCESS_RATIO,
        )
        conflicts = self._kpi(
            "orchestrator_communication_conflict",
            "ratio",
            all_,
            f"clamp_max({self._quotient(p.conflicts, p.messages, all_)}, 1)",
            m.COMMUNICATION_CONFLICT_RATIO,
        )
        yield from (success, conflicts)
        yield self._kpi(
            "orchestrator_communication_efficiency",
            "ratio",
            all_,
            f"{success.rule.name} * (1 - {conflicts.rule.name})",
            m.COMMUNICATION_EFFICIENCY_RATIO,
        )

    def droids(self) -> Iterator[RecordedKpi]:
        """
        The KPIs of droids.
        """
        p, droid = self.parts, recorded_increases.DROID
        yield self.ratio(
            "orchestrator_task_completion", p.tasks_completed, p.tasks, droid, m.DROID_TASK_COMPLETION_RATIO
        )
        yield self.ratio("orchestrator_error", p.attempts_failed, p.attempts, droid, m.DROID_ERROR_RATIO)
        yield self.ratio("orchestrator_retry", p.retries, p.attempts, droid, m.DROID_RETRY_RATIO)
        yield self._kpi(
            "orchestrator_response_score",
            "mean",
            droid,
            f"100 * {self._quotient(p.query_credit, p.queries, droid)}",
            m.DROID_RESPONSE_SCORE,
        )
        yield self.mean(
            "orchestrator_code_quality_score",
            p.code_quality_sum,
            p.code_quality_count,
            droid,
            m.DROID_CODE_QUALITY_SCORE,
        )
        yield self.mean(
            "orchestrator_test_coverage_score",
            p.test_coverage_sum,
            p.test_coverage_count,
            droid,
            m.DROID_TEST_COVERAGE_SCORE,
        )
        yield self.mean(
            "orchestrator_security_score", p.security_sum, p.security_count, droid, m.DROID_SECURITY_SCORE
        )
        yield self.mean(
            "orchestrator_task_duration_seconds", p.task_duration_sum, p.task_duration_count, droid
        )
        yield self.mean(
            "orchestrator_query_response_seconds", p.query_response_sum, p.query_response_count, droid
        )

    def patterns(self) -> Iterator[RecordedKpi]:
        """
        The KPIs of patterns and of their phases.
        """
        p, pattern = self.parts, recorded_increases.PATTERN
        yield self.success(pattern, m.PATTERN_SUCCESS_RATIO)
        successes = f"({p.sessions.name} - {p.sessions_unsuccessful.name} {at_least(1)})"
        yield self._kpi(
            "orchestrator_cost_per_success_usd",
            "ratio",
            pattern,
            f"({p.cost.name} > 0) / {successes}",
            m.PATTERN_COST_PER_SUCCESS,
        )
        yield self.mean(
            "orchestrator_code_quality_score",
            p.code_quality_sum,
            p.code_quality_count,
            pattern,
            m.PATTERN_CODE_QUALITY_SCORE,
        )
        yield self.mean(
            "orchestrator_session_duration_seconds",
            p.session_duration_sum,
            p.session_duration_count,
            pattern,
        )
        yield self.mean(
            "orchestrator_phase_duration_seconds",
            p.phase_duration_sum,
            p.phase_duration_count,
            recorded_increases.PHASE,
        )

    def models(self) -> Iterator[RecordedKpi]:
        """
        How model providers do.
        """
        p, model = self.parts, recorded_increases.MODEL
        yield self.ratio(
            "orchestrator_model_request_failure", p.model_requests_failed, p.model_requests, model
        )
        yield self.mean(
            "orchestrator_model_request_duration_seconds",
            p.model_request_duration_sum,
            p.model_request_duration_count,
            model,
        )

    def all(self) -> tuple[RecordedKpi, ...]:
        """
        All of them, each after what it is computed from.
        """
        return (*self.orchestrators(), *self.droids(), *self.patterns(), *self.models())


KPIS: Final = {
    "1h": _Kpis("1h", HOUR).all(),
    "24h": _Kpis("24h", DAY).all(),
    "7d": _Kpis("7d", WEEK).all(),
}
"""
The recorded KPIs by window.
"""
