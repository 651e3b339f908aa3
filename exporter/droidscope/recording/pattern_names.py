"""
The names of patterns, as sessions give them: ids are what everything counts by.
"""

from __future__ import annotations

from typing import ClassVar, Final

from droidscope.bounded import BoundedMap
from droidscope.model.labels import OrchestratorLabels, Relabel, unchanged

PatternKey = tuple[OrchestratorLabels, str]
"""
An orchestrator's label values and a pattern's id.
"""

NAMES_LIMIT: Final = 10_000
"""
Patterns whose name is known; the one heard of longest ago is forgotten.
"""
NAME_LENGTH: Final = 200


class PatternNames:
    """
    The latest name of each pattern.
    """

    dump_type: ClassVar = list[tuple[PatternKey, str]]

    def __init__(self) -> None:
        self._names: BoundedMap[PatternKey, str] = BoundedMap(NAMES_LIMIT)

    def learn(self, orchestrator: OrchestratorLabels, pattern: str, name: str) -> None:
        """
        Note the name of a pattern; "" says nothing.
        """
        if name:
            self._names[orchestrator, pattern] = name[:NAME_LENGTH]

    def of(self, orchestrator: OrchestratorLabels, pattern: str) -> str | None:
        """
        The name of a pattern, None where none is known.
        """
        return self._names.get((orchestrator, pattern))

    def dump(self) -> list[tuple[PatternKey, str]]:
        """
        The state for a checkpoint.
        """
        return list(self._names.items())

    def load(self, dump: list[tuple[PatternKey, str]], relabel: Relabel = unchanged) -> None:
        """
        Go on from a checkpoint.
        """
        names = (((relabel(orchestrator), pattern), name) for (orchestrator, pattern), name in dump)
        self._names = BoundedMap(NAMES_LIMIT, names)
