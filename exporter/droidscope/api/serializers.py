"""
Conversions that several handlers share.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TypeVar

from droidscope.insights.assignments import Assignment
from droidscope.insights.insight_types import Bottleneck, Recommendation
from droidscope.units import SECOND_NS

_OfPattern = TypeVar("_OfPattern", Assignment, Bottleneck, Recommendation)


def to_seconds(duration_ns: float | None) -> float | None:
    """
    A duration or a point in time in seconds.
    """
    return None if duration_ns is None else duration_ns / SECOND_NS


def by_pattern(items: Iterable[_OfPattern]) -> defaultdict[str | None, list[_OfPattern]]:
    """
    Items grouped by the pattern they are about; None for those about none.
    """
    groups: defaultdict[str | None, list[_OfPattern]] = defaultdict(list)
    for item in items:
        groups[item.pattern].append(item)
    return groups
