"""
Native metric points -> records: how many records a process has emitted.
"""

from __future__ import annotations

from typing import Final

from droidscope.conventions import attributes as names
from droidscope.conventions.reasons import Reason
from droidscope.mapping.attribute_reader import LARGEST, AttributeReader
from droidscope.mapping.native_items import UnusableError, session_orchestrator
from droidscope.model import records as r
from droidscope.model.labels import OrchestratorLabels
from droidscope.model.otlp import SumPoint

_DELTA: Final = 1


def is_native_point(point: SumPoint) -> bool:
    """
    Whether it is the native counter that is read; what the others count follows from the records.
    """
    return point.name == names.CLIENT_RECORDS


def map_point(point: SumPoint, orchestrator: OrchestratorLabels) -> tuple[list[r.AnyRecord], list[str]]:
    """
    How many records of one kind a process has emitted.

    Raises:
        UnusableError: If the count is not a whole number from 0 to 1e10.
    """
    if not 0 <= point.value <= LARGEST or point.value != int(point.value):
        msg = f"{point.name} is {point.value:g}; expected a whole number from 0 to {float(LARGEST):g}"
        raise UnusableError(Reason.BAD_COUNT, msg)
    reader = AttributeReader(point.attributes)
    emitted = r.Emitted(
        orchestrator=session_orchestrator(reader, orchestrator),
        instance=AttributeReader(point.resource.attributes).name(names.SERVICE_INSTANCE_ID),
        kind=reader.name(names.RECORD_KIND),
        count=int(point.value),
        start_ns=point.start_ns,
        time_ns=point.time_ns,
        delta=point.temporality == _DELTA,
    )
    return [emitted], []
