"""
The landing page as HTML: complete without scripts; `static/live.js` keeps its numbers fresh.

Elements with `data-value` name a field of the summary and the unit it is shown in; the script
finds them by these, so that the shape of the page is written here alone.
"""

from __future__ import annotations

from html import escape
from typing import Final, Literal

from droidscope.web.summary import DroidLine, Ratio, SessionLine, Snapshot

DASH: Final = "–"  # noqa: RUF001 - the dash that stands for what is not known

UNKNOWN: Final = "Not known yet."

Unit = Literal["count", "percent", "score"]

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
        '<header><img src="/static/icon.svg" alt="" width="36" height="36">'
        f"<div><h1>{escape(snapshot.name)}</h1>"
        f'<p class="version">version <span id="version">{escape(snapshot.version)}</span></p></div>'
        f'<p id="status" class="status" role="status" data-ready="{str(ready).lower()}">{escape(message)}</p>'
        "</header>"
    )


def _main(snapshot: Snapshot) -> str:
    summary = snapshot.summary
    sessions = "".join(
        (
            _tile("Running", "active_sessions", summary.active_sessions),
            _tile("Completed", "completed_sessions", summary.completed_sessions),
            _tile("Failed", "failed_sessions", summary.failed_sessions),
            _tile("Lost", "lost_sessions", summary.lost_sessions),
        )
    )
    work = "".join(
        (
            _tile("Tasks completed", "completed_tasks", summary.completed_tasks),
            _tile("Tasks failed", "failed_tasks", summary.failed_tasks),
            _tile("Messages", "messages", summary.messages),
        )
    )
    ratios = "".join(
        (
            _ratio_tile("Session success", "session_success", summary.session_success, "sessions"),
            _ratio_tile("Attempt errors", "attempt_errors", summary.attempt_errors, "attempts"),
        )
    )
    return "\n".join(
        (
            '<main id="main">',
            _section("Last 24 hours", f'<dl class="tiles">{ratios}</dl>'),
            _section("Sessions", f'<dl class="tiles">{sessions}</dl>'),
            _section("Work", f'<dl class="tiles">{work}</dl>'),
            _section("Running now", _sessions_table(summary.sessions, summary.time_seconds)),
            _section("Most efficient droids, last 24 hours", _droids_table(summary.droids)),
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


def _section(title: str, content: str) -> str:
    return f"<section><h2>{title}</h2>{content}</section>"


def _tile(title: str, field: str, value: float | None) -> str:
    return f"<div><dt>{title}</dt><dd>{_value(field, 'count', value)}</dd></div>"


def _ratio_tile(title: str, field: str, ratio: Ratio, samples_of: str) -> str:
    samples = _value(f"{field}.samples", "count", ratio.samples)
    return (
        f"<div><dt>{title}</dt><dd>{_value(f'{field}.value', 'percent', ratio.value)}"
        f"<small>of {samples} {samples_of}</small></dd></div>"
    )


def _value(field: str, unit: Unit, value: float | None) -> str:
    return f'<span data-value="{field}:{unit}">{number_text(value, unit)}</span>'


def number_text(value: float | None, unit: Unit) -> str:
    """
    A number as the page shows it: `1,234`, `97.5 %`, `83.8`; a dash for None.
    """
    if value is None:
        return DASH
    if unit == "percent":
        return f"{100 * value:.1f} %"
    return f"{value:,.1f}" if unit == "score" else f"{value:,.0f}"


def _sessions_table(sessions: tuple[SessionLine, ...] | None, now_seconds: float | None) -> str:
    rows = [
        _row(
            f'<th scope="row"><code>{escape(line.session)}</code></th>',
            _cell(line.orchestrator),
            _cell(line.pattern),
            _cell(line.phase),
            f'<td><span class="state" data-state="{escape(line.state)}">{escape(line.state)}</span></td>',
            f"<td>{_progress(line.progress)}</td>",
            _cell(elapsed_text(line.start_seconds, now_seconds), numeric=True),
            _cell(number_text(line.droids, "count"), numeric=True),
            _cell(number_text(line.conflicts, "count"), numeric=True),
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
    return _table(
        "sessions",
        "Sessions running now",
        heads,
        rows,
        "No session is running." if sessions is not None else UNKNOWN,
    )


def _droids_table(droids: tuple[DroidLine, ...] | None) -> str:
    rows = [
        _row(
            f'<th scope="row">{escape(line.droid)}</th>',
            _cell(line.orchestrator),
            _cell(number_text(line.efficiency, "score"), numeric=True),
            _cell(number_text(line.samples, "count"), numeric=True),
        )
        for line in droids or ()
    ]
    heads = ("Droid", "Orchestrator", "#Efficiency", "#Tasks")
    return _table(
        "droids",
        "Droids by efficiency score, 0 to 100",
        heads,
        rows,
        "No droid has a score yet." if droids is not None else UNKNOWN,
    )


def _table(name: str, caption: str, heads: tuple[str, ...], rows: list[str], empty: str) -> str:
    """
    A table that scrolls on its own; a head with # is of numbers.
    """
    columns = "".join(
        f'<th scope="col"{_numeric(head.startswith("#"))}>{head.removeprefix("#")}</th>' for head in heads
    )
    hidden, shown = (" hidden", "") if rows else ("", " hidden")
    return (
        f'<p class="empty" id="{name}-empty"{hidden}>{empty}</p>'
        f'<div class="scroll" id="{name}"{shown} tabindex="0" role="region" aria-label="{caption}">'
        f"<table><caption>{caption}</caption><thead><tr>{columns}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _row(*cells: str) -> str:
    return f"<tr>{''.join(cells)}</tr>"


def _cell(text: str, *, numeric: bool = False) -> str:
    return f"<td{_numeric(numeric)}>{escape(text) or DASH}</td>"


def _numeric(numeric: bool) -> str:
    return ' class="number"' if numeric else ""


def _progress(ratio: float | None) -> str:
    if ratio is None:
        return DASH
    text = f"{100 * ratio:.0f} %"
    return (
        f'<progress max="1" value="{ratio:.3f}" aria-label="Progress">{text}</progress> <span>{text}</span>'
    )


def elapsed_text(start_seconds: float | None, now_seconds: float | None) -> str:
    """
    The time between two moments in its two largest units: `45 s`, `3 min 20 s`, `2 h 05 min`.
    """
    if start_seconds is None or now_seconds is None:
        return DASH
    seconds = max(0, int(now_seconds - start_seconds))
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds} s"
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:  # noqa: PLR2004 - an hour
        return f"{minutes} min {seconds:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
