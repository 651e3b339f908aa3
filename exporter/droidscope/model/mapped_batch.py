"""
What the mapping makes of one request, on its way to the store and the head.
"""

from __future__ import annotations

from collections import Counter
from typing import Final, get_args

from msgspec import Struct, field

from droidscope.model.foreign_steps import NativeSpan, Step
from droidscope.model.labels import OrchestratorLabels
from droidscope.model.records import (
    Alive,
    AnyRecord,
    Record,
    Started,
    ToolCall,
    has_usage,
)

_KINDS: Final = {type_: str(type_.__struct_config__.tag) for type_ in get_args(AnyRecord)}


class MappedBatch(Struct):
    """
    What one request contains.

    *instances* has, for each of *records*, the id of the process that sent it, "" where not given. *steps*
    and *native_spans* are for the assembly of foreign sessions, with their label values or trace id.
    *rejected* counts unusable items by reason, *invalid_values* the optional values left out; *message* is
    about the first of either. *stored* counts the items that were mapped, *ignored* the sound ones without
    a meaning here. *orchestrators* are the names of the senders.
    """

    records: list[AnyRecord] = field(default_factory=list)
    instances: list[str] = field(default_factory=list)
    steps: list[tuple[OrchestratorLabels, Step]] = field(default_factory=list)
    native_spans: list[tuple[bytes, NativeSpan]] = field(default_factory=list)
    rejected: Counter[str] = field(default_factory=Counter)
    invalid_values: int = 0
    message: str = ""
    stored: int = 0
    ignored: int = 0
    orchestrators: set[str] = field(default_factory=set)

    def add_native_span(self, trace_id: bytes, span_id: bytes, parent_id: bytes, record: AnyRecord) -> None:
        """
        Keep what the assembly of foreign spans below this native span needs of its *record*.
        """
        if isinstance(record, Record):
            span = NativeSpan(
                span_id=span_id,
                parent_id=parent_id,
                place=record.place,
                has_usage=has_usage(getattr(record, "usage", None)),
                ended=not isinstance(record, (Started, Alive)),
                kind=_KINDS[type(record)],
                name=record.tool if isinstance(record, ToolCall) else "",
                start_ns=record.start_ns,
                end_ns=record.end_ns,
            )
            self.native_spans.append((trace_id, span))

    @property
    def has_content(self) -> bool:
        """
        Whether it has anything to store.
        """
        return bool(self.records or self.steps)
