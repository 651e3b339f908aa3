"""
How the landing page writes numbers and times.
"""

from __future__ import annotations

import pytest

from droidscope.web.landing import DASH, elapsed_text, error_html, number_text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "count", DASH),
        (0, "count", "0"),
        (1234567, "count", "1,234,567"),
        (0.0, "percent", "0.0 %"),
        (0.97549, "percent", "97.5 %"),
        (83.83, "score", "83.8"),
    ],
)
def test_numbers_have_the_form_of_their_unit(value, unit, text):
    """
    What is not known is a dash, and 0 is not.
    """
    assert number_text(value, unit) == text


@pytest.mark.parametrize(
    ("start", "now", "text"),
    [
        (None, 100, DASH),
        (100, None, DASH),
        (100, 90, "0 s"),
        (100, 159.9, "59 s"),
        (100, 160, "1 min 00 s"),
        (0, 3599, "59 min 59 s"),
        (0, 7500, "2 h 05 min"),
    ],
)
def test_elapsed_time_has_two_units(start, now, text):
    """
    The two largest units, and never less than nothing where clocks disagree.
    """
    assert elapsed_text(start, now) == text


def test_an_error_page_escapes_its_sentence():
    """
    Whatever an error says, it is text.
    """
    assert "&lt;b&gt;" in error_html(400, "<b>")
    assert "<b>" not in error_html(400, "<b>")
