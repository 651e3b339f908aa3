"""
Series and gauges as text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from droidscope.conventions.metrics import MetricSpec
from droidscope.exposition.family_text import FamilyText
from droidscope.exposition.text import (
    Block,
    Format,
    GaugeSample,
    float_text,
    labels_text,
    metadata,
    prefix,
)
from droidscope.series.cells import Cell
from droidscope.series.families import Family


class Renderer:
    """
    Renders families, with *resource_labels* as the label names after `orchestrator`.

    For one thread at a time: `Page` sees to that.
    """

    def __init__(self, resource_labels: tuple[str, ...] = ()) -> None:
        self._resource_labels = resource_labels
        self._texts: dict[tuple[str, Format], FamilyText] = {}
        self._gauges: dict[str, dict[tuple[str, ...], str]] = {}

    def cumulative(
        self, families: Iterable[tuple[Family, list[Cell | None]]], form: Format
    ) -> Iterator[Block]:
        """
        Counters, histograms and summaries, as `SeriesRegistry.families` gives them.
        """
        for family, shown in families:
            key = (family.spec.name, form)
            text = self._texts.get(key)
            if text is None or text.family is not family:
                text = self._texts[key] = FamilyText(family, self._resource_labels, form)
            if lines := text.lines(shown):
                note = _held_note(family, shown) if form is Format.TEXT else ""
                yield Block(family.spec.name, metadata(family.spec, form).encode() + lines + note.encode())

    def gauges(self, samples: Iterable[GaugeSample], form: Format) -> Iterator[Block]:
        """
        Gauges, in any order. Of those with equal labels the first one counts.
        """
        families: dict[str, list[GaugeSample]] = {}
        for sample in samples:
            families.setdefault(sample[0].name, []).append(sample)
        for family in families.values():
            spec = family[0][0]
            yield Block(spec.name, (metadata(spec, form) + self._gauge_lines(spec, family)).encode())

    def remembered(self, spec: MetricSpec) -> set[tuple[str, ...]]:
        """
        Labels of the gauges of *spec* whose text is kept for the next page: those of the last one.
        """
        return set(self._gauges.get(spec.name, ()))

    def _gauge_lines(self, spec: MetricSpec, family: list[GaugeSample]) -> str:
        known, kept = self._gauges.get(spec.name, {}), {}
        lines: dict[str, str] = {}
        for _, labels, value in family:
            start = known.get(labels)
            if start is None:
                start = prefix(spec.name, labels_text(spec, labels, self._resource_labels))
            kept[labels] = start
            lines.setdefault(start, f"{start}{float_text(value)}\n")
        self._gauges[spec.name] = kept  # those that are gone are forgotten
        return "".join(lines.values())


def _held_note(family: Family, shown: list[Cell | None]) -> str:
    """
    A comment that says how many series still show their past, "" if none does. OpenMetrics has no comments.

    For people who look at the page, and would else wonder about a 0.
    """
    held = 0
    for at in list(family.pending):  # a copy: events come meanwhile
        cell = shown[at] if at < len(shown) else None
        held += cell is not None and cell.amount != family.cells[at].amount
    if not held:
        return ""
    what = "until birth_hold is over they show their value before the first event"
    return f"# {held} of {family.spec.name} are new: {what}.\n"
