"""
What orchestrators and their sessions are known by, in every room.
"""

from __future__ import annotations

from collections.abc import Callable

OrchestratorLabels = tuple[str, ...]
"""
An orchestrator's own label values: its name, then the values of the resource labels that are
configured, in their order, each "" where it is not known.
"""

SessionKey = tuple[OrchestratorLabels, str]
"""
An orchestrator's label values and a session id.
"""

Relabel = Callable[[OrchestratorLabels], OrchestratorLabels]
"""
From an orchestrator's label values in a checkpoint to those of today.
"""


def unchanged(orchestrator: OrchestratorLabels) -> OrchestratorLabels:
    """
    The labels of a checkpoint made under the resource labels of today.
    """
    return orchestrator


def relabeling(stored: tuple[str, ...], configured: tuple[str, ...]) -> Relabel:
    """
    From label values under the *stored* resource labels to those under the *configured* ones; a
    label that is new has no value yet.
    """
    if stored == configured:
        return unchanged

    def relabel(orchestrator: OrchestratorLabels) -> OrchestratorLabels:
        values = dict(zip(stored, orchestrator[1:], strict=True))
        return (orchestrator[0], *(values.get(label, "") for label in configured))

    return relabel
