"""
The landing page as HTML: complete without scripts; `static/live.js` fetches it again and again, and
changes what differs, so that the shape of the page is written here alone.
"""

from __future__ import annotations

from html import escape
from typing import Final

from droidscope.conventions.insight_kinds import STATUSES, DroidStatus
from droidscope.views.summary import DroidLine, Ratio, SessionLine, Snapshot
from droidscope.web.html import (
    DASH,
    UNKNOWN,
    aside,
    bar,
    cell,
    elapsed_text,
    number_text,
    row,
    section,
    short_number,
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


def landing_html(snapshot: Snapshot, docs_url: str) -> str:
    """
    The whole page, with a link to *docs_url* if it is given.

    Every text of *snapshot* is escaped: droids and sessions are named outside.
    """
    body = "\n".join((_header(snapshot), _main(snapshot), _footer(docs_url)))
    script = '<script src="/static/live.js" defer></script>\n'
    return PAGE.format(title=escape(snapshot.name), script=script, body=body)


def error_html(status: int, sentence: str) -> str:
    """
    A page for an error, with the way back.
    """
    body = (
        f'<main id="main" class="error"><p class="code">{status}</p><h1>{escape(sentence)}</h1>'
        '<p><a href="/">Back to the overview</a></p></main>'
    )
    return PAGE.format(title=f"{status} {escape(sentence)}", script="", body=body)


def _header(snapshot: Snapshot) -> str:
    ready = snapshot.status.ready
    message = snapshot.status.message or ("Ready" if ready else "Starting")
    return (
        '<header id="header"><img src="/static/icon.svg" alt="" width="36" height="36">'
        f"<div><h1>{escape(snapshot.name)}</h1>"
        f'<p class="version">version <span id="version">{escape(snapshot.version)}</span></p></div>'
        f'<div class="pills">{level_chip(snapshot.summary.alert_level)}'
        f'<p id="status" class="pill" role="status" data-ready="{str(ready).lower()}">{escape(message)}</p>'
        "</div></header>"
    )


def _main(snapshot: Snapshot) -> str:
    summary = snapshot.summary
    day = _tiles(
        _ratio_tile("Success", summary.session_success, "sessions"),
        _ratio_tile("Errors", summary.attempt_errors, "attempts"),
    )
    sessions = _tiles(
        _tile("Running", summary.active_sessions),
        _tile("Completed", summary.completed_sessions),
        _tile("Failed", summary.failed_sessions),
        _tile("Lost", summary.lost_sessions),
    )
    work = _tiles(
        _tile("Tasks done", summary.completed_tasks),
        _tile("Tasks failed", summary.failed_tasks),
        _tile("Messages", summary.messages),
    )
    return "\n".join(
        (
            '<main id="main">',
            section("counts", "Sessions", sessions),
            section("day", "Last 24 hours", day),
            section("work", "Work", work),
            alerts_section(summary.alerts, summary.alerts_total),
            section("sessions", "Running now", _sessions_table(summary.sessions, summary.time_seconds)),
            bottlenecks_section(summary.bottlenecks),
            recommendations_section(summary.recommendations),
            section(
                "droids",
                "Droids, last 24 hours",
                _droids_table(summary.droids),
                beside_title=_statuses(summary.droid_statuses),
            ),
            "</main>",
        )
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
    whole, short = number_text(value, "count"), short_number(value)
    hint = f' title="{whole}"' if short != whole else ""
    return f"<div><dt>{title}</dt><dd{hint}>{short}</dd></div>"


def _ratio_tile(title: str, ratio: Ratio, samples_of: str) -> str:
    samples = "" if ratio.samples is None else f"of {ratio.samples:,} {samples_of}"
    return (
        f"<div><dt>{title}</dt><dd>{number_text(ratio.value, 'percent')}<small>{samples}</small></dd></div>"
    )


def _sessions_table(sessions: tuple[SessionLine, ...] | None, now_seconds: float | None) -> str:
    rows = [
        row(
            f'<th scope="row">{session_link(line.session)}</th>',
            cell(line.orchestrator),
            cell(line.pattern),
            cell(line.phase),
            f"<td>{_state(line.state)}</td>",
            f"<td>{_progress(line.progress)}</td>",
            cell(elapsed_text(line.start_seconds, now_seconds), numeric=True),
            cell(number_text(line.droids, "count"), numeric=True),
            cell(number_text(line.conflicts, "count"), numeric=True),
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
        "Sessions running now",
        heads,
        rows,
        "No session is running." if sessions is not None else UNKNOWN,
    )


def _droids_table(droids: tuple[DroidLine, ...] | None) -> str:
    rows = [
        row(
            f'<th scope="row">{text(line.droid) or DASH}</th>',
            cell(line.orchestrator),
            f"<td>{_state(line.status) if line.status else DASH}</td>",
            f"<td>{_efficiency(line.efficiency)}</td>",
            cell(number_text(line.samples, "count"), numeric=True),
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
        "No droid is known yet." if droids is not None else UNKNOWN,
    )


def _statuses(counts: dict[DroidStatus, int] | None) -> str:
    """
    How many droids are how: those that are not well may be below what the table shows.
    """
    known = counts or {}
    said = ", ".join(f"{known[status]} {status}" for status in STATUSES if status in known)
    return aside(said) if said else ""


def _state(state: str) -> str:
    return f'<span class="state" data-state="{text(state)}">{text(state)}</span>'


def _progress(ratio: float | None) -> str:
    return DASH if ratio is None else bar(ratio, 1, "Progress", f"{100 * ratio:.0f}%")


def _efficiency(score: float | None) -> str:
    return DASH if score is None else bar(score, 100, "Efficiency", number_text(score, "score"))


def _load(line: DroidLine) -> str:
    active = number_text(line.attempts_active, "count")
    return active if line.attempts_limit is None else f"{active} of {line.attempts_limit}"
