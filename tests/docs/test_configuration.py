"""
The page of the settings has them all, as they are.
"""

from __future__ import annotations

import pytest

import configuration_page
from droidscope.config import Duration, Prices, Settings


def test_the_page_is_as_rendered(monkeypatch):
    """
    A setting without a row, or with another default, is drift; `make render` mends it.
    """
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)

    assert configuration_page.PAGE.read_text().endswith(configuration_page.MARK + configuration_page.tables())


def test_every_setting_has_a_description():
    """
    So have the nested ones.
    """
    fields = {**Settings.model_fields, **Prices.model_fields}

    assert [name for name, field in fields.items() if not field.description] == []


@pytest.mark.parametrize(
    ("hint", "name"),
    [
        (Duration | None, "duration"),
        (dict[str, Duration], "mapping to duration"),
        (list[Duration], "list of duration"),
        (int, "whole number"),
    ],
)
def test_types_have_words(hint, name):
    """
    Those of the page, not of Python.
    """
    assert configuration_page.type_name(hint) == name


def test_a_type_without_a_word_is_an_error():
    """
    Whoever adds a setting of a new type finds it out before its readers do.
    """
    with pytest.raises(KeyError, match="bytes"):
        configuration_page.type_name(bytes)


def test_a_difference_is_shown_and_fails(monkeypatch, tmp_path, capsys):
    """
    The text above the mark is kept.
    """
    page = tmp_path / "configuration.md"
    page.write_text("Prose.\n" + configuration_page.MARK + "| old |\n")
    monkeypatch.setattr(configuration_page, "PAGE", page)
    monkeypatch.setenv("XDG_DATA_HOME", "")

    assert configuration_page.main(["--check"]) == 1
    assert "-| old |" in capsys.readouterr().out
    assert configuration_page.main([]) == 0
    assert configuration_page.main(["--check"]) == 0
    assert page.read_text().startswith("Prose.\n")
