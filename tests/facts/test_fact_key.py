"""
The labels of facts are a closed set.
"""

from __future__ import annotations

from typing import ClassVar, get_args

import pytest

from droidscope.facts.fact_key import FactKey, FactLabel, Kept
from droidscope.facts.fact_totals import Subject
from droidscope.facts.packing import FACTS


def test_a_misspelt_label_is_refused_when_the_class_is_made():
    with pytest.raises(TypeError, match=r"Naps has the field driod; expected one of bucket, droid, .*"):

        class Naps(FactKey, frozen=True, kw_only=True, tag="naps"):
            kept: ClassVar[Kept] = Kept.BOTH

            driod: str


def test_each_label_is_used_and_subjects_are_labels():
    """
    The set has no label that no fact has, and totals are split by labels alone.
    """
    used = {field for fact in FACTS for field in fact.__struct_fields__}

    assert set(get_args(FactLabel)) == used
    assert set(get_args(Subject)) <= used
