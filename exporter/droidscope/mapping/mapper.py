"""
One decoded request -> what it means: records of native items, and the steps of foreign sessions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final, NamedTuple, TypeVar

import msgspec

from droidscope.conventions.attributes import SERVICE_INSTANCE_ID, SERVICE_NAME
from droidscope.mapping.attribute_reader import NAME_LENGTH, AttributeReader
from droidscope.mapping.foreign_spans import read_step
from droidscope.mapping.native_events import is_native_log, map_log
from droidscope.mapping.native_items import UnusableError
from droidscope.mapping.native_points import is_native_point, map_point
from droidscope.mapping.native_spans import map_span
from droidscope.model.labels import OrchestratorLabels
from droidscope.model.mapped_batch import MappedBatch
from droidscope.model.otlp import Batch, Resource
from droidscope.model.records import Alive, AnyRecord, Started

UNKNOWN_SERVICE: Final = "unknown_service"
"""
What an SDK calls a service without a name.
"""

Item = TypeVar("Item")


class SenderIdentity(NamedTuple):
    """
    The sender of an item, by its resource: its label values, and the id of its process ("" without one).
    """

    orchestrator: OrchestratorLabels
    instance: str


class Mapper:
    """
    Maps requests; *resource_labels* are the resource attributes that become labels, in order.
    """

    def __init__(self, resource_labels: tuple[str, ...]) -> None:
        self._resource_labels = resource_labels

    def map(self, batch: Batch) -> MappedBatch:
        """
        Map a request's items; an unusable one is counted, and never harms its neighbours.
        """
        mapped = MappedBatch(ignored=batch.ignored, rejected=Counter(batch.rejected), message=batch.message)
        senders: dict[int, SenderIdentity] = {}
        for span in batch.spans:
            sender = self._sender(span.resource, senders, mapped)
            step = read_step(span)
            if step is None:
                for record in _add_records(map_span, span, sender, mapped)[:1]:
                    mapped.add_native_span(span.trace_id, span.span_id, span.parent_id, record)
            else:
                mapped.steps.append((sender.orchestrator, step))
                mapped.stored += 1
        for log in batch.logs:
            sender = self._sender(log.resource, senders, mapped)
            for record in _add_records(map_log, log, sender, mapped):
                if log.trace_id and isinstance(record, (Started, Alive)):
                    mapped.add_native_span(log.trace_id, log.span_id, b"", record)
        for point in batch.points:
            sender = self._sender(point.resource, senders, mapped)
            _add_records(map_point, point, sender, mapped)
        return mapped

    def _sender(
        self, resource: Resource, senders: dict[int, SenderIdentity], mapped: MappedBatch
    ) -> SenderIdentity:
        sender = senders.get(id(resource))
        if sender is None:
            attributes = resource.attributes
            labels = (attributes.get(key) for key in (SERVICE_NAME, *self._resource_labels))
            name, *others = ("" if label is None else str(label)[:NAME_LENGTH] for label in labels)
            instance = AttributeReader(attributes).name(SERVICE_INSTANCE_ID)
            senders[id(resource)] = sender = SenderIdentity((name or UNKNOWN_SERVICE, *others), instance)
            mapped.orchestrators.add(sender.orchestrator[0])
        return sender


def relevant(batch: Batch) -> Batch:
    """
    The batch without logs and metric points that are not native; they count as ignored.
    """
    logs = tuple(log for log in batch.logs if is_native_log(log))
    points = tuple(point for point in batch.points if is_native_point(point))
    ignored = batch.ignored + len(batch.logs) - len(logs) + len(batch.points) - len(points)
    return msgspec.structs.replace(batch, logs=logs, points=points, ignored=ignored)


def _add_records(
    map_item: Callable[[Item, OrchestratorLabels], tuple[list[AnyRecord], list[str]]],
    item: Item,
    sender: SenderIdentity,
    mapped: MappedBatch,
) -> list[AnyRecord]:
    """
    Map one item and add its records to *mapped*; returns them, none if it is unusable.
    """
    try:
        records, invalid_values = map_item(item, sender.orchestrator)
    except UnusableError as error:
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
