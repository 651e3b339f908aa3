"""
The landing page as HTML: complete without scripts; `static/live.js` fetches it every five seconds and
changes what differs, so that the layout is written here alone.
"""

from __future__ import annotations

from html import escape
from typing import Final

from droidscope.api.schema import ExporterSummary
from droidscope.conventions.insight_kinds import STATUSES, DroidStatus
from droidscope.formatting import count, duration, percent, rounded, short_count
from droidscope.views.landing_summary import DroidLine, LandingSummary, Ratio, SessionLine
from droidscope.web.html import (
    DASH,
    UNKNOWN,
    aside,
    bar,
    cell,
    or_dash,
    row,
    section,
    table,
    text,
)
from droidscope.web.insight_sections import (
    alerts_section,
    bottlenecks_section,
    level_chip,
    recommendations_section,
    session_link,
)

PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<link rel="icon" href="/static/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/static/style.css">
{script}</head>
<body>
<a class="skip" href="#main">Skip to content</a>
{body}
</body>
</html>
"""


def landing_html(exporter: ExporterSummary, docs_url: str) -> str:
    """
    The whole page, with a link to *docs_url* if it is given.

    Every text of *exporter* is escaped: names of droids and sessions come from telemetry.
    """
    body = "\n".join((_header(exporter), _main(exporter.summary), _footer(docs_url)))
    script = '<script src="/static/live.js" defer></script>\n'
    return PAGE.format(title=escape(exporter.name), script=script, body=body)


def error_html(status: int, sentence: str) -> str:
    """
    The page of an error, with a link to the landing page.
    """
    body = (
        f'<main id="main" class="error"><p class="code">{status}</p><h1>{escape(sentence)}</h1>'
        '<p><a href="/">Back to the overview</a></p></main>'
    )
    return PAGE.format(title=f"{status} {escape(sentence)}", script="", body=body)


def _header(exporter: ExporterSummary) -> str:
    ready = exporter.status.ready
    message = exporter.status.message or ("Ready" if ready else "Starting")
    return (
        '<header id="header"><img src="/static/icon.svg" alt="" width="36" height="36">'
        f"<div><h1>{escape(exporter.name)}</h1>"
        f'<p class="version">version <span id="version">{escape(exporter.version)}</span></p></div>'
        f'<div class="pills">{level_chip(exporter.summary.alert_level)}'
        f'<p id="status" class="pill" role="status" data-ready="{str(ready).lower()}">{escape(message)}</p>'
        "</div></header>"
    )


def _main(summary: LandingSummary) -> str:
    day = _tiles(
        _ratio_tile("Success rate", summary.session_success, "sessions"),
        _ratio_tile("Error rate", summary.attempt_errors, "attempts"),
    )
    work = _tiles(
        _tile("Tasks completed", summary.completed_tasks),
        _tile("Tasks failed", summary.failed_tasks),
        _tile("Messages", summary.messages),
    )
    return "\n".join(
        (
            '<main id="main">',
            section("counts", "Sessions", _session_tiles(summary)),
            section("day", "Last 24 hours", day),
            section("work", "Tasks and messages", work),
            alerts_section(summary.alerts, summary.alerts_total),
            section(
                "sessions",
                "Running and waiting sessions",
                _sessions_table(summary.sessions, summary.time_seconds),
            ),
            bottlenecks_section(summary.bottlenecks),
            recommendations_section(summary.recommendations),
            section(
                "droids",
                "Droids, last 24 hours",
                _droids_table(summary.droids),
                beside_title=_status_counts(summary.droid_statuses),
            ),
            "</main>",
        )
    )


def _session_tiles(summary: LandingSummary) -> str:
    return _tiles(
        _tile("Running", summary.active_sessions),
        _tile("Waiting", summary.waiting_sessions),
        _tile("Completed", summary.completed_sessions),
        _tile("Failed", summary.failed_sessions),
        _tile("Lost", summary.lost_sessions),
        _tile("Cancelled", summary.cancelled_sessions),
        _tile("Unknown", summary.unknown_sessions),
    )


def _footer(docs_url: str) -> str:
    docs = f'<a href="{escape(docs_url)}" rel="noreferrer">Documentation</a>' if docs_url else ""
    return (
        '<footer><nav aria-label="More"><a href="/metrics">Metrics</a>'
        f'<a href="/api/v1/summary">Summary as JSON</a><a href="/-/ready">Readiness</a>{docs}</nav>'
        '<p id="freshness"></p></footer>'
    )


def _tiles(*tiles: str) -> str:
    return f'<dl class="tiles">{"".join(tiles)}</dl>'


def _tile(title: str, value: float | None) -> str:
    whole, short = or_dash(value, count), or_dash(value, short_count)
    hint = f' title="{whole}"' if short != whole else ""
    return f"<div><dt>{title}</dt><dd{hint}>{short}</dd></div>"


def _ratio_tile(title: str, ratio: Ratio, samples_of: str) -> str:
    samples = "" if ratio.samples is None else f"of {count(ratio.samples)} {samples_of}"
    return f"<div><dt>{title}</dt><dd>{or_dash(ratio.value, percent)}<small>{samples}</small></dd></div>"


def _sessions_table(sessions: tuple[SessionLine, ...] | None, now_seconds: float | None) -> str:
    rows = [
        row(
            f'<th scope="row">{session_link(line.session)}</th>',
            cell(line.orchestrator),
            cell(line.pattern),
            cell(line.phase),
            f"<td>{_state(line.state)}{_since(line.waiting_since_seconds, now_seconds)}</td>",
            f"<td>{_progress(line.progress)}</td>",
            cell(_elapsed(line.start_seconds, now_seconds), numeric=True),
            cell(or_dash(line.droids, count), numeric=True),
            cell(or_dash(line.conflicts, count), numeric=True),
        )
        for line in sessions or ()
    ]
    heads = (
        "Session",
        "Orchestrator",
        "Pattern",
        "Phase",
        "State",
        "Progress",
        "#Elapsed",
        "#Droids",
        "#Conflicts",
    )
    return table(
        "sessions",
        "Running and waiting sessions, the oldest first",
        heads,
        rows,
        "No running or waiting sessions." if sessions is not None else UNKNOWN,
    )


def _droids_table(droids: tuple[DroidLine, ...] | None) -> str:
    rows = [
        row(
            f'<th scope="row">{text(line.droid) or DASH}</th>',
            cell(line.orchestrator),
            f"<td>{_state(line.status) if line.status else DASH}</td>",
            f"<td>{_efficiency(line.efficiency)}</td>",
            cell(count(line.samples), numeric=True),
            cell(_load(line), numeric=True),
        )
        for line in droids or ()
    ]
    heads = ("Droid", "Orchestrator", "Status", "Efficiency", "#Tasks", "#In flight")
    return table(
        "droids",
        "Droids by efficiency score, 0 to 100",
        heads,
        rows,
        "No droids yet." if droids is not None else UNKNOWN,
    )


def _status_counts(counts: dict[DroidStatus, int] | None) -> str:
    """
    The number of droids by status, over all of them: the table may not list those with problems.
    """
    known = counts or {}
    label = ", ".join(f"{known[status]} {status}" for status in STATUSES if status in known)
    return aside(label) if label else ""


def _state(state: str) -> str:
    return f'<span class="state" data-state="{text(state)}">{text(state)}</span>'


def _since(since_seconds: float | None, now_seconds: float | None) -> str:
    """
    How long a session has waited for a person, beside its state; nothing where it does not.
    """
    return "" if since_seconds is None else f" <small>{_elapsed(since_seconds, now_seconds)}</small>"


def _progress(ratio: float | None) -> str:
    return DASH if ratio is None else bar(ratio, 1, "Progress", percent(round(ratio, 2)))


def _elapsed(start_seconds: float | None, now_seconds: float | None) -> str:
    """
    The time between two moments, in whole seconds; clocks that disagree make it no less than zero.
    """
    if start_seconds is None or now_seconds is None:
        return DASH
    return duration(max(0, int(now_seconds - start_seconds)))


def _efficiency(score: float | None) -> str:
    return DASH if score is None else bar(score, 100, "Efficiency", rounded(score))


def _load(line: DroidLine) -> str:
    active = or_dash(line.attempts_active, count)
    return active if line.attempts_limit is None else f"{active} of {line.attempts_limit}"
