"""
Label values from outside, made safe and few: cleaned, cut, and counted under `other` past a limit.
"""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

from droidscope.conventions.attributes import MessageType, Outcome, Severity
from droidscope.conventions.metrics import MESSAGE_EDGES, ORCHESTRATOR, WINDOW, WINDOWS, MetricSpec
from droidscope.units import DAY_NS, MINUTE_NS

OTHER: Final = "other"
"""
The value that stands for all values past a limit.
"""

MAX_BYTES: Final = 128
"""
UTF-8 bytes of a label value; a longer one is cut between characters.
"""

CLOSED: Final[dict[str, frozenset[str]]] = {
    "outcome": frozenset(Outcome),
    "message_type": frozenset(MessageType),
    "finding_severity": frozenset(Severity),
    "direction": frozenset({"input", "output", "cache_read", "cache_write"}),
    "state": frozenset({"running", "blocked"}),
    WINDOW: frozenset(WINDOWS),
}
"""
Labels whose values the conventions define: they need no limit, and keep their value when the others overflow.
"""

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class SeriesLimits(Struct, frozen=True):
    """
    How much of what comes from outside becomes series, per orchestrator, and for how long.

    *resource_labels* are the names of the labels that follow `orchestrator`. *hold_ns* is for how
    long a new label set is shown at its value before its first event; *idle_ns* after how long
    without events a label set leaves the page and frees its room.
    """

    values: int = 200
    series: int = 5_000
    edges: int = 500
    orchestrators: int = 1_000
    hold_ns: int = MINUTE_NS
    idle_ns: int = 30 * DAY_NS
    resource_labels: tuple[str, ...] = ()

    def series_of(self, spec: MetricSpec) -> int:
        """
        Series one orchestrator may have in the family *spec*.
        """
        return self.edges if spec.name == MESSAGE_EDGES.name else self.series

    def values_of(self, label: str) -> int:
        """
        Distinct values one orchestrator may have of *label*.
        """
        return self.orchestrators if label == ORCHESTRATOR else self.values


def label_text(value: str) -> str:
    """
    *value* fit for a label: at most 128 bytes, control characters and lone surrogates as U+FFFD.
    """
    text = str(value)  # a StrEnum becomes its plain value
    if len(text) <= MAX_BYTES and text.isascii() and text.isprintable():
        return text
    encoded = _UNPRINTABLE.sub("\ufffd", text).encode()
    return encoded[:MAX_BYTES].decode(errors="ignore")


def is_domain(spec: MetricSpec) -> bool:
    """
    Whether *spec* has the labels of an orchestrator; the exporter's own families do not.
    """
    return spec.name.startswith(f"{ORCHESTRATOR}_")
