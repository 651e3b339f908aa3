"""
What a fact is: a key that names one sum, and where its sums are kept.
"""

from __future__ import annotations

import inspect
from enum import Enum, Flag, StrEnum, auto
from typing import ClassVar, Literal, Protocol, get_args

from msgspec import Struct

from droidscope.facts.sketch import COARSE, bucket

FactLabel = Literal[
    "bucket",
    "droid",
    "message_type",
    "n",
    "outcome",
    "path",
    "pattern",
    "phase",
    "reason",
    "rule",
    "score",
    "sender",
    "statistic",
    "task_type",
    "total",
]
"""
The labels that facts may have.
"""


class Kept(Flag):
    """
    Which windows have a fact: those made of minutes, those made of hours, or both.
    """

    BY_MINUTE = auto()
    BY_HOUR = auto()
    BOTH = BY_MINUTE | BY_HOUR


class FactUnit(Enum):
    """
    In what a fact's amounts are counted; all amounts are whole numbers.
    """

    COUNT = "count"
    NANOSECONDS = "ns"
    NANO_CREDIT = "1e-9 of a full response credit"
    NANO_USD = "1e-9 USD"
    AS_STATISTIC = "by statistic: count, 1e-6 points, or 1e-12 squared points"
    AS_TOTAL = "by total: count or ns"


class FactKey(Struct, frozen=True, kw_only=True, array_like=True, gc=False, cache_hash=True):
    """
    The base of all facts: each class is a kind of fact, each key the labels of one sum of that kind.

    A class declares its tag, which names the kind in checkpoints, its labels in the order they have
    there, its unit and where it is kept. A key is written as `[tag, *labels]`. A field that is none of
    `FactLabel` is a TypeError when the class is made: totals are split by the names of labels.
    """

    unit: ClassVar[FactUnit] = FactUnit.COUNT
    kept: ClassVar[Kept] = Kept.BY_MINUTE

    def __init_subclass__(cls) -> None:
        """
        Refuse labels that are unknown, so that none is misspelt.
        """
        super().__init_subclass__()
        for field, kind in inspect.get_annotations(cls).items():
            if "ClassVar" not in str(kind) and field not in get_args(FactLabel):
                expected = ", ".join(get_args(FactLabel))
                msg = f"{cls.__name__} has the field {field}; expected one of {expected}"
                raise TypeError(msg)


class SketchedFact(FactKey, frozen=True, kw_only=True):
    """
    A fact that counts values by bucket, so that quantiles follow from it: its last label is the
    `bucket`, see `Bucketed`. Durations are in nanoseconds and coarse.

    Kept by the hour alone: by the minute there would be too many buckets.
    """

    kept: ClassVar[Kept] = Kept.BY_HOUR
    bits: ClassVar[int] = COARSE

    @classmethod
    def bucket_of(cls, value: int) -> str:
        """
        The bucket that holds *value*, as a label.

        Raises:
            ValueError: If the value is negative.
        """
        return str(bucket(value, cls.bits))


class Bucketed(Protocol):
    """
    What sketches are made from: the number of a bucket in decimal, and the bits of the sketch.
    """

    bits: ClassVar[int]

    @property
    def bucket(self) -> str:
        """
        The bucket's number in decimal.
        """


class Score(StrEnum):
    """
    The scores outputs can have.
    """

    CODE_QUALITY = "code_quality"
    TEST_COVERAGE = "test_coverage"
    SECURITY = "security"


class Statistic(StrEnum):
    """
    The three sums from which mean and standard deviation follow.
    """

    N = "n"
    SUM = "sum"
    SQUARES = "squares"
