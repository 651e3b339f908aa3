"""
Markdown has one sentence a line, so that a change of a sentence is a change of one line.
"""

from __future__ import annotations

import re

import pytest

from markdown_pages import PAGES, name, prose

ABBREVIATIONS = ("e.g.", "i.e.", "etc.", "vs.", "cf.")
LABEL = re.compile(r"\s*(?:[-*] |\d+\. )?(?:\*\*(?:\d+\. )?[^*]+\*\*|\d+\.)\s")
"""
A list number, or a bold label, at the beginning of a line: `**Meaning.** A task ...` is one sentence.
"""
END_AND_START = re.compile(r"(\S*[.!?])[)\"'*_]{0,3}\s+(?=[A-Z`*\[\"(]|droidscope\b)")
CODE = re.compile(r"`[^`]*`")


def sentences_on_one_line(text):
    """
    The lines of a page that hold more than one sentence, as "number: line".
    """
    return [f"{number}: {line}" for number, line in prose(text) if has_two_sentences(line)]


def has_two_sentences(line):
    """
    Whether a sentence ends on a line and another one begins behind it.
    """
    words = CODE.sub("`code`", LABEL.sub("", line, count=1))
    return any(end.lstrip("(") not in ABBREVIATIONS for end in END_AND_START.findall(words))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_line_has_one_sentence(page):
    """
    Where a second one begins, a new line begins.
    """
    assert sentences_on_one_line(page.read_text("utf-8")) == []


@pytest.mark.parametrize(
    "line",
    [
        "It works. It is fast.",
        "- It works. `ds.task` is fast.",
        "**Meaning.** It fails. Severity high.",
        "It works (mostly). *Then* it does not.",
        "Does it work? Yes.",
        'They call it "done." [Elsewhere](other.md) it is not.',
        "  Set `a. B`. It holds.",
        "It works. droidscope is its name.",
    ],
)
def test_two_sentences_are_seen(line):
    """
    Also behind a label, and when the second begins with code, emphasis or a link.
    """
    assert len(sentences_on_one_line(line)) == 1


@pytest.mark.parametrize(
    "line",
    [
        "**Meaning.** It fails.",
        "**1. Install it** first.",
        "1. Install it.",
        "Names, e.g. `atlas`, or services (i.e. Kubernetes) count.",
        "At 0.5 and `a. B` it holds; see kpis.md.",
        "| a | One. Two. |",
        "# One. Two.",
        "```text\nOne. Two.\n```",
    ],
)
def test_one_sentence_is_left_alone(line):
    """
    Labels, abbreviations, numbers, code, tables and headings do not end a sentence.
    """
    assert sentences_on_one_line(line) == []
