"""
What orchestrators and their sessions are known by, in every room.
"""

OrchestratorLabels = tuple[str, ...]
"""
An orchestrator's own label values: its name, then the values of the resource labels that are
configured, in their order, each "" where it is not known.
"""

SessionKey = tuple[OrchestratorLabels, str]
"""
An orchestrator's label values and a session id.
"""
