"""
What the demo prints: a table of the services, and a line with the current numbers.
"""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, TextIO

from prometheus_client.parser import text_string_to_metric_families

from droidscope.conventions import metrics
from droidscope.conventions.attributes import Outcome, Severity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_BOLD: Final = "1"
_GREEN: Final = "32"
_RED: Final = "31"
_CLEAR_LINE: Final = "\r\x1b[2K"


class Service(NamedTuple):
    """
    One row of the table.
    """

    name: str
    url: str
    purpose: str


@dataclass(frozen=True, slots=True)
class Numbers:
    """
    Totals over all orchestrators; *alerts* are the names of firing alerts, None without Prometheus.
    """

    active: int
    completed: int
    failed: int
    cancelled: int
    tasks: int
    messages: int
    alerts: tuple[str, ...] | None


def table(services: Sequence[Service]) -> list[str]:
    """
    Aligned lines, the heading first.
    """
    rows = [Service("NAME", "URL", "PURPOSE"), *services]
    name, url = (max(len(row[column]) for row in rows) for column in (0, 1))
    return [f"{row.name:<{name}}  {row.url:<{url}}  {row.purpose}" for row in rows]


def read_numbers(page: str, alerts: str | None) -> Numbers:
    """
    The numbers of an exporter's metrics *page* and the body of Prometheus' /api/v1/alerts, if any.
    """
    totals = _totals(page)
    return Numbers(
        active=totals[metrics.SESSIONS_ACTIVE.name, ""],
        completed=totals[metrics.SESSIONS.name, Outcome.COMPLETED],
        failed=totals[metrics.SESSIONS.name, Outcome.FAILED] + totals[metrics.SESSIONS.name, Outcome.LOST],
        cancelled=totals[metrics.SESSIONS.name, Outcome.CANCELLED],
        tasks=_sum(totals, metrics.TASKS.name),
        messages=_sum(totals, metrics.MESSAGES.name),
        alerts=None if alerts is None else _firing(alerts),
    )


def _totals(page: str) -> Counter[tuple[str, str]]:
    """
    Sum of every sample name by its label `outcome`.
    """
    totals: Counter[tuple[str, str]] = Counter()
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            if sample.name in _SHOWN:
                totals[sample.name, sample.labels.get("outcome", "")] += int(sample.value)
    return totals


_SHOWN: Final = frozenset(
    spec.name for spec in (metrics.SESSIONS_ACTIVE, metrics.SESSIONS, metrics.TASKS, metrics.MESSAGES)
)


def _sum(totals: Mapping[tuple[str, str], int], name: str) -> int:
    return sum(value for (sample, _), value in totals.items() if sample == name)


def _firing(body: str) -> tuple[str, ...]:
    alerts = json.loads(body)["data"]["alerts"]
    # The watchdog fires always, with a severity of its own.
    labelled = (one["labels"] for one in alerts if one["state"] == "firing")
    return tuple(
        sorted({labels["alertname"] for labels in labelled if labels.get("severity") in set(Severity)})
    )


class Screen:
    """
    The demo's output: on a terminal the live line overwrites itself, elsewhere lines follow each other.

    Colours appear on a terminal only, and not with NO_COLOR set.
    """

    def __init__(self, stream: TextIO, env: Mapping[str, str] = os.environ) -> None:
        self._stream = stream
        self.is_terminal = stream.isatty()
        self._coloured = self.is_terminal and not env.get("NO_COLOR")
        self._live = False

    def line(self, text: str = "") -> None:
        """
        Write a line that stays.
        """
        self._leave_live_line()
        self._write(f"{text}\n")

    def table(self, services: Sequence[Service]) -> None:
        """
        Write the table of *services*.
        """
        head, *rows = table(services)
        self.line(self._colour(head, _BOLD))
        for row in rows:
            self.line(row)

    def numbers(self, numbers: Numbers) -> None:
        """
        Show the live line.
        """
        parts = _parts(numbers)
        if not self.is_terminal:
            self._write(" | ".join(text for text, _ in parts) + "\n")
            return
        self._write(_CLEAR_LINE + self._fitted(parts))
        self._live = True

    def _fitted(self, parts: Sequence[tuple[str, str]]) -> str:
        room = shutil.get_terminal_size().columns - 1
        shown: list[str] = []
        for text, colour in parts:
            # A line that wraps could not be overwritten.
            cut = text[: max(0, room)]
            room -= len(cut) + 3
            shown.append(self._colour(cut, colour) if colour else cut)
            if room <= 0:
                break
        return " | ".join(shown)

    def _leave_live_line(self) -> None:
        if self._live:
            self._write("\n")
            self._live = False

    def _colour(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._coloured else text

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def _parts(numbers: Numbers) -> list[tuple[str, str]]:
    """
    The pieces of the live line, each with its colour ("" for none).
    """
    parts = [
        (f"sessions {numbers.active} active", ""),
        (f"{numbers.completed} done", _GREEN),
        (f"{numbers.failed} failed", _RED if numbers.failed else ""),
        (f"{numbers.cancelled} cancelled", ""),
        (f"{numbers.tasks} tasks", ""),
        (f"{numbers.messages} messages", ""),
    ]
    if numbers.alerts is not None:
        names = ", ".join(numbers.alerts)
        parts.append((f"alerts firing: {names or 'none'}", _RED if names else ""))
    return parts
