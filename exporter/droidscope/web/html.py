"""
What the pages are made of: sections, tables, bars, and numbers and times as text.

Everything named outside goes through `text`, here or where it is put in.
"""

from __future__ import annotations

from html import escape
from typing import Final, Literal

from droidscope.formatting import duration

DASH: Final = "–"  # noqa: RUF001 - the dash that stands for what is not known

UNKNOWN: Final = "Not known yet."

Unit = Literal["count", "percent", "score"]

_LARGE: Final = ((1e9, "G"), (1e6, "M"), (1e3, "k"))
_COMPACT_FROM: Final = 10_000
# Marks that change the direction of all that follows, beyond the name they came with.
_TURNS: Final = dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)), "\ufffd")


def text(value: str) -> str:
    """
    What is named outside, as text of a page.
    """
    return escape(value.translate(_TURNS))


def section(name: str, title: str, content: str, *, beside_title: str = "") -> str:
    """
    A part of the page under a heading, with its name as id.
    """
    return (
        f'<section id="{name}" aria-labelledby="{name}-title">'
        f'<div class="head"><h2 id="{name}-title">{title}</h2>{beside_title}</div>{content}</section>'
    )


def aside(content: str) -> str:
    """
    What stands beside a heading.
    """
    return f'<p class="aside">{content}</p>'


def table(name: str, caption: str, heads: tuple[str, ...], rows: list[str], empty: str) -> str:
    """
    A table that scrolls on its own, or the sentence *empty*; a head with # is of numbers.
    """
    if not rows:
        return nothing(name, empty)
    columns = "".join(
        f'<th scope="col"{_numeric(head.startswith("#"))}>{head.removeprefix("#")}</th>' for head in heads
    )
    return (
        f'<div class="scroll" id="{name}-table" tabindex="0" role="region" aria-label="{caption}">'
        f"<table><caption>{caption}</caption><thead><tr>{columns}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def nothing(name: str, sentence: str) -> str:
    """
    What stands where there is nothing to list.
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


def bar(value: float, limit: float, label: str, shown: str) -> str:
    """
    A small bar from 0 to *limit*, and its value as *shown*.
    """
    return (
        f'<span class="bar"><progress max="{limit:g}" value="{value:.3f}" aria-label="{label}">{shown}'
        f"</progress><span>{shown}</span></span>"
    )


def number_text(value: float | None, unit: Unit) -> str:
    """
    A number as the page shows it: `1,234`, `97.5%`, `83.8`; a dash for None.
    """
    if value is None:
        return DASH
    if unit == "percent":
        return f"{100 * value:.1f}%"
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
    The time between two moments in its two largest units: `45s`, `3m 20s`, `2h 5m`.
    """
    if start_seconds is None or now_seconds is None:
        return DASH
    return duration(max(0, int(now_seconds - start_seconds)))


def _numeric(numeric: bool) -> str:
    return ' class="number"' if numeric else ""
