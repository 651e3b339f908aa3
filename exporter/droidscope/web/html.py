"""
The building blocks of the pages: sections, tables, bars, and what stands for nothing.

Every name that comes from telemetry is escaped by `text`, here or by the caller.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Final

DASH: Final = "–"  # noqa: RUF001 - stands for a value that is not known

UNKNOWN: Final = "No data yet."

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


def or_dash(value: float | None, formatted: Callable[[float], str]) -> str:
    """
    A number as text, a dash for None.
    """
    return DASH if value is None else formatted(value)


def _numeric(numeric: bool) -> str:
    return ' class="number"' if numeric else ""
