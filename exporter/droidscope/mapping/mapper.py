"""
One decoded request -> what it means: our own records, and the steps of foreign sessions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final, NamedTuple, TypeVar

import msgspec
from msgspec import Struct, field

from droidscope.conventions.attributes import SERVICE_INSTANCE_ID, SERVICE_NAME
from droidscope.mapping import native
from droidscope.mapping.attribute_reader import NAME_LENGTH, AttributeReader
from droidscope.mapping.foreign_spans import classify
from droidscope.model.foreign_steps import NativeSpan, Step
from droidscope.model.labels import OrchestratorLabels
from droidscope.model.otlp import Batch, Resource
from droidscope.model.records import Alive, AnyRecord, Emitted, Started

UNKNOWN_SERVICE: Final = "unknown_service"
"""
What an SDK calls a service that nobody named.
"""

Item = TypeVar("Item")


class SenderIdentity(NamedTuple):
    """
    Who sent an item, by its resource: the label values, and the id of the process, "" without one.
    """

    orchestrator: OrchestratorLabels
    instance: str


class MappedBatch(Struct):
    """
    What a request brought.

    *instances* are the ids of the processes the records come from, one for each, "" where not given.
    *rejected* counts unusable items by reason, *misfits* optional values left out; *message* is
    about the first of either. *stored* counts items that mean something, *ignored* sound ones that do not.
    """

    records: list[AnyRecord] = field(default_factory=list)
    instances: list[str] = field(default_factory=list)
    steps: list[tuple[OrchestratorLabels, Step]] = field(default_factory=list)
    own_spans: list[tuple[bytes, NativeSpan]] = field(default_factory=list)
    rejected: Counter[str] = field(default_factory=Counter)
    invalid_values: int = 0
    message: str = ""
    stored: int = 0
    ignored: int = 0
    orchestrators: set[str] = field(default_factory=set)

    def note_own(self, trace_id: bytes, span_id: bytes, parent_id: bytes, record: AnyRecord) -> None:
        """
        Note what foreign spans below a span of ours need to know of it.
        """
        if not isinstance(record, Emitted):
            has_usage = getattr(record, "usage", None) is not None
            ended = not isinstance(record, (Started, Alive))
            self.own_spans.append((trace_id, NativeSpan(span_id, parent_id, record.place, has_usage, ended)))

    @property
    def has_content(self) -> bool:
        """
        Whether anything of it is worth keeping.
        """
        return bool(self.records or self.steps)


class Mapper:
    """
    Maps requests; *resource_labels* are the resource attributes that become labels, in order.
    """

    def __init__(self, resource_labels: tuple[str, ...]) -> None:
        self._resource_labels = resource_labels

    def map(self, batch: Batch) -> MappedBatch:
        """
        The meaning of a request's good items; a bad one never harms its neighbours.
        """
        mapped = MappedBatch(ignored=batch.ignored, rejected=Counter(batch.rejected), message=batch.message)
        senders: dict[int, SenderIdentity] = {}
        for span in batch.spans:
            sender = self._sender(span.resource, senders, mapped)
            step = classify(span)
            if step is None:
                for record in _mapped_by(native.map_span, span, sender, mapped)[:1]:
                    mapped.note_own(span.trace_id, span.span_id, span.parent_id, record)
            else:
                mapped.steps.append((sender.orchestrator, step))
                mapped.stored += 1
        for log in batch.logs:
            sender = self._sender(log.resource, senders, mapped)
            for record in _mapped_by(native.map_log, log, sender, mapped):
                if log.trace_id and isinstance(record, (Started, Alive)):
                    mapped.note_own(log.trace_id, log.span_id, b"", record)
        for point in batch.points:
            sender = self._sender(point.resource, senders, mapped)
            _mapped_by(native.map_point, point, sender, mapped)
        return mapped

    def _sender(
        self, resource: Resource, senders: dict[int, SenderIdentity], mapped: MappedBatch
    ) -> SenderIdentity:
        known = senders.get(id(resource))
        if known is None:
            attributes = resource.attributes
            labels = (attributes.get(key) for key in (SERVICE_NAME, *self._resource_labels))
            name, *others = ("" if label is None else str(label)[:NAME_LENGTH] for label in labels)
            instance = AttributeReader(attributes).name(SERVICE_INSTANCE_ID)
            senders[id(resource)] = known = SenderIdentity((name or UNKNOWN_SERVICE, *others), instance)
            mapped.orchestrators.add(known.orchestrator[0])
        return known


def relevant(batch: Batch) -> Batch:
    """
    The batch without the logs and metric points that mean nothing to us; they count as ignored.
    """
    logs = tuple(log for log in batch.logs if native.is_own_log(log))
    points = tuple(point for point in batch.points if native.is_own_point(point))
    ignored = batch.ignored + len(batch.logs) - len(logs) + len(batch.points) - len(points)
    return msgspec.structs.replace(batch, logs=logs, points=points, ignored=ignored)


def _mapped_by(
    map_item: Callable[[Item, OrchestratorLabels], tuple[list[AnyRecord], list[str]]],
    item: Item,
    sender: SenderIdentity,
    mapped: MappedBatch,
) -> list[AnyRecord]:
    """
    The records of one item, already added to *mapped*; none if it is unusable.
    """
    try:
        records, invalid_values = map_item(item, sender.orchestrator)
    except native.UnusableError as error:
        mapped.rejected[error.reason] += 1
        mapped.message = mapped.message or str(error)
        return []
    mapped.records += records
    mapped.instances += [sender.instance] * len(records)
    mapped.stored += 1
    mapped.invalid_values += len(invalid_values)
    if invalid_values:
        mapped.message = mapped.message or invalid_values[0]
    return records
