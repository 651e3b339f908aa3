"""
The facts: keys as documented, amounts as exact integers.
"""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from droidscope.facts import facts
from droidscope.facts.facts import LABELS, Fact, Score, of_score, response_credit
from droidscope.units import NANO


def documented():
    """
    The rows of the module's table: fact and labels.
    """
    rows = [line.split() for line in facts.__doc__.splitlines() if line.startswith("    ")]
    for name, *words in rows[1:]:
        labels = []
        for word in words:
            labels.append(word.strip(",-"))
            if not word.endswith(","):
                break
        yield name, tuple(filter(None, labels))


def test_the_table_is_the_truth():
    """
    The docstring's table names every fact and its labels, in order.
    """
    assert dict(documented()) == {str(fact): labels for fact, labels in LABELS.items()}
    assert set(LABELS) == set(Fact)


def test_a_score_adds_three_facts():
    """
    90.5 points are one score, 90,500,000 micro-points, and their square.
    """
    place = (Fact.SCORES, "code_quality", "bug-fix", "coder", "testing")

    assert dict(of_score(Score.CODE_QUALITY, "bug-fix", "coder", "testing", 90.5)) == {
        (*place, "n"): 1,
        (*place, "sum"): 90_500_000,
        (*place, "squares"): 90_500_000**2,
    }


def test_credit_falls_to_nothing_in_five_minutes():
    """
    0 s is worth 1, 60 s 0.8, 300 s and more nothing; a clock that ran backwards earns no bonus.
    """
    assert [response_credit(seconds * NANO) for seconds in (-5, 0, 60, 300, 4000)] == [
        NANO,
        NANO,
        800_000_000,
        0,
        0,
    ]


@given(st.integers(0, 1_000 * NANO))
def test_credit_is_exact_to_its_unit(response_ns):
    """
    Credit is clip(1 - t/300), rounded down to the next 1e-9.
    """
    exact = max(Fraction(0), 1 - Fraction(response_ns, 300 * NANO)) * NANO

    assert 0 <= exact - response_credit(response_ns) < 1
