"""
The sections of the landing page on problems and what to do: alerts, bottlenecks, recommendations.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape
from typing import Final
from urllib.parse import urlencode

from droidscope.conventions import insight_kinds
from droidscope.formatting import count, duration, rounded
from droidscope.insights.alerts import ActiveAlert, Level
from droidscope.insights.insight_types import Bottleneck, Recommendation, SessionRef
from droidscope.web.html import UNKNOWN, aside, bar, empty_note, section, text

ALERTS_OPEN: Final = 6
"""
Alerts that are listed; the others are a click away.
"""
_WINDOW: Final = ", last 24 hours"


def alerts_section(alerts: Sequence[ActiveAlert] | None, total: int | None) -> str:
    """
    The active alerts, the most severe first; *total* is their number, listed or not.
    """
    return section("alerts", "Alerts", _alerts(alerts, total or 0), beside_title=_counts(alerts))


def level_chip(level: Level | None) -> str:
    """
    The alert level, as a link to the alerts.
    """
    if level is None:
        return ""
    label = "No active alerts" if level == "none" else f"Alert level: {level}"
    return f'<a class="pill" href="#alerts" data-severity="{level}">{label}</a>'


def bottlenecks_section(bottlenecks: Sequence[Bottleneck] | None) -> str:
    """
    The bottlenecks with the highest impact.
    """
    items = [
        _insight(
            insight_kinds.BOTTLENECK_TITLES[bottleneck.kind],
            bottleneck.orchestrator,
            bottleneck.impact_score,
            bottleneck.description,
            _time_lost(bottleneck.lost_seconds),
            _example_sessions(bottleneck.sessions),
        )
        for bottleneck in bottlenecks or ()
    ]
    empty = UNKNOWN if bottlenecks is None else "No bottlenecks found."
    return _insights_section("bottlenecks", "Bottlenecks", items, empty)


def recommendations_section(recommendations: Sequence[Recommendation] | None) -> str:
    """
    The recommendations with the highest impact.
    """
    items = [
        _insight(
            insight_kinds.RECOMMENDATION_TITLES[advice.kind],
            advice.orchestrator,
            advice.impact_score,
            advice.description,
            *(_note("First step", step) for step in advice.recommendations[:1]),
            _note("Expected improvement", advice.expected_improvement.text)
            if advice.expected_improvement
            else "",
        )
        for advice in recommendations or ()
    ]
    empty = UNKNOWN if recommendations is None else "No recommendations."
    return _insights_section("recommendations", "Recommendations", items, empty)


def session_link(session_id: str) -> str:
    """
    A session's id, as a link to its phases and critical path.
    """
    query = urlencode({"session_id": session_id})
    return f'<a href="{escape(f"/api/v1/session?{query}")}"><code>{text(session_id)}</code></a>'


# --- alerts -------------------------------------------------------------------------------------


def _alerts(alerts: Sequence[ActiveAlert] | None, total: int) -> str:
    if not alerts:
        return empty_note("alerts", UNKNOWN if alerts is None else "No active alerts.")
    first, rest = alerts[:ALERTS_OPEN], alerts[ALERTS_OPEN:]
    details = ""
    if rest:
        details = f"<details><summary>{count(total - len(first))} more</summary>{_alert_list(rest)}</details>"
    return f'<div class="card">{_alert_list(first)}{details}</div>'


def _alert_list(alerts: Iterable[ActiveAlert]) -> str:
    items = "".join(
        f'<li><span class="chip" data-severity="{alert.severity}">{alert.severity}</span>'
        f"<p>{text(alert.message)} <small>{alert.name}: {alert.action.replace('_', ' ')}</small></p></li>"
        for alert in alerts
    )
    return f'<ul class="alerts">{items}</ul>'


def _counts(alerts: Sequence[ActiveAlert] | None) -> str:
    counts = Counter(str(alert.severity) for alert in alerts or ())
    label = ", ".join(f"{n} {severity}" for severity, n in counts.items())
    return aside(label) if label else ""


# --- bottlenecks and recommendations ------------------------------------------------------------


def _insights_section(name: str, title: str, items: Sequence[str], empty: str) -> str:
    """
    A list with a link to the API, or the sentence *empty*.
    """
    if not items:
        return section(name, title + _WINDOW, empty_note(name, empty))
    link = aside(f'<a href="/api/v1/{name}">All as JSON</a>')
    content = f'<ol class="card insights">{"".join(items)}</ol>'
    return section(name, title + _WINDOW, content, beside_title=link)


def _insight(kind: str, orchestrator: str, impact: float, description: str, *notes: str) -> str:
    impact_bar = bar(impact, 100, "Impact, 0 to 100", rounded(impact))
    return (
        f'<li><p class="kind"><strong>{kind}</strong> <span>{text(orchestrator)}</span>'
        f"<span>impact {impact_bar}</span></p><p>{text(description)}</p>{''.join(notes)}</li>"
    )


def _note(title: str, content: str) -> str:
    return f'<p class="note"><b>{title}:</b> {text(content)}</p>'


def _time_lost(seconds: float | None) -> str:
    return _note("Time lost", duration(seconds)) if seconds else ""


def _example_sessions(sessions: Sequence[SessionRef]) -> str:
    links = " ".join(session_link(session.session_id) for session in sessions)
    return f'<p class="note"><b>Example sessions:</b> {links}</p>' if links else ""
