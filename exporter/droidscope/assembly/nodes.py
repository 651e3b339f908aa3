"""
What is assembled: a trace of steps, and the nodes that its steps become.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct, field

from droidscope.model import records as r
from droidscope.model.foreign_steps import NativeSpan, Role, SettledForeignSession, Step
from droidscope.model.labels import OrchestratorLabels

CALLS: Final = frozenset({Role.AGENT, Role.TOOL, Role.HANDOFF, Role.MODEL})
RUNS: Final = frozenset({Role.WORKFLOW, Role.AGENT})
KNOWN_ROLES: Final = frozenset(Role) - {Role.OTHER}


class Trace(Struct, frozen=True, eq=False):
    """
    What is known of one trace: its foreign steps, each with the orchestrator that sent it, the
    native spans among them, and the session it was counted in if it has been settled before.
    """

    id: bytes
    steps: dict[bytes, tuple[OrchestratorLabels, Step]]
    native: dict[bytes, NativeSpan] = field(default_factory=dict)
    settled: SettledForeignSession | None = None


class EnclosingPlace(Struct, frozen=True, eq=False):
    """
    The place in a native session that a foreign step ran in.

    *open* says that its agent runs count as tasks there. They do where no native task encloses
    them; they do not where one does, or may do for all that is known.
    """

    place: r.Place
    open: bool


class SpanNode(Struct, eq=False):
    """
    A step in its context, or several steps that record the same call.

    *above* is the node it is nested in, *caller* the nearest agent, tool or model request from
    itself up, *run* the nearest agent run from itself up, *cover* the nearest workflow or agent
    above. *session* is "" where no span from itself up names one. *task* is set on agent runs. *native* is
    the native span that records the same call, if there is one.
    """

    step: Step
    orchestrator: OrchestratorLabels
    role: Role
    session: str
    phase: str
    usage: r.Usage | None
    enclosing: EnclosingPlace | None
    above: SpanNode | None = None
    caller: SpanNode | None = None
    run: SpanNode | None = None
    cover: SpanNode | None = None
    task: str = ""
    native: NativeSpan | None = None

    @property
    def parent_key(self) -> bytes:
        """
        What siblings share: the span id of what they are nested in, seen or not.
        """
        return self.above.step.span_id if self.above else self.step.parent_id


def tops_of(nodes: list[SpanNode]) -> list[SpanNode]:
    """
    The workflows and agent runs that nothing else of the same session encloses.
    """
    return [
        node
        for node in nodes
        if node.role in RUNS and (node.cover is None or node.cover.session != node.session)
    ]


def rank(node: SpanNode) -> tuple[int, int, bytes]:
    """
    The order in which nodes began, the outer ones first.
    """
    return node.step.start_ns, -node.step.end_ns, node.step.span_id


def finish(node: SpanNode) -> tuple[int, int, bytes]:
    """
    The order in which nodes ended, the inner ones first.
    """
    # Of runs that end together, the outer one (which began first) decides.
    return node.step.end_ns, -node.step.start_ns, node.step.span_id


def has_models(nodes: list[SpanNode]) -> bool:
    """
    Whether model requests are among the nodes: tokens are then theirs.
    """
    return any(node.role is Role.MODEL for node in nodes)


def task_key(place: r.Place) -> tuple[str, str]:
    """
    The session and the task of a place.
    """
    return place.session, place.task
