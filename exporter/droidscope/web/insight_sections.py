"""
The parts of the landing page that say what is wrong and what to do: alerts, bottlenecks, recommendations.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape
from typing import Final
from urllib.parse import urlencode

from droidscope.conventions import insight_kinds
from droidscope.formatting import duration
from droidscope.insights.alerts import ActiveAlert, Level
from droidscope.insights.analysis_window import SessionRef
from droidscope.insights.bottlenecks import Bottleneck
from droidscope.insights.recommendations import Recommendation
from droidscope.web.html import UNKNOWN, aside, bar, nothing, number_text, section, text

OPEN: Final = 6
"""
Alerts that are listed; the others are a click away.
"""
_WINDOW: Final = ", last 24 hours"


def alerts_section(alerts: Sequence[ActiveAlert] | None, total: int | None) -> str:
    """
    The active alerts, the most severe first; *total* is how many there are, listed or not.
    """
    return section("alerts", "Alerts", _alerts(alerts, total or 0), beside_title=_counts(alerts))


def level_chip(level: Level | None) -> str:
    """
    The highest severity, as a way to the alerts.
    """
    if level is None:
        return ""
    said = "No alerts" if level == "none" else f"Alert level: {level}"
    return f'<a class="pill" href="#alerts" data-severity="{level}">{said}</a>'


def bottlenecks_section(found: Sequence[Bottleneck] | None) -> str:
    """
    What costs most.
    """
    items = [
        _finding(
            insight_kinds.BOTTLENECKS[each.kind],
            each.orchestrator,
            each.impact_score,
            each.description,
            _lost(each.lost_seconds),
            _sessions(each.sessions),
        )
        for each in found or ()
    ]
    return _findings("bottlenecks", "Bottlenecks", found, items, "Nothing slows the work down.")


def recommendations_section(found: Sequence[Recommendation] | None) -> str:
    """
    What would help most.
    """
    items = [
        _finding(
            insight_kinds.RECOMMENDATIONS[each.kind],
            each.orchestrator,
            each.impact_score,
            each.description,
            *(_note("First", step) for step in each.recommendations[:1]),
            _note("To gain", each.expected_improvement.text) if each.expected_improvement else "",
        )
        for each in found or ()
    ]
    return _findings("recommendations", "Recommendations", found, items, "There is nothing to advise.")


def session_link(session_id: str) -> str:
    """
    A session's id, which leads to its phases and critical path.
    """
    query = urlencode({"session_id": session_id})
    return f'<a href="{escape(f"/api/v1/session?{query}")}"><code>{text(session_id)}</code></a>'


# --- alerts -------------------------------------------------------------------------------------


def _alerts(alerts: Sequence[ActiveAlert] | None, total: int) -> str:
    if not alerts:
        return nothing("alerts", UNKNOWN if alerts is None else "Every limit is kept.")
    shown, more = alerts[:OPEN], alerts[OPEN:]
    rest = ""
    if more:
        rest = f"<details><summary>{total - len(shown):,} more</summary>{_alert_list(more)}</details>"
    return f'<div class="card">{_alert_list(shown)}{rest}</div>'


def _alert_list(alerts: Iterable[ActiveAlert]) -> str:
    items = "".join(
        f'<li><span class="chip" data-severity="{alert.severity}">{alert.severity}</span>'
        f"<p>{text(alert.message)} <small>{alert.name}: {alert.action.replace('_', ' ')}</small></p></li>"
        for alert in alerts
    )
    return f'<ul class="alerts">{items}</ul>'


def _counts(alerts: Sequence[ActiveAlert] | None) -> str:
    counts = Counter(str(alert.severity) for alert in alerts or ())
    said = ", ".join(f"{n} {severity}" for severity, n in counts.items())
    return aside(said) if said else ""


# --- bottlenecks and recommendations ------------------------------------------------------------


def _findings(name: str, title: str, found: Sequence[object] | None, items: Sequence[str], empty: str) -> str:
    content = (
        f'<ol class="card findings">{"".join(items)}</ol>'
        if items
        else nothing(name, UNKNOWN if found is None else empty)
    )
    way = aside(f'<a href="/api/v1/{name}">All as JSON</a>') if items else ""
    return section(name, title + _WINDOW, content, beside_title=way)


def _finding(kind: str, orchestrator: str, impact: float, description: str, *notes: str) -> str:
    shown = bar(impact, 100, "Impact of 100", number_text(impact, "score"))
    return (
        f'<li><p class="kind"><strong>{kind}</strong> <span>{text(orchestrator)}</span>'
        f"<span>impact {shown}</span></p><p>{text(description)}</p>{''.join(notes)}</li>"
    )


def _note(title: str, said: str) -> str:
    return f'<p class="note"><b>{title}:</b> {text(said)}</p>'


def _lost(seconds: float | None) -> str:
    return _note("Lost", duration(seconds)) if seconds else ""


def _sessions(shown: Sequence[SessionRef]) -> str:
    links = " ".join(session_link(each.session_id) for each in shown)
    return f'<p class="note"><b>Seen in:</b> {links}</p>' if links else ""
