"""
What the head's checkpoint is made of.
"""

from __future__ import annotations

from typing import Any, Protocol

from droidscope.model.labels import Relabel


class CheckpointPart(Protocol):
    """
    A part of the state that a checkpoint keeps: it dumps, loads and relabels itself.
    """

    @property
    def dump_type(self) -> Any:  # noqa: ANN401 - any type that msgspec can decode
        """
        The type of what `dump` returns.
        """

    def dump(self) -> Any:  # noqa: ANN401 - a value of `dump_type`
        """
        The state for a checkpoint. It may refer to live objects: encode it before anything changes.
        """

    def load(self, dump: Any, relabel: Relabel) -> object:  # noqa: ANN401 - likewise
        """
        Replace the state by a dump of the same type, with every orchestrator's labels passed
        through *relabel*: the resource labels may have been configured anew since it was made.
        """
