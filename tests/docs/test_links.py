"""
Every relative link in Markdown leads to a file and a heading, and every page can be reached from the index.
"""

from __future__ import annotations

import re
from collections import Counter
from urllib.parse import urlsplit

import pytest

from markdown_pages import PAGES, ROOT, name, without_code_blocks

INDEX = ROOT / "docs/index.md"
LISTED_BY_FOLDER = ("docs/runbooks", "docs/decisions")
LINK = re.compile(r"\]\(([^()\s]+)\)|\bsrc(?:set)?=\"([^\"]+)\"")
CODE = re.compile(r"`[^`]*`")


def links(page):
    """
    The targets of the relative links and pictures of a page, without those in code.
    """
    lines = (CODE.sub("`code`", line) for _, line in without_code_blocks(page.read_text("utf-8")))
    targets = ("".join(match) for line in lines for match in LINK.findall(line))
    return {target for target in targets if not urlsplit(target).scheme}


def anchors(page):
    """
    The anchors of the headings of a page, as GitHub makes them.
    """
    slugs, seen = set(), Counter()
    for _, line in without_code_blocks(page.read_text("utf-8")):
        if heading := re.match(r"#+ (.+)$", line):
            slug = re.sub(r"[^\w\- ]", "", heading[1].lower()).replace(" ", "-")
            slugs.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
            seen[slug] += 1
    return slugs


def broken(page):
    """
    The links of a page that lead nowhere, or to a heading that does not exist.
    """
    found = []
    for target in sorted(links(page)):
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and (file.suffix != ".md" or anchor not in anchors(file))):
            found.append(target)
    return found


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_relative_link_resolves(page):
    """
    Files, folders and headings exist.
    """
    assert broken(page) == []


def test_the_index_has_every_page_of_the_docs():
    """
    Runbooks and decisions are linked as folders, every other page by itself.
    """
    reached = {(INDEX.parent / target.partition("#")[0]).resolve() for target in links(INDEX)}
    folders = [ROOT / folder for folder in LISTED_BY_FOLDER]
    pages = {page for page in PAGES if page.is_relative_to(ROOT / "docs") and page.parent not in folders}

    assert reached >= {*folders, *pages} - {INDEX}


def test_a_link_that_leads_nowhere_is_seen(tmp_path):
    """
    A missing file, a missing heading here or there; but neither code nor other sites.
    """
    (tmp_path / "other.md").write_text("# Here it is\n\n## Twice\n\n## Twice\n")
    page = tmp_path / "page.md"
    page.write_text(
        "# This page\n[a](other.md#here-it-is) [b](other.md#twice-1) [c](#this-page) [d](https://example.com/e)\n"
        "[f](gone.md) [g](other.md#gone) [h](#gone) `[i](gone.md)`\n```\n[j](gone.md)\n```\n"
    )

    assert broken(page) == ["#gone", "gone.md", "other.md#gone"]
