"""
The ids of the session, phase and task around the current code.

They travel in OpenTelemetry's baggage, their only source, so that a span gets the ids of what it is inside
of in this process as in the next one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final, TypeVar

from opentelemetry.baggage import set_baggage
from opentelemetry.context import Context, get_value, set_value

from droidscope.conventions import attributes as names

SESSION_IDS: Final = (names.SESSION_ID, names.SESSION_RUN, names.PATTERN_ID, names.ORCHESTRATOR_NAME)
PHASE_IDS: Final = (names.PHASE_ID,)
TASK_IDS: Final = (names.TASK_ID, names.TASK_TYPE, names.AGENT_NAME)
IDS: Final = (*SESSION_IDS, *PHASE_IDS, *TASK_IDS)

T = TypeVar("T")
Baggage = Mapping[str, object]

_DISTINGUISHING_IDS: Final = (names.SESSION_ID, names.SESSION_RUN, names.PHASE_ID, names.TASK_ID)

# The API copies the context and all baggage for each name it sets, and wraps what it returns in something
# slow to copy. To read and set all names at once takes the key under which it keeps them: setting one
# name in an empty context shows which key that is.
BAGGAGE: Final = next(iter(set_baggage("", "", Context())))


def new_id() -> str:
    """
    32 random hex digits. Not from `random`: users seed that, and ids are unique for ever.
    """
    return os.urandom(16).hex()


def current_baggage(context: Context | None = None) -> Baggage:
    """
    All baggage of *context* (default: the current one), not to be changed.
    """
    baggage = get_value(BAGGAGE, context)
    return baggage if isinstance(baggage, dict) else {}


def with_baggage(baggage: Baggage, context: Context) -> Context:
    """
    *context* with *baggage* in place of its own.
    """
    return set_value(BAGGAGE, baggage, context)


def ids(baggage: Baggage, service: str | None) -> dict[str, str]:
    """
    The ids in *baggage*, by attribute name.

    The orchestrator is among them only where it differs from *service*, this process's own name, which is
    in the resource already.
    """
    values = {name: str(baggage[name]) for name in IDS if name in baggage}
    if service is not None and values.get(names.ORCHESTRATOR_NAME) == service:
        del values[names.ORCHESTRATOR_NAME]
    return values


def have_same_ids(one: Baggage, other: Baggage) -> bool:
    """
    Whether two baggages are of the same session, phase and task.
    """
    return one is other or all(one.get(name) == other.get(name) for name in _DISTINGUISHING_IDS)


def without(removed: frozenset[str], values: Mapping[str, T]) -> Mapping[str, T]:
    """
    *values* themselves if none of their names is *removed*, else a copy without those.
    """
    if removed.isdisjoint(values):
        return values
    return {name: value for name, value in values.items() if name not in removed}
