"""
Totals: the sums of one window, grouped once by fact, and read by the names of labels.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from droidscope.facts.fact_key import Bucketed, FactKey
from droidscope.facts.sketch import Sketch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

F = TypeVar("F", bound=FactKey)
B = TypeVar("B", bound=Bucketed)
K = TypeVar("K")
T = TypeVar("T")
Subject = Literal["pattern", "droid", "task_type"]
"""
What totals can be split by: a label, or a property that stands for one.
"""
_Grouped = dict[type[FactKey], dict[Any, int]]


class Totals:
    """
    The sums of one window and orchestrator, or of one of its subjects, without those that are zero.

    Grouped by kind of fact when first read, and by subject when first split.
    """

    def __init__(self, amounts: Mapping[FactKey, int]) -> None:
        self.amounts = amounts

    def __eq__(self, other: object) -> bool:
        return self.amounts == other.amounts if isinstance(other, Totals) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def of(self, fact: type[F]) -> Mapping[F, int]:
        """
        The sums of one kind of fact.
        """
        return self._by_fact.get(fact, {})

    @cached_property
    def by_pattern(self) -> Mapping[str, Totals]:
        """
        The totals of each pattern; facts without a pattern belong to none.
        """
        return self._split("pattern")

    @cached_property
    def by_droid(self) -> Mapping[str, Totals]:
        """
        The totals of each droid; messages are of the droid that sent them, facts without one of none.
        """
        return self._split("droid")

    @cached_property
    def by_task_type(self) -> Mapping[str, Totals]:
        """
        The totals of each type of task; facts without one belong to none.
        """
        return self._split("task_type")

    @cached_property
    def _by_fact(self) -> _Grouped:
        grouped: defaultdict[type[FactKey], dict[Any, int]] = defaultdict(dict)
        for key, amount in self.amounts.items():
            grouped[type(key)][key] = amount
        return grouped

    def _split(self, subject: Subject) -> dict[str, Totals]:
        split: defaultdict[str, _Grouped] = defaultdict(dict)
        subject_of = attrgetter(subject)
        for fact, amounts in self._by_fact.items():
            if hasattr(fact, subject):
                by_name: defaultdict[str, dict[Any, int]] = defaultdict(dict)
                for key, amount in amounts.items():
                    by_name[subject_of(key)][key] = amount
                for name, part in by_name.items():
                    split[name][fact] = part
        return {name: _Part(grouped) for name, grouped in split.items()}


class _Part(Totals):
    """
    The totals of one subject, which are grouped from the start.
    """

    def __init__(self, grouped: _Grouped) -> None:
        self._by_fact = grouped

    @cached_property
    def amounts(self) -> Mapping[FactKey, int]:  # type: ignore[override]
        """
        The sums by key.
        """
        return {key: n for amounts in self._by_fact.values() for key, n in amounts.items()}


class Sums(dict[K, int]):
    """
    Sums by anything; those that are missing are 0.
    """

    def __missing__(self, key: K) -> int:
        return 0

    def total(self) -> int:
        """
        All together.
        """
        return sum(self.values())


def sum_by(
    amounts: Mapping[F, int], by: Callable[[F], K], where: Callable[[F], bool] | None = None
) -> Sums[K]:
    """
    Sums of one kind of fact by what *by* makes of its keys, most often some of their labels.

    Args:
        amounts: The sums of one kind of fact.
        by: What to tell apart.
        where: Which keys to take, all if None.
    """
    sums: Sums[K] = Sums()
    for key, amount in (_chosen(amounts, where) if where else amounts).items():
        subject = by(key)
        sums[subject] = sums.get(subject, 0) + amount
    return sums


def sketch_by(
    amounts: Mapping[B, int], by: Callable[[B], K], where: Callable[[B], bool] | None = None
) -> dict[K, Sketch]:
    """
    The values of a fact that counts by bucket, by what *by* makes of its keys.

    Args:
        amounts: The sums of one kind of fact.
        by: What to tell apart.
        where: Which keys to take, all if None.
    """
    sketches: dict[K, Sketch] = {}
    for key, amount in (_chosen(amounts, where) if where else amounts).items():
        subject = by(key)
        sketch = sketches.get(subject)
        if sketch is None:
            sketch = sketches[subject] = Sketch(bits=key.bits)
        sketch.add_bucket(int(key.bucket), amount)
    return sketches


def _chosen(amounts: Mapping[T, int], where: Callable[[T], bool]) -> Mapping[T, int]:
    return {key: amount for key, amount in amounts.items() if where(key)}
