"""
Series and gauges as text, in the Prometheus format 0.0.4 and in OpenMetrics 1.0.

Names and labels of a series are rendered once, its line when its value has changed; what else a
scrape does is join the lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import Enum
from functools import lru_cache
from math import inf, isfinite, isnan
from typing import Final, NamedTuple

from prometheus_client.exposition import choose_encoder

from droidscope.conventions.metrics import CATALOGUE, ORCHESTRATOR, MetricSpec
from droidscope.errors import ConfigError
from droidscope.series.label_limits import is_domain, label_text
from droidscope.series.series_registry import Cell, Exemplar, Family
from droidscope.units import SECOND_NS

GaugeSample = tuple[MetricSpec, tuple[str, ...], float]
"""
One gauge: its family, all its label values (an orchestrator's first), its value.
"""

RESERVED_LABELS: Final = frozenset(
    {ORCHESTRATOR, "severity", "alertname", "type", "job", "instance", "le", "quantile"}
)
"""
Label names that rules, scrapes or the formats own.
"""

EXEMPLAR_CHARACTERS: Final = 128
"""
What OpenMetrics grants the names and values of an exemplar's labels together.
"""

_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


class Format(Enum):
    """
    The formats we speak; the value is the content type.
    """

    TEXT = "text/plain; version=0.0.4; charset=utf-8"
    OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


class Block(NamedTuple):
    """
    The text of one family, metadata first, in UTF-8. *family* is its name in the catalogue.
    """

    family: str
    text: bytes


def negotiate(accept: str) -> Format:
    """
    The format for an Accept header: OpenMetrics where it is accepted in version 1, else text.
    """
    try:
        _, content_type = choose_encoder(accept)
    except TypeError:  # a version that is no number
        return Format.TEXT
    return Format.OPENMETRICS if content_type.startswith("application/openmetrics-text") else Format.TEXT


def check_resource_labels(names: tuple[str, ...]) -> None:
    """
    Refuse names of resource labels that would make the page ambiguous or invalid.

    Raises:
        ConfigError: If a name is given twice, is reserved, is a label of ours, or is no label name.
    """
    taken = RESERVED_LABELS.union(*(spec.labels for spec in CATALOGUE))
    for name in names:
        if not _LABEL_NAME.fullmatch(name) or name.startswith("__"):
            msg = f"resource label {name!r} is not a label name; expected letters, digits and _"
            raise ConfigError(msg)
        if name in taken:
            msg = f"resource label {name!r} is taken; expected a name that no metric, rule or scrape uses"
            raise ConfigError(msg)
        if names.count(name) > 1:
            msg = f"resource label {name!r} is given twice; expected once"
            raise ConfigError(msg)


class Renderer:
    """
    Renders families, with *resource_labels* as the label names after `orchestrator`.

    For one thread at a time: `Page` sees to that.

    Raises:
        ConfigError: If a resource label cannot be one.
    """

    def __init__(self, resource_labels: tuple[str, ...] = ()) -> None:
        check_resource_labels(resource_labels)
        self._resource_labels = resource_labels
        self._texts: dict[tuple[str, Format], _FamilyText] = {}
        self._gauges: dict[str, dict[tuple[str, ...], str]] = {}

    def cumulative(
        self, families: Iterable[tuple[Family, list[Cell | None]]], form: Format
    ) -> Iterator[Block]:
        """
        Counters, histograms and summaries, as `Series.families` gives them.
        """
        for family, shown in families:
            key = (family.spec.name, form)
            text = self._texts.get(key)
            if text is None or text.family is not family:
                text = self._texts[key] = _FamilyText(family, self._resource_labels, form)
            if lines := text.lines(shown):
                yield Block(family.spec.name, metadata(family.spec, form).encode() + lines)

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
            prefix = known.get(labels)
            if prefix is None:
                prefix = _prefix(spec.name, _label_text(spec, labels, self._resource_labels))
            kept[labels] = prefix
            lines.setdefault(prefix, f"{prefix}{_float_text(value)}\n")
        self._gauges[spec.name] = kept  # those that are gone are forgotten
        return "".join(lines.values())


class _FamilyText:
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
            labels = _label_text(spec, cell.labels, self._resource_labels)
            self._templates.append(
                _prefix(spec.name, labels) if spec.kind == "counter" else _template(spec, labels)
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
        _prefix(f"{spec.name}_bucket", f'{labels},le="{_float_text(bound)}"'.lstrip(","))
        for bound in (*spec.bounds, inf)
        if spec.kind == "histogram"
    ]
    return "".join(
        (
            *(f"{bucket}%d%s\n" for bucket in buckets),
            _prefix(f"{spec.name}_count", labels) + "%d\n",
            _prefix(f"{spec.name}_sum", labels) + "%s\n",
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


def metadata(spec: MetricSpec, form: Format) -> str:
    """
    The HELP and TYPE lines of a family.
    """
    name, kind = spec.name, str(spec.kind)
    help_ = spec.help.replace("\\", r"\\").replace("\n", r"\n")
    if form is Format.OPENMETRICS:
        help_ = help_.replace('"', r"\"")
        if kind == "counter":
            name = name.removesuffix("_total")
    return f"# HELP {name} {help_}\n# TYPE {name} {kind}\n"


def _prefix(name: str, labels: str) -> str:
    return f"{name}{{{labels}}} " if labels else f"{name} "


def _label_text(spec: MetricSpec, values: tuple[str, ...], resource_labels: tuple[str, ...]) -> str:
    """
    The labels of one series, without braces; empty resource labels are left out.
    """
    own = len(values) - len(spec.labels)
    orchestrator = (ORCHESTRATOR, *resource_labels) if is_domain(spec) else ()
    pairs = [
        *((name, value) for name, value in zip(orchestrator, values[:own], strict=False) if value),
        *zip(spec.labels, values[own:], strict=True),
    ]
    return ",".join(f'{name}="{escaped(label_text(value))}"' for name, value in pairs)


def escaped(value: str) -> str:
    """
    *value* as it stands between the quotes of a label.
    """
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _amount_text(amount: tuple[int, int]) -> str:
    """
    An amount of whole units and billionths as an exact decimal.
    """
    whole, nano = amount
    return f"{whole}.{nano:09d}".rstrip("0") if nano else str(whole)


def _float_text(value: float) -> str:
    if isfinite(value):
        return repr(+value)  # of True, 1
    return "NaN" if isnan(value) else "+Inf" if value > 0 else "-Inf"


def _exemplar_of(cell: Cell, bucket: int) -> str:
    found = cell.exemplars.get(bucket)
    return _exemplar_text(*found) if found else ""


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
    return f" # {{{','.join(labels)}}} {_float_text(value)} {seconds}.{nano:09d}" if labels else ""
