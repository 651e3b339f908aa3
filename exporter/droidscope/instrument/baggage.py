"""
Where something happens: the ids of the session, phase and task around it.

They travel in OpenTelemetry's baggage, the only source of them, so a span says what it is inside of in
this process as in the next one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final, TypeVar

from opentelemetry import baggage
from opentelemetry.context import Context, get_value, set_value

from droidscope.conventions import attributes as names

SESSION_IDS: Final = (names.SESSION_ID, names.PATTERN_ID, names.ORCHESTRATOR_NAME)
PHASE_IDS: Final = (names.PHASE_ID,)
TASK_IDS: Final = (names.TASK_ID, names.TASK_TYPE, names.AGENT_NAME)
IDS: Final = (*SESSION_IDS, *PHASE_IDS, *TASK_IDS)

T = TypeVar("T")
Baggage = Mapping[str, object]

_TELLING_APART: Final = (names.SESSION_ID, names.PHASE_ID, names.TASK_ID)

# The API copies the context and all baggage for each name it sets, and wraps what it gives in something
# slow to copy. To read and set all names at once takes the key it keeps them under, which it tells itself.
_BAGGAGE: Final = next(iter(baggage.set_baggage("", "", Context())))


def new_id() -> str:
    """
    32 random hex digits. Not from `random`: users seed that, and ids are unique for ever.
    """
    return os.urandom(16).hex()


def carried(context: Context | None = None) -> Baggage:
    """
    All baggage of *context* (default: the current one), not to be changed.
    """
    found = get_value(_BAGGAGE, context)
    return found if isinstance(found, dict) else {}


def carrying(carried: Baggage, context: Context) -> Context:
    """
    *context* with *carried* for all its baggage.
    """
    return set_value(_BAGGAGE, carried, context)


def ids(carried: Baggage, service: str | None) -> dict[str, str]:
    """
    The ids among the baggage *carried*, by attribute name: what it is inside of.

    The orchestrator is among them only where it is another than *service*, this process's own name: the
    resource says that already, and what never left the process need not say it on every span.
    """
    found = {name: str(carried[name]) for name in IDS if name in carried}
    if service is not None and found.get(names.ORCHESTRATOR_NAME) == service:
        del found[names.ORCHESTRATOR_NAME]
    return found


def is_same_place(one: Baggage, other: Baggage) -> bool:
    """
    Whether two baggages are of the same session, phase and task.
    """
    return one is other or all(one.get(name) == other.get(name) for name in _TELLING_APART)


def without(hidden: frozenset[str], several: Mapping[str, T]) -> Mapping[str, T]:
    """
    *several* as they are, or copied without those that are *hidden*.
    """
    if hidden.isdisjoint(several):
        return several
    return {name: value for name, value in several.items() if name not in hidden}
