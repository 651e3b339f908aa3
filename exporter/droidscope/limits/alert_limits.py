"""
Limits by orchestrator and pattern: the defaults, what a file changes for all, and what for some.

Each alert's orchestrators and patterns are split into variants, each pair in exactly one of them, and
each variant has its own threshold (docs/decisions/0007).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, Generic, NamedTuple

from msgspec.structs import replace

from droidscope.conventions.thresholds import Category, Threshold

ANY: Final = "*"
"""
Stands in the label `override` of a rule for every orchestrator.
"""

AnyThreshold = Threshold[str]
"""
The threshold of any alert: one of the specification, or of the fleet.
"""
Changes = Mapping[str, Any]
"""
New values of fields of a threshold; `enabled` false takes the alert away.
"""


class Override(NamedTuple):
    """
    What is changed for one orchestrator, for one pattern, or for one pattern of one orchestrator.
    """

    orchestrator: str | None
    pattern: str | None
    changes: Changes


class Adjustment(NamedTuple):
    """
    What is changed of one alert: for all, and for some.
    """

    everywhere: Changes = MappingProxyType({})
    overrides: tuple[Override, ...] = ()


class NameSet(NamedTuple):
    """
    One name, or where *name* is None all names but *others*.
    """

    name: str | None = None
    others: tuple[str, ...] = ()

    def __contains__(self, name: object) -> bool:
        return name == self.name if self.name is not None else name not in self.others


EVERYONE: Final = NameSet()


class LimitVariant(NamedTuple, Generic[Category]):
    """
    A set of orchestrators and patterns, and the threshold they have in common.
    """

    threshold: Threshold[Category]
    orchestrators: NameSet = EVERYONE
    patterns: NameSet = EVERYONE

    @property
    def label(self) -> str:
        """
        The names it is made for, "" where it is the rest: `atlas`, `atlas/fix` or `*/fix`.
        """
        if self.patterns.name is not None:
            return f"{self.orchestrators.name or ANY}/{self.patterns.name}"
        return self.orchestrators.name or ""

    def covers(self, orchestrator: str, pattern: str = "") -> bool:
        """
        Whether *pattern* of *orchestrator* has this threshold; "" is the pattern without a name.
        """
        return orchestrator in self.orchestrators and pattern in self.patterns


class AlertLimits(NamedTuple):
    """
    All adjustments by the name of their alert; none by default.
    """

    adjustments: Mapping[str, Adjustment] = MappingProxyType({})

    def variants(self, threshold: Threshold[Category]) -> list[LimitVariant[Category]]:
        """
        The variants of one alert, those where it is off left out.
        """
        everywhere, overrides = self._adjustment(threshold)
        variants = []
        for orchestrators in _split(override.orchestrator for override in overrides):
            matching = [one for one in overrides if one.orchestrator in (None, orchestrators.name)]
            for patterns in _split(override.pattern for override in matching):
                changes = _merged(everywhere, matching, orchestrators.name, patterns.name)
                if changes.pop("enabled", True):
                    variants.append(LimitVariant(replace(threshold, **changes), orchestrators, patterns))
        return variants

    def is_enabled(self, threshold: Threshold[Category]) -> bool:
        """
        Whether an alert can fire where no override says otherwise.
        """
        return bool(self._adjustment(threshold).everywhere.get("enabled", True))

    def has_overrides(self, threshold: Threshold[Category]) -> bool:
        """
        Whether some orchestrators or patterns have limits of their own.
        """
        return bool(self._adjustment(threshold).overrides)

    def of_orchestrator(
        self, threshold: Threshold[Category], orchestrator: str | None = None
    ) -> Threshold[Category]:
        """
        The threshold of an orchestrator, or of those without their own; of an alert that is off, too.
        """
        everywhere, overrides = self._adjustment(threshold)
        changes = _merged(everywhere, overrides, orchestrator, None)
        changes.pop("enabled", None)
        return replace(threshold, **changes)

    def _adjustment(self, threshold: Threshold[Category]) -> Adjustment:
        return self.adjustments.get(threshold.name, Adjustment())


def _split(names: Iterable[str | None]) -> list[NameSet]:
    """
    Each name alone, and before them all the names that are none of these.
    """
    named = tuple(sorted({name for name in names if name is not None}))
    return [NameSet(None, named), *(NameSet(name) for name in named)]


def _merged(
    everywhere: Changes, overrides: Iterable[Override], orchestrator: str | None, pattern: str | None
) -> dict[str, Any]:
    """
    What holds for a variant: the more specific a change, the later it is applied.
    """
    changes = dict(everywhere)
    for subject in ((orchestrator, None), (None, pattern), (orchestrator, pattern)):
        for override in overrides:
            if subject == (override.orchestrator, override.pattern):
                changes.update(override.changes)
    return changes
