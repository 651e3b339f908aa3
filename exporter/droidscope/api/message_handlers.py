"""
Messages by sender and receiver.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from droidscope.api.endpoint import Endpoint
from droidscope.api.params import Limit, matches
from droidscope.api.schema import MessageEdge, MessageEdgeList
from droidscope.conventions import metrics as m
from droidscope.units import SECOND_NS
from droidscope.views.head_reader import HeadReader


class CommunicationParams(Struct, frozen=True, forbid_unknown_fields=True):
    """
    Filters, of which *droid* is the sender or the receiver, and the maximum number of edges.
    """

    orchestrator: str | None = None
    droid: str | None = None
    limit: Limit = 100


def list_message_edges(reader: HeadReader, params: CommunicationParams) -> MessageEdgeList:
    """
    The edges between droids with the most messages, over all orchestrators that match.
    """
    with reader.locked_head() as (head, clock_ns):
        counts = {
            labels: head.series.value(m.MESSAGE_EDGES, labels[:-2], labels[-2:])
            for labels in head.series.label_sets(m.MESSAGE_EDGES, clock_ns)
        }
    edges = [
        MessageEdge(
            orchestrator=orchestrator[0],
            labels=reader.resource_labels(tuple(orchestrator)),
            sender=sender,
            receiver=receiver,
            messages=round(n or 0),
        )
        for (*orchestrator, sender, receiver), n in counts.items()
        if matches(params.orchestrator, orchestrator[0]) and params.droid in {None, sender, receiver}
    ]
    edges.sort(key=lambda edge: (-edge.messages, edge.orchestrator, edge.sender, edge.receiver))
    return MessageEdgeList(reader.now_ns() / SECOND_NS, len(edges), edges[: params.limit])


ENDPOINTS: Final = (
    Endpoint(
        path="communication",
        params=CommunicationParams,
        answer=MessageEdgeList,
        title="Messages by sender and receiver",
        description=(
            "Messages by sender and receiver since the store began, the same as "
            "`orchestrator_message_edges_total`."
        ),
        handler=list_message_edges,
    ),
)
