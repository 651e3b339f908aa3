"""
The limits that hold for whom: defaults, what a file changes for all, and what it changes for some.

Each alert's orchestrators and patterns are cut into cells, each pair in exactly one of them, and
each cell gets a rule of its own with its own limit (docs/decisions/0007).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from msgspec.structs import replace

from droidscope.conventions.metrics import ORCHESTRATOR
from droidscope.conventions.thresholds import Threshold

PATTERN: Final = "pattern"
ANY: Final = "*"
"""
How the label `override` of a rule says that it holds for every orchestrator.
"""

Limit = Threshold[str]
"""
What an alert is judged by: one of the specification, or of the fleet.
"""
Changes = Mapping[str, Any]
"""
New values of fields of a threshold; `enabled` false takes the rule away.
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
    specials: tuple[Override, ...] = ()


class RuleVariant(NamedTuple):
    """
    Some orchestrators and patterns, as *matchers*, and the threshold they have in common.

    *label* names them where they are named: `atlas`, `atlas/fix` or `*/fix`.
    """

    threshold: Limit
    matchers: tuple[str, ...] = ()
    label: str = ""


class RuleLimits(NamedTuple):
    """
    All adjustments by the name of their alert; none by default.
    """

    adjustments: Mapping[str, Adjustment] = MappingProxyType({})

    def cells(self, threshold: Limit) -> list[RuleVariant]:
        """
        The cells of one alert, those where it is off left out.
        """
        everywhere, specials = self.adjustments.get(threshold.name, Adjustment())
        found = []
        for orchestrator, others in _split({special.orchestrator for special in specials}):
            by_orchestrator = _matchers(ORCHESTRATOR, orchestrator, others)
            here = [special for special in specials if special.orchestrator in (None, orchestrator)]
            for pattern, rest in _split({special.pattern for special in here}):
                changes = _merged(everywhere, here, orchestrator, pattern)
                if changes.pop("enabled", True):
                    matchers = (*by_orchestrator, *_matchers(PATTERN, pattern, rest))
                    found.append(
                        RuleVariant(replace(threshold, **changes), matchers, _label(orchestrator, pattern))
                    )
        return found


def _split(names: Iterable[str | None]) -> list[tuple[str | None, tuple[str, ...]]]:
    """
    Each name alone, and before them None with all the names it is not.
    """
    named = tuple(sorted({name for name in names if name is not None}))
    return [(None, named), *((name, ()) for name in named)]


def _matchers(label: str, name: str | None, others: tuple[str, ...]) -> tuple[str, ...]:
    if name is not None:
        return (f"{label}={_quoted(name)}",)
    # One matcher each, so that no name is read as a regular expression.
    return tuple(f"{label}!={_quoted(other)}" for other in others)


def _merged(
    everywhere: Changes, specials: Iterable[Override], orchestrator: str | None, pattern: str | None
) -> dict[str, Any]:
    """
    What holds for a cell: the more closely it is named, the later it is applied.
    """
    changes = dict(everywhere)
    for place in ((orchestrator, None), (None, pattern), (orchestrator, pattern)):
        for special in specials:
            if place == (special.orchestrator, special.pattern):
                changes.update(special.changes)
    return changes


def _label(orchestrator: str | None, pattern: str | None) -> str:
    if pattern is not None:
        return f"{orchestrator or ANY}/{pattern}"
    return orchestrator or ""


def _quoted(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)
