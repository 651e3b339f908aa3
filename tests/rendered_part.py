"""
A rendered part of a page that is otherwise written by hand: write it, or compare it with the committed one.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from difflib import unified_diff
from pathlib import Path
from typing import Final

END: Final = "<!-- to here -->\n"
"""
The line after a rendered part.
"""


def write_or_check(page: Path, begin: str, part: str, arguments: Sequence[str]) -> int:
    """
    Write the *part* between the line *begin* and the next `END`, or with `--check` print how it differs.

    Returns:
        1 if it differs and was only to be checked.
    """
    committed = page.read_text(encoding="utf-8")
    before, _, rest = committed.partition(begin)
    rendered = before + begin + part + END + rest.partition(END)[2]
    if "--check" not in arguments:
        page.write_text(rendered, encoding="utf-8")
        return 0
    difference = unified_diff(
        committed.splitlines(keepends=True), rendered.splitlines(keepends=True), "committed", "rendered"
    )
    sys.stdout.writelines(difference)
    return int(rendered != committed)
