"""
Increases: what Prometheus counts within a window, and the KPIs that are quotients of that.

Numerators and denominators are recorded apart, not divided, so that whoever reads them divides sums over
whatever they choose, over any number of exporters, and never averages ratios.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from droidscope.conventions import metrics as m
from droidscope.conventions.attributes import Outcome
from droidscope.conventions.matchers import Matcher, outcome_is
from droidscope.conventions.metrics import LabelName, MetricSpec
from droidscope.conventions.outcomes import JUDGED, SESSION_FAILURES

PATTERN: Final = ("pattern",)
PHASE: Final = ("pattern", "phase")
DROID: Final = ("droid",)
PATTERN_DROID: Final = ("pattern", "droid")
MODEL: Final = ("model",)
EVERYONE: Final = ()


class Increase(NamedTuple):
    """
    How much a counter, or one *part* of a histogram, rose within a window.

    *by* are the labels that it keeps beside the orchestrator's, *matcher* chooses some of its series, and
    *suffix* names those.
    """

    metric: MetricSpec
    by: tuple[LabelName, ...]
    matcher: Matcher | None = None
    suffix: str = ""
    part: Literal["", "sum", "count"] = ""


class ObservedIncreases(NamedTuple):
    """
    What a histogram observed within a window: the total, and how many observations that is.
    """

    total: Increase
    n: Increase


def _observed(
    metric: MetricSpec, by: tuple[LabelName, ...], matcher: Matcher | None = None
) -> ObservedIncreases:
    return ObservedIncreases(
        Increase(metric, by, matcher, part="sum"), Increase(metric, by, matcher, part="count")
    )


def _judged(metric: MetricSpec, by: tuple[LabelName, ...]) -> Increase:
    return Increase(metric, by, outcome_is(*JUDGED[metric]))


SESSIONS: Final = _judged(m.SESSIONS, PATTERN)
"""
Sessions that completed, failed or were lost: without those that were lost and cancelled in truth.
"""
SESSIONS_UNSUCCESSFUL: Final = Increase(
    m.SESSIONS, PATTERN, outcome_is(*SESSION_FAILURES), suffix="unsuccessful"
)
"""
Sessions that failed or were lost in the end: without those that were lost and completed after all.
"""
SESSION_DURATION: Final = _observed(m.SESSION_DURATION, PATTERN, outcome_is(Outcome.COMPLETED))
CONFLICTS: Final = Increase(m.CONFLICTS, PATTERN)
SYNTHESES: Final = _judged(m.SYNTHESES, PATTERN)
SYNTHESES_INTEGRATED: Final = Increase(m.SYNTHESES, PATTERN, outcome_is(Outcome.INTEGRATED), "integrated")
COST: Final = Increase(m.COST, PATTERN)
PHASES: Final = _judged(m.PHASES, PHASE)
PHASES_COMPLETED: Final = Increase(m.PHASES, PHASE, outcome_is(Outcome.COMPLETED), "completed")
PHASE_DURATION: Final = _observed(m.PHASE_DURATION, PHASE)
TASKS: Final = _judged(m.TASKS, DROID)
TASKS_COMPLETED: Final = Increase(m.TASKS, DROID, outcome_is(Outcome.COMPLETED), "completed")
TASK_DURATION: Final = _observed(m.TASK_DURATION, DROID)
ATTEMPTS: Final = _judged(m.ATTEMPTS, DROID)
ATTEMPTS_FAILED: Final = Increase(m.ATTEMPTS, DROID, outcome_is(Outcome.FAILED), "failed")
RETRIES: Final = Increase(m.RETRIES, DROID)
QUERIES: Final = _judged(m.QUERIES, DROID)
QUERY_CREDIT: Final = Increase(m.QUERY_CREDIT, DROID)
QUERY_RESPONSE: Final = _observed(m.QUERY_RESPONSE, DROID)
TEST_COVERAGE: Final = _observed(m.TEST_COVERAGE, DROID)
SECURITY: Final = _observed(m.SECURITY, DROID)
CODE_QUALITY: Final = _observed(m.CODE_QUALITY, PATTERN_DROID)
MESSAGES: Final = _judged(m.MESSAGES, EVERYONE)
# A query is never "accepted" and nothing else is "answered".
MESSAGES_DELIVERED: Final = Increase(
    m.MESSAGES, EVERYONE, outcome_is(Outcome.ACCEPTED, Outcome.ANSWERED), "delivered"
)
MODEL_REQUESTS: Final = _judged(m.MODEL_REQUESTS, MODEL)
MODEL_REQUESTS_FAILED: Final = Increase(m.MODEL_REQUESTS, MODEL, outcome_is(Outcome.FAILED), "failed")
MODEL_REQUEST_DURATION: Final = _observed(m.MODEL_REQUEST_DURATION, MODEL)

INCREASES: Final = tuple(
    increase
    for declared in tuple(globals().values())
    if isinstance(declared, (Increase, ObservedIncreases))
    for increase in ((declared,) if isinstance(declared, Increase) else declared)
)
"""
Every increase, in the order in which they are declared and recorded.
"""


class Quotient(NamedTuple):
    """
    A KPI that is one increase over another: how Prometheus records it over any number of exporters.

    Args:
        numerator: What is divided.
        denominator: By what.
        kind: A share of something, or the mean of what was observed.
        form: PromQL of the KPI, with `{}` for the quotient.
        less: What to take from the denominator first; there is no quotient where nothing is left of it,
            nor where the numerator is 0.
        name: What the recorded series is about, where the name of the gauge does not say that.
    """

    numerator: Increase
    denominator: Increase
    kind: Literal["ratio", "mean"] = "ratio"
    form: str = "{}"
    less: Increase | None = None
    name: str = ""


class Product(NamedTuple):
    """
    A KPI that is one recorded KPI times what another leaves to 1.
    """

    factor: MetricSpec
    complement: MetricSpec


class Unrecorded(NamedTuple):
    """
    A KPI that is no quotient of counters or histograms, and why: it has its gauge alone.
    """

    reason: str


def mean_of(observed: ObservedIncreases) -> Quotient:
    """
    The mean of what a histogram observed.
    """
    return Quotient(observed.total, observed.n, kind="mean")
