"""
A checkpoint's orchestrators under other resource labels: the configuration changed since it was made.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import structs

from droidscope.assembly.foreign_sessions import ForeignDump
from droidscope.model.records import AnyRecord, Emitted, Place
from droidscope.sessions.session_registry import SessionRegistryDump

Orchestrator = tuple[str, ...]
Rename = Callable[[Orchestrator], Orchestrator]


def renaming(stored: tuple[str, ...], configured: tuple[str, ...]) -> Rename:
    """
    From label values under the *stored* resource labels to those under the *configured* ones; a
    label that is new has no value yet.
    """

    def rename(orchestrator: Orchestrator) -> Orchestrator:
        values = dict(zip(stored, orchestrator[1:], strict=True))
        return (orchestrator[0], *(values.get(label, "") for label in configured))

    return rename


def renamed_sessions(dump: SessionRegistryDump, rename: Rename) -> SessionRegistryDump:
    """
    The sessions of a checkpoint, under new names.
    """
    for session in dump.sessions:
        session.orchestrator = rename(session.orchestrator)
    return SessionRegistryDump(
        dump.sessions,
        [(rename(who), id_) for who, id_ in dump.ended],
        [((rename(who), id_), gone) for (who, id_), gone in dump.gone],
        [(rename(who), clock_ns) for who, clock_ns in dump.last_receipt],
    )


def renamed_foreign(dump: ForeignDump, rename: Rename) -> ForeignDump:
    """
    The foreign sessions of a checkpoint, under new names.
    """
    for trace in dump.traces:
        trace.steps = {id_: (rename(who), step) for id_, (who, step) in trace.steps.items()}
    for own in dump.own.values():
        own.spans = {
            id_: structs.replace(span, place=_place(span.place, rename)) for id_, span in own.spans.items()
        }
    dump.known = [structs.replace(known, orchestrator=rename(known.orchestrator)) for known in dump.known]
    dump.known_traces = {trace_id: (rename(who), id_) for trace_id, (who, id_) in dump.known_traces.items()}
    dump.ready = [_record(record, rename) for record in dump.ready]
    return dump


def _record(record: AnyRecord, rename: Rename) -> AnyRecord:
    if isinstance(record, Emitted):
        return structs.replace(record, orchestrator=rename(record.orchestrator))
    return structs.replace(record, place=_place(record.place, rename))


def _place(place: Place, rename: Rename) -> Place:
    return structs.replace(place, orchestrator=rename(place.orchestrator))
