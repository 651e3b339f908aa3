"""
The building blocks of the pages: sections, tables, bars, and numbers and times as text.

Every name that comes from telemetry is escaped by `text`, here or by the caller.
"""

from __future__ import annotations

from html import escape
from typing import Final, Literal

DASH: Final = "–"  # noqa: RUF001 - stands for a value that is not known

UNKNOWN: Final = "No data yet."

Unit = Literal["count", "percent", "score"]

_MINUTE: Final = 60
_LARGE: Final = ((1e9, "G"), (1e6, "M"), (1e3, "k"))
_COMPACT_FROM: Final = 10_000
# Marks that would change the direction of the text after the name that contains them.
_DIRECTION_MARKS: Final = dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)), "\ufffd")


def text(value: str) -> str:
    """
    A name from telemetry, escaped.
    """
    return escape(value.translate(_DIRECTION_MARKS))


def section(name: str, title: str, content: str, *, beside_title: str = "") -> str:
    """
    A section with a heading, and its name as id.
    """
    return (
        f'<section id="{name}" aria-labelledby="{name}-title">'
        f'<div class="head"><h2 id="{name}-title">{title}</h2>{beside_title}</div>{content}</section>'
    )


def aside(content: str) -> str:
    """
    A note beside a heading.
    """
    return f'<p class="aside">{content}</p>'


def table(name: str, caption: str, heads: tuple[str, ...], rows: list[str], empty: str) -> str:
    """
    A table that scrolls on its own, or the sentence *empty*; a head that begins with # is of numbers.
    """
    if not rows:
        return empty_note(name, empty)
    columns = "".join(
        f'<th scope="col"{_numeric(head.startswith("#"))}>{head.removeprefix("#")}</th>' for head in heads
    )
    return (
        f'<div class="scroll" id="{name}-table" tabindex="0" role="region" aria-label="{caption}">'
        f"<table><caption>{caption}</caption><thead><tr>{columns}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def empty_note(name: str, sentence: str) -> str:
    """
    The sentence in place of an empty list.
    """
    return f'<p class="empty" id="{name}-empty">{sentence}</p>'


def row(*cells: str) -> str:
    """
    A row of a table.
    """
    return f"<tr>{''.join(cells)}</tr>"


def cell(content: str, *, numeric: bool = False) -> str:
    """
    A cell of a table; a dash where *content* is empty.
    """
    return f"<td{_numeric(numeric)}>{text(content) or DASH}</td>"


def bar(value: float, limit: float, label: str, value_text: str) -> str:
    """
    A small bar from 0 to *limit*, and its value as text.
    """
    return (
        f'<span class="bar"><progress max="{limit:g}" value="{value:.3f}" aria-label="{label}">{value_text}'
        f"</progress><span>{value_text}</span></span>"
    )


def number_text(value: float | None, unit: Unit) -> str:
    """
    A number as the page shows it: `1,234`, `97.5 %`, `83.8`; a dash for None.
    """
    if value is None:
        return DASH
    if unit == "percent":
        return f"{100 * value:.1f} %"
    return f"{value:,.1f}" if unit == "score" else f"{value:,.0f}"


def short_number(value: float | None) -> str:
    """
    A count in at most six characters: `1,234`, `12.3 k`, `1.23 M`; a dash for None.
    """
    if value is None or value < _COMPACT_FROM:
        return number_text(value, "count")
    # What three digits would round to 1,000 of a unit is 1 of the next.
    size, unit = next((size, unit) for size, unit in _LARGE if value >= 0.9995 * size)
    return f"{value / size:.3g} {unit}"


def elapsed_text(start_seconds: float | None, now_seconds: float | None) -> str:
    """
    The time between two moments in its two largest units: `45 s`, `3 min 20 s`, `2 h 05 min`.
    """
    if start_seconds is None or now_seconds is None:
        return DASH
    seconds = max(0, int(now_seconds - start_seconds))
    if seconds < _MINUTE:
        return f"{seconds} s"
    minutes, seconds = divmod(seconds, _MINUTE)
    if minutes < _MINUTE:
        return f"{minutes} min {seconds:02d} s"
    return f"{minutes // _MINUTE} h {minutes % _MINUTE:02d} min"


def _numeric(numeric: bool) -> str:
    return ' class="number"' if numeric else ""
