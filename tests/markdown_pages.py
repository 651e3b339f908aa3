"""
The Markdown pages of the repository, and their prose without code and tables.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])

FENCE = re.compile(r"\s*```")


def name(page: Path) -> str:
    """
    The path of a page within the repository.
    """
    return page.relative_to(ROOT).as_posix()


def without_code_blocks(text: str) -> Iterator[tuple[int, str]]:
    """
    The lines outside of fenced code blocks, with their numbers from 1.
    """
    fenced = False
    for number, line in enumerate(text.splitlines(), start=1):
        if FENCE.match(line):
            fenced = not fenced
        elif not fenced:
            yield number, line


def prose(text: str) -> Iterator[tuple[int, str]]:
    """
    The lines of paragraphs and list items: no code blocks, tables, headings or blank lines.
    """
    for number, line in without_code_blocks(text):
        if line.strip() and not line.startswith(("|", "#")):
            yield number, line
