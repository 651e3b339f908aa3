"""
Traces that are not over: what has arrived of them so far.
"""

from __future__ import annotations

from msgspec import Struct, field

from droidscope.model.foreign_steps import Role, Step
from droidscope.model.labels import OrchestratorLabels, Relabel


class OpenTrace(Struct, rename={"recognised": "telling"}):
    """
    A trace with foreign steps that is not over.

    *rooted*: a foreign span without a parent has arrived, so the outermost has ended. *links* are
    the ids by which it may share a session with other traces. *inside*: a step carries
    droidscope's own ids, *recognised* that one is more than `OTHER`. *start_ns* is the earliest,
    *droids* are the agents of the runs that have ended.
    """

    id: bytes
    steps: dict[bytes, tuple[OrchestratorLabels, Step]] = field(default_factory=dict)
    last_clock_ns: int = 0
    rooted: bool = False
    inside: bool = False
    recognised: bool = False
    start_ns: int = 0
    droids: set[str] = field(default_factory=set)
    links: set[str] = field(default_factory=set)

    def add(self, step: Step, orchestrator: OrchestratorLabels, clock_ns: int) -> None:
        """
        Add a step, or replace an earlier copy of the same span.
        """
        self.steps[step.span_id] = (orchestrator, step)
        self.last_clock_ns = clock_ns
        self.rooted = self.rooted or not step.parent_id
        self.inside = self.inside or step.native_place is not None
        self.recognised = self.recognised or step.role is not Role.OTHER
        self.start_ns = min(self.start_ns, step.start_ns)
        if step.role is Role.AGENT:
            self.droids.add(step.name)

    def relabel(self, relabel: Relabel) -> None:
        """
        Give its orchestrators the labels they have now.
        """
        self.steps = {
            span_id: (relabel(orchestrator), step) for span_id, (orchestrator, step) in self.steps.items()
        }
