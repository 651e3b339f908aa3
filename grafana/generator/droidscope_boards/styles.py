"""
Units, colours, limits as colours, and names of values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models.dashboard import Threshold as Step
from grafana_foundation_sdk.models.dashboard import ThresholdsMode, ValueMap, ValueMappingResult

if TYPE_CHECKING:
    from collections.abc import Mapping

SHORT: Final = "short"
RATIO: Final = "percentunit"
SECONDS: Final = "s"
USD: Final = "currencyUSD"
STATE: Final = "none"

RED: Final = "red"
ORANGE: Final = "orange"
YELLOW: Final = "yellow"
GREEN: Final = "green"
QUIET: Final = "text"
BAR: Final = "blue"

_Value = TypeVar("_Value", bound=str)


def low_is_bad(limit: float, target: float | None = None) -> dashboard.ThresholdsConfig:
    """
    Red below *limit*, orange below *target* where there is a higher one, else green.
    """
    if target is None or target <= limit:
        return steps((None, RED), (limit, GREEN))
    return steps((None, RED), (limit, ORANGE), (target, GREEN))


def high_is_bad(limit: float) -> dashboard.ThresholdsConfig:
    """
    Green up to *limit*, red from there.
    """
    return steps((None, GREEN), (limit, RED))


def named(names: Mapping[_Value, str | tuple[str, str]]) -> ValueMap:
    """
    Names for values, or names with a colour.
    """
    options: dict[str, ValueMappingResult] = {}
    for value, name in names.items():
        text, color = (name, None) if isinstance(name, str) else name
        options[value] = ValueMappingResult(text=text, color=color)
    return ValueMap(options=options)


def plain() -> dashboard.ThresholdsConfig:
    """
    One colour, for values without a limit.
    """
    return steps((None, QUIET))


def steps(*bounds: tuple[float | None, str]) -> dashboard.ThresholdsConfig:
    """
    The colour from each bound on; the bound of the first is None.
    """
    return (
        dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps([Step(*bound) for bound in bounds])
    )
