"""
Every path that the pages for contributors name exists.
"""

from __future__ import annotations

import re

import pytest

from markdown_pages import ROOT, without_code_blocks

PAGES = ("ARCHITECTURE.md", "CONTRIBUTING.md")
PATH = re.compile(r"[\w.-]*(?:/[\w.-]*)+|[\w-]+(?:\.[\w-]+)*\.(?:py|md|yml|yaml|toml|json|txt|tmpl)")
"""
A folder or a file, without placeholders in angle brackets and without blanks.
"""
BELOW = ("", "exporter/droidscope", "grafana/generator/droidscope_boards")
"""
Where a path of these pages may begin.
"""


def missing_paths(text):
    """
    The paths in code of a page that lead to no file or folder.
    """
    code = (found for _, line in without_code_blocks(text) for found in re.findall(r"`([^`]+)`", line))
    paths = {found for found in code if PATH.fullmatch(found) and not found.startswith("/")}
    return sorted(path for path in paths if not any((ROOT / start / path).exists() for start in BELOW))


@pytest.mark.parametrize("page", PAGES)
def test_every_path_exists(page):
    """
    From the root, or from the package.
    """
    assert missing_paths((ROOT / page).read_text("utf-8")) == []


def test_a_path_that_leads_nowhere_is_seen():
    """
    Files and folders; but neither placeholders, nor URLs' paths, nor other code.
    """
    gone = "`tests/gone.py`, `gone/`, `gone.md`"
    other = "`README.md`, `kpi/catalog.py`, `<page>.py`, `/metrics`, `m.TASKS`"

    assert missing_paths(f"{gone}: {other}\n") == ["gone.md", "gone/", "tests/gone.py"]
