"""
Scores with a declared scale: sources disagree about scales, so a bare number is never guessed at.
"""

from __future__ import annotations

from dataclasses import dataclass

from droidscope.instrument.checks.values import as_number

_DIGITS = 6  # micro-points: 100 * 0.57 is 57, not 56.99999999999999


@dataclass(frozen=True, slots=True, repr=False)
class Score:
    """
    A value on a scale from 0 to *top*; made by `percent`, `ratio` and `ten`.
    """

    value: float
    top: float
    scale: str

    @property
    def points(self) -> float | None:
        """
        The score from 0 to 100, None where the value is no number of its scale.
        """
        value = as_number(self.value)
        return (
            round(value * (100 / self.top), _DIGITS) if value is not None and 0 <= value <= self.top else None
        )

    def __repr__(self) -> str:
        """
        As the user wrote it: `percent(94)`.
        """
        return f"{self.scale}({self.value!r})"


def percent(value: float) -> Score:
    """
    A score given on a scale of 0 to 100.
    """
    return Score(value, 100.0, "percent")


def ratio(value: float) -> Score:
    """
    A score given on a scale of 0 to 1.
    """
    return Score(value, 1.0, "ratio")


def ten(value: float) -> Score:
    """
    A score given on a scale of 0 to 10.
    """
    return Score(value, 10.0, "ten")
