"""
The reference of the Python API has every public name as it is, and its prose keeps to the rules of pages.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TypedDict, Unpack, overload

import pytest

import droidscope
import reference_page


class Fields(TypedDict, total=False):
    files: int


@overload
def either(one: int) -> str: ...
@overload
def either(one: str) -> int: ...
def either(one):
    return one


def keywords(name: str, /, *rest: int, deep: Callable[..., object] | None = None, **more: str) -> None:
    del name, rest, deep, more


def unpacked(**fields: Unpack[Fields]) -> None:
    del fields


def test_the_page_is_as_rendered(capsys):
    """
    A docstring or a signature that has changed is drift; `make render` mends it.
    """
    assert reference_page.main(["--check"]) == 0
    assert capsys.readouterr().out == ""


def test_every_public_name_is_there():
    """
    With a docstring of its own.
    """
    page = reference_page.PAGE.read_text("utf-8")
    names = [name for name in droidscope.__all__ if not name.startswith("__")]

    assert [name for name in names if f"\n### {name}\n" not in page] == []
    assert [name for name in names if not inspect.getdoc(getattr(droidscope, name))] == []


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (
            keywords,
            "(name: str, /, *rest: int, deep: Callable[..., object] | None = None, **more: str) -> None",
        ),
        (unpacked, "(*, files: int = ...) -> None"),
        (reference_page.prose, "(docstring: str) -> str"),
    ],
)
def test_a_signature_is_as_in_the_source(function, text):
    """
    Keywords that a `TypedDict` types are keywords.
    """
    assert reference_page.signature(function) == text


def test_a_long_signature_has_a_line_for_each_parameter():
    """
    So that it can be read without scrolling.
    """

    def long(
        a_first_parameter: int, another_parameter: str, one_more_parameter: float, at_last: bool
    ) -> None:
        del a_first_parameter, another_parameter, one_more_parameter, at_last

    assert reference_page.signature(long).splitlines()[:2] == ["(", "    a_first_parameter: int,"]


def test_attributes_of_a_class_are_there():
    """
    With what stands below them in the source; those without a docstring, and private ones, are not.
    """
    class_attributes = reference_page.documented_attributes(droidscope.AnalyticsOrchestrator)
    names = [name for name, _, _ in class_attributes]

    assert "analytics_pattern" in names
    assert all(docstring and not name.startswith("_") for name, _, docstring in class_attributes)


def test_a_docstring_becomes_lists_and_sentences():
    """
    A sentence a line, sections as lists, a quotation of code as code.
    """
    docstring = (
        "First one. Second\none, e.g. this.\n\n    code\n\nArgs:\n    a: What. Why.\n\nRaises:\n    E: If so."
    )

    assert reference_page.prose(docstring).splitlines() == [
        "First one.",
        "Second one, e.g. this.",
        "",
        "```text",
        "code",
        "```",
        "",
        "Arguments:",
        "",
        "- `a`: What.",
        "  Why.",
        "",
        "Errors:",
        "",
        "- `E`: If so.",
    ]


def test_a_difference_is_shown_and_fails(monkeypatch, tmp_path, capsys):
    """
    The text above the mark is kept.
    """
    page = tmp_path / "reference.md"
    page.write_text("Prose.\n" + reference_page.MARK + "old\n")
    monkeypatch.setattr(reference_page, "PAGE", page)

    assert reference_page.main(["--check"]) == 1
    assert "-old" in capsys.readouterr().out
    assert reference_page.main([]) == 0
    assert page.read_text().startswith("Prose.\n" + reference_page.MARK + "\n## Functions")
    assert reference_page.main(["--check"]) == 0
