"""
Read by mypy alone: a misspelt outcome, label or KPI in rules and boards is an error of types.
"""

from __future__ import annotations

from droidscope.conventions import metrics
from droidscope.conventions.attributes import Outcome
from droidscope.conventions.increases import Increase
from droidscope.conventions.matchers import label_is, outcome_is
from droidscope.conventions.metrics import ORCHESTRATOR, LabelName
from droidscope.conventions.metrics.spec import counter
from droidscope.conventions.thresholds import BY_DROID, SpecAlertCategory, Threshold
from droidscope.insights import forecasts
from droidscope.insights.forecasts import Trend, trend_of
from droidscope.rules.promql import Scope


def matchers(scope: Scope) -> None:
    scope.select(metrics.ATTEMPTS, outcome_is(Outcome.FAILED), label_is("droid", "coder"))
    scope.select(metrics.ATTEMPTS, 'outcome="fail_ed"')  # type: ignore[arg-type]
    outcome_is("fail_ed")  # type: ignore[arg-type]
    outcome_is(Outcome.FAILED_)  # type: ignore[attr-defined]
    label_is("drod", "coder")  # type: ignore[arg-type]


def labels(threshold: Threshold[SpecAlertCategory]) -> tuple[LabelName, ...]:
    Increase(metrics.ATTEMPTS, ("droid",))
    Increase(metrics.ATTEMPTS, ("drod",))  # type: ignore[arg-type]
    counter("orchestrator_naps_total", "drod", help="Naps.")  # type: ignore[arg-type]
    if threshold.by == BY_DROID:
        return threshold.by
    return (ORCHESTRATOR, "drod")  # type: ignore[return-value]


def kpis(trends: list[Trend]) -> None:
    trend_of(forecasts.EFFICIENCY, trends)
    trend_of(forecasts.EFFICI_ENCY, trends)  # type: ignore[attr-defined]
    trend_of("efficiency_score", trends)  # type: ignore[arg-type]
    forecasts.EFFICIENCY._replace(spec=metrics.CODE_QUALTY)  # type: ignore[attr-defined]
    forecasts.EFFICIENCY._replace(spec="code_qualty_score")  # type: ignore[arg-type]
