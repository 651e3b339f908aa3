"""
The facts: keys as documented, amounts as exact integers.
"""

from __future__ import annotations

import zlib
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from droidscope.facts.amounts import response_credit, score_sums
from droidscope.facts.fact_key import FactUnit, Kept, Score, SketchedFact
from droidscope.facts.facts import ScoreSums
from droidscope.facts.packing import FACTS, packed_amounts, unpacked
from droidscope.units import NANO

WIRE = {
    "tasks": ("pattern", "droid", "task_type", "outcome"),
    "attempts": ("droid", "task_type", "outcome"),
    "retries": ("droid", "task_type"),
    "task_ns": ("droid", "task_type"),
    "sessions": ("pattern", "outcome"),
    "session_ns": ("pattern",),
    "over_limit": ("pattern",),
    "phases": ("pattern", "phase", "outcome"),
    "phase_ns": ("pattern", "phase"),
    "planned_ns": (),
    "actual_ns": (),
    "syntheses": ("pattern", "outcome"),
    "messages": ("sender", "message_type", "outcome"),
    "queries": ("droid", "outcome"),
    "query_credit": ("droid",),
    "query_ns": ("droid",),
    "queries_timed": ("droid",),
    "conflicts": ("pattern",),
    "wait_ns": ("pattern", "phase"),
    "session_messages": ("droid", "n"),
    "scores": ("score", "pattern", "droid", "task_type", "statistic"),
    "cost": ("pattern",),
    "session_time": ("pattern",),
    "failures": ("pattern", "phase", "reason"),
    "received": ("droid",),
    "files": ("droid",),
    "query_wait_ns": ("droid", "outcome"),
    "issues": ("droid", "rule"),
    "session_took": ("pattern", "outcome", "bucket"),
    "phase_took": ("pattern", "phase", "outcome", "path", "bucket"),
    "task_took": ("pattern", "task_type", "droid", "outcome", "bucket"),
    "task_held": ("pattern", "task_type", "droid", "bucket"),
    "scored": ("score", "droid", "bucket"),
    "over_plan": ("pattern", "phase", "path", "total"),
    "sequencing": ("pattern", "total"),
    "idle_ns": ("pattern", "phase"),
}
"""
The facts of the first version of checkpoints and their labels, in order.
"""

LABEL_VALUES = {
    "outcome": "completed",
    "score": "security",
    "statistic": "sum",
    "path": "on",
    "total": "n",
    "bucket": "70",
}
"""
A value of each label that has a closed set of them.
"""


def test_the_facts_of_the_first_version_are_written_as_they_were():
    """
    Each names its kind first and then its labels in the order of the first version.
    """
    declared = {fact.__struct_config__.tag: fact.__struct_fields__ for fact in FACTS}

    assert {tag: declared[tag] for tag in WIRE} == WIRE
    assert len(declared) == len(FACTS)


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.__name__)
def test_a_fact_is_packed_as_its_tag_and_labels(fact):
    """
    What windows keep is a list of the tag and the labels, and is read as the same key.
    """
    labels = [LABEL_VALUES.get(name, name) for name in fact.__struct_fields__]
    key = fact(**dict(zip(fact.__struct_fields__, labels, strict=True)))
    packed = packed_amounts({key: 2**70})

    assert msgspec.json.decode(zlib.decompress(packed)) == [[[fact.__struct_config__.tag, *labels], 2**70]]
    assert unpacked(packed) == {key: 2**70}


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.__name__)
def test_a_fact_is_declared_in_full(fact):
    """
    Each has a sentence, a unit, and windows that keep it; what counts by bucket has that as its last label.
    """
    assert fact.__doc__.strip().endswith(".")
    assert isinstance(fact.unit, FactUnit)
    assert fact.kept in {Kept.BY_MINUTE, Kept.BY_HOUR, Kept.BOTH}
    assert issubclass(fact, SketchedFact) == (fact.__struct_fields__[-1:] == ("bucket",))
    assert "bucket" not in fact.__struct_fields__[:-1]


def test_a_score_adds_three_facts():
    """
    90.5 points are one score, 90,500,000 micro-points, and their square.
    """
    subject = {"pattern": "bug-fix", "droid": "coder", "task_type": "testing"}
    place = {"score": "code_quality", **subject}

    assert dict(score_sums(Score.CODE_QUALITY, **subject, points=90.5)) == {
        ScoreSums(**place, statistic="n"): 1,
        ScoreSums(**place, statistic="sum"): 90_500_000,
        ScoreSums(**place, statistic="squares"): 90_500_000**2,
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
