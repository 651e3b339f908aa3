"""
What an alerting rule is made of, and how it becomes one: labels, sentences, links.

Expression, labels and sentence of an alert read the same limit. Ratios have the bad outcomes as
numerator, because a total outage has no good ones, and every count has half a unit of slack,
because `increase` is fractional.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from droidscope.conventions.metrics import ORCHESTRATOR
from droidscope.conventions.thresholds import NO_HOLD
from droidscope.limits.alert_limits import AnyThreshold
from droidscope.rules.promql import Scope

JOB: Final = "droidscope"
"""
Scrape job of the exporter in prometheus/prometheus.yml.
"""

DROIDS_BOARD: Final = "orchestrator-droids"
PATTERNS_BOARD: Final = "orchestrator-patterns"
OVERVIEW_BOARD: Final = "orchestrator-overview"

VARIABLES: Final = {
    OVERVIEW_BOARD: (ORCHESTRATOR, "pattern"),
    DROIDS_BOARD: (ORCHESTRATOR, "droid"),
    PATTERNS_BOARD: (ORCHESTRATOR, "pattern"),
}
"""
The variables of each board that an alert's link can set.
"""

# When the exporter dies its gauges go stale and their alerts would resolve, as if all were well.
# They keep firing until DroidscopeDown, with its hold of 5m, fires and mutes them.
GAUGE_KEEPS_FIRING: Final = "15m"

RATIO_KEEPS_FIRING: Final = "10m"
"""
A ratio near its limit is one alert, not one every few minutes.
"""


class Links(NamedTuple):
    """
    Where annotations point: *runbooks* is the folder of the runbook pages, *grafana* the server's root.

    The default of *runbooks* is the folder in this repository; give the URL it is published under.
    """

    runbooks: str = "docs/runbooks"
    grafana: str = "http://127.0.0.1:3000"


class AlertRule(NamedTuple):
    """
    One alerting rule of a limit.

    *cause* distinguishes two rules of one name, and *override* rules whose limit was changed for some
    orchestrators or patterns.
    """

    threshold: AnyThreshold
    board: str
    expr: str
    summary: str
    description: str
    keep_firing_for: str = ""
    cause: str = ""
    override: str = ""

    def rule(self, links: Links) -> dict[str, object]:
        """
        The rule as a rule file has it.
        """
        limit = self.threshold
        hold = "" if limit.hold == NO_HOLD else limit.hold
        labels = {
            "severity": str(limit.severity),
            "category": limit.category,
            "cause": self.cause,
            "override": self.override,
        }
        return {
            "alert": limit.name,
            "expr": self.expr,
            **_given({"for": hold, "keep_firing_for": self.keep_firing_for}),
            "labels": _given(labels),
            "annotations": {
                "summary": self.summary,
                "description": self.description,
                "action": limit.action,
                "runbook_url": runbook_url(limit.name, links),
                "dashboard_url": self._dashboard_url(links),
            },
        }

    def _dashboard_url(self, links: Links) -> str:
        shown = [label for label in self.threshold.by if label in VARIABLES[self.board]]
        variables = "&".join(f"var-{label}={{{{ $labels.{label} | urlquery }}}}" for label in shown)
        return f"{links.grafana}/d/{self.board}" + (f"?{variables}" if variables else "")


class AlertKind(NamedTuple):
    """
    An alert before its limit is settled: *build* makes the rule of a limit within a scope.
    """

    threshold: AnyThreshold
    build: Callable[[AnyThreshold, Scope], AlertRule]


def runbook_url(name: str, links: Links) -> str:
    """
    Address of the page about the alert *name*.
    """
    return f"{links.runbooks}/{name}.md"


def label_value(label: str) -> str:
    """
    A label's value in a sentence, `(none)` where it has none.
    """
    return f'{{{{ or $labels.{label} "(none)" }}}}'


def subject(label: str) -> str:
    """
    The subject of an orchestrator in a sentence: `model gpt of atlas`.
    """
    return f"{label} {label_value(label)} of {ORCHESTRATOR_NAME}"


ORCHESTRATOR_NAME: Final = "{{ $labels.orchestrator }}"
COUNT: Final = '{{ printf "%.0f" $value }}'
PERCENTAGE: Final = "{{ $value | humanizePercentage }}"
DURATION: Final = "{{ $value | humanizeDuration }}"
POINTS: Final = '{{ printf "%.1f" $value }}'
TIMES: Final = '{{ printf "%.1f" $value }}'


def _given(fields: dict[str, str]) -> dict[str, str]:
    return {field: value for field, value in fields.items() if value}
