"""
Composite scores: weighted means of the parts that have a value.
"""

from __future__ import annotations

import math
from typing import NamedTuple


class Composite(NamedTuple):
    """
    A weighted score.

    *score* is 0 to 100, None if under half of the weight is present. *weight* is the share of the
    weight that is present, above 0, at most 1; None if none is.
    """

    score: float | None
    weight: float | None


def composite(*parts: tuple[int, float | None]) -> Composite:
    """
    100 x the mean of the present *parts*, each a weight and a value of 0 to 1 or None.

    Weights are integers, so that half is exactly half.

    Definition: docs/kpis.md#conventions
    """
    total_weight = sum(weight for weight, _ in parts)
    present = [(weight, value) for weight, value in parts if value is not None]
    weight = sum(weight for weight, _ in present)
    if not weight:
        return Composite(None, None)

    mean = math.fsum(weight * value for weight, value in present) / weight
    return Composite(100 * mean if 2 * weight >= total_weight else None, weight / total_weight)
