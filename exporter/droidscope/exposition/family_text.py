"""
The text of one family of cumulative series.

Names and labels of a series are rendered once, its line when its value has changed; what else a
scrape does is join the lines.
"""

from __future__ import annotations

from functools import lru_cache
from math import inf
from typing import Final

from droidscope.conventions.metrics import MetricSpec
from droidscope.exposition.text import Format, escaped, float_text, labels_text, prefix
from droidscope.series.cells import Cell, Exemplar
from droidscope.series.families import Family
from droidscope.series.label_limits import label_text
from droidscope.units import SECOND_NS

EXEMPLAR_CHARACTERS: Final = 128
"""
What OpenMetrics grants the names and values of an exemplar's labels together.
"""


class FamilyText:
    """
    The text of one family in one format, cell by cell.

    The text of a cell is kept until its amount is another one: most cells do not change between
    two scrapes.
    """

    def __init__(self, family: Family, resource_labels: tuple[str, ...], form: Format) -> None:
        self.family = family
        self._resource_labels = resource_labels
        self._exemplars = form is Format.OPENMETRICS
        self._templates: list[str] = []
        self._amounts: list[tuple[int, int] | None] = []
        self._lines: list[bytes] = []

    def lines(self, shown: list[Cell | None]) -> bytes:
        """
        The samples of what the cells show, by position.
        """
        self._extend(len(shown))
        for at, (cell, amount) in enumerate(zip(shown, self._amounts, strict=False)):
            if cell is None:
                self._amounts[at], self._lines[at] = None, b""
            elif cell.amount is not amount:
                self._amounts[at] = cell.amount  # first: an event meanwhile is for the next scrape
                self._lines[at] = self._render(self._templates[at], cell).encode()
        return b"".join(self._lines)

    def _extend(self, size: int) -> None:
        spec = self.family.spec
        for cell in self.family.cells[len(self._lines) : size]:
            labels = labels_text(spec, cell.labels, self._resource_labels)
            self._templates.append(
                prefix(spec.name, labels) if spec.kind == "counter" else _template(spec, labels)
            )
            self._amounts.append(None)
            self._lines.append(b"")

    def _render(self, template: str, cell: Cell) -> str:
        if self.family.spec.kind == "counter":
            exemplar = _exemplar_of(cell, 0) if self._exemplars else ""
            return f"{template}{_amount_text(cell.amount)}{exemplar}\n"
        return template % _distribution(self.family.spec, cell, exemplars=self._exemplars)


def _template(spec: MetricSpec, labels: str) -> str:
    """
    All lines of a histogram or summary for `%`; each bucket takes its count and its exemplar.
    """
    labels = labels.replace("%", "%%")
    buckets = [
        prefix(f"{spec.name}_bucket", f'{labels},le="{float_text(bound)}"'.lstrip(","))
        for bound in (*spec.bounds, inf)
        if spec.kind == "histogram"
    ]
    return "".join(
        (
            *(f"{bucket}%d%s\n" for bucket in buckets),
            prefix(f"{spec.name}_count", labels) + "%d\n",
            prefix(f"{spec.name}_sum", labels) + "%s\n",
        )
    )


def _distribution(spec: MetricSpec, cell: Cell, *, exemplars: bool) -> tuple[int | str, ...]:
    """
    The values for the template of a histogram or summary.
    """
    values: list[int | str] = []
    total = 0
    for bucket, count in enumerate(cell.counts):
        total += count
        if spec.kind == "histogram":
            values += (total, _exemplar_of(cell, bucket) if exemplars else "")
    return (*values, total, _amount_text(cell.amount))


def _amount_text(amount: tuple[int, int]) -> str:
    """
    An amount of whole units and billionths as an exact decimal.
    """
    whole, nano = amount
    return f"{whole}.{nano:09d}".rstrip("0") if nano else str(whole)


def _exemplar_of(cell: Cell, bucket: int) -> str:
    exemplar = cell.exemplars.get(bucket)
    return _exemplar_text(*exemplar) if exemplar else ""


@lru_cache(maxsize=65_536)
def _exemplar_text(exemplar: Exemplar, value: float) -> str:
    """
    An exemplar with its value, to follow a sample; "" where it names nothing.

    The session's id gives way where both do not fit: half an id finds nothing.
    """
    pairs = {"trace_id": label_text(exemplar.trace_id), "session_id": label_text(exemplar.session_id)}
    labels, room = [], EXEMPLAR_CHARACTERS
    for name, text in pairs.items():
        if text and len(name) + len(text) <= room:
            room -= len(name) + len(text)
            labels.append(f'{name}="{escaped(text)}"')
    seconds, nano = divmod(exemplar.time_ns, SECOND_NS)
    return f" # {{{','.join(labels)}}} {float_text(value)} {seconds}.{nano:09d}" if labels else ""
