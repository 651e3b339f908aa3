"""
What a metric family is, and how one is declared.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from droidscope.conventions.attributes import DURATION_BOUNDS

MetricKind = Literal["counter", "histogram", "summary", "gauge"]
LabelName = Literal[
    "orchestrator",
    "pattern",
    "outcome",
    "phase",
    "droid",
    "task_type",
    "reason",
    "sender",
    "message_type",
    "receiver",
    "conflict_type",
    "gate",
    "finding_severity",
    "tool",
    "model",
    "direction",
    "session_id",
    "state",
    "status",
    "alert",
    "alert_severity",
    "window",
    "kind",
    "subject",
    "rule",
    "version",
    "signal",
    "transport",
    "part",
    "label",
    "instance",
    "family",
    "rule_group",
]
"""
The labels that alerts and queries have: those of the catalogue, then those that Prometheus or a rule adds.
"""


class MetricSpec(NamedTuple):
    """
    One metric family: what the exposition, the rules, the dashboards and the docs agree on.

    *labels* are those beside the orchestrator's own; *bounds* are a histogram's upper bounds in
    seconds, without +Inf.
    """

    name: str
    kind: MetricKind
    labels: tuple[LabelName, ...]
    help: str
    bounds: tuple[float, ...] = ()

    @property
    def short_name(self) -> str:
        """
        The name that the API has for it, without the domain: `session_success_ratio`.
        """
        return self.name.removeprefix("orchestrator_")


ORCHESTRATOR: Final = "orchestrator"
"""
Label of every domain series: the resource's `service.name`.
"""

RESPONSE_BOUNDS: Final = (1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0)

WINDOW: Final = "window"
WINDOWS: Final = {"1h": 60, "24h": 1440, "7d": 10080}
"""
Name of each window and its length in minutes.
"""
TREND_WINDOWS: Final = ("7d", "30d")
"""
Windows of trends: by the hour, and by the day.
"""
ASSIGNMENT_WINDOW: Final = "7d"
"""
Window over which assignments are judged.
"""

FAMILIES: Final[dict[str, MetricSpec]] = {}
"""
Every family declared so far, by name, in order.
"""


def family(
    name: str, kind: MetricKind, labels: tuple[LabelName, ...], help_: str, bounds: tuple[float, ...] = ()
) -> MetricSpec:
    """
    Declare a metric family.

    Raises:
        ValueError: If there is one of that name already.
    """
    spec = MetricSpec(name, kind, labels, help_, bounds)
    if name in FAMILIES:
        msg = f"metric {name} is declared twice"
        raise ValueError(msg)
    FAMILIES[name] = spec
    return spec


def counter(name: str, *labels: LabelName, help: str) -> MetricSpec:
    """
    Declare a counter.
    """
    return family(name, "counter", labels, help)


def histogram(
    name: str, *labels: LabelName, help: str, bounds: tuple[float, ...] = DURATION_BOUNDS
) -> MetricSpec:
    """
    Declare a histogram with these upper *bounds*.
    """
    return family(name, "histogram", labels, help, bounds)


def summary(name: str, *labels: LabelName, help: str) -> MetricSpec:
    """
    Declare a summary without quantiles: sum and count.
    """
    return family(name, "summary", labels, help)


def gauge(name: str, *labels: LabelName, help: str) -> MetricSpec:
    """
    Declare a gauge.
    """
    return family(name, "gauge", labels, help)


def samples_of(spec: MetricSpec) -> MetricSpec:
    """
    The sibling that carries the sample count of a ratio or a score.
    """
    return MetricSpec(f"{spec.name}_samples", "gauge", spec.labels, f"Sample count of {spec.name}.")
