"""
Cumulative series: the counters, histograms and summaries of the head.

One thread writes; another may call `families` at any time, and
sees each series before or after an event, never between.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import ClassVar, Final

from msgspec import Struct

from droidscope.conventions.former_names import FORMER_METRIC_NAMES
from droidscope.conventions.metrics import CATALOGUE, LABEL_OVERFLOW, MetricSpec
from droidscope.model.labels import OrchestratorLabels, Relabel, relabeling, unchanged
from droidscope.series.cells import NEVER, Cell, Exemplar
from droidscope.series.families import Family, FamilyDump
from droidscope.series.label_budget import LabelBudget, LabelBudgets
from droidscope.series.label_limits import CLOSED, OTHER, SeriesLimits, is_domain
from droidscope.units import SECOND_NS

RECLAIMS_PER_IDLE: Final = 720
"""
How often the room of idle series is freed within the idle time: hourly for thirty days.
"""


class SeriesRegistryDump(Struct, rename={"budgets": "places"}):
    """
    All series as they are stored in a checkpoint.
    """

    resource_labels: tuple[str, ...]
    reclaimed_ns: int
    families: dict[str, FamilyDump]
    budgets: list[LabelBudget]


class SeriesRegistry:
    """
    All cumulative series, within *limits*; *catalogue* is the families that survive a load.

    Everywhere, *orchestrator* is the values of (orchestrator, resource labels), which the exporter's
    own families ignore, and *clock_ns* is the exporter's uptime.
    """

    dump_type: ClassVar = SeriesRegistryDump

    def __init__(
        self,
        limits: SeriesLimits | None = None,
        catalogue: Iterable[MetricSpec] = CATALOGUE,
    ) -> None:
        self._limits = limits or SeriesLimits()
        self._resource_labels = self._limits.resource_labels
        self._families = {spec.name: Family(spec) for spec in catalogue if spec.kind != "gauge"}
        self._budgets = LabelBudgets(self._limits)
        self._reclaimed_ns = 0
        self._clock_ns = 0

    def count(
        self,
        spec: MetricSpec,
        orchestrator: OrchestratorLabels,
        labels: tuple[str, ...],
        amount: float = 1,
        *,
        clock_ns: int,
        exemplar: Exemplar | None = None,
    ) -> None:
        """
        Add *amount* to a counter. *labels* are values in the order of `spec.labels`.

        Raises:
            ValueError: If *amount* is negative or not finite, or *labels* do not fit *spec*.
        """
        if not 0 <= amount < math.inf:
            msg = f"{spec.name}: amount is {amount}; it must be finite and not negative"
            raise ValueError(msg)
        cell = self._cell(spec, orchestrator, labels, clock_ns)
        if exemplar is not None:
            cell.exemplars[0] = (exemplar, float(amount))
        cell.add(amount)

    def observe(
        self,
        spec: MetricSpec,
        orchestrator: OrchestratorLabels,
        labels: tuple[str, ...],
        value: float,
        *,
        clock_ns: int,
        exemplar: Exemplar | None = None,
    ) -> None:
        """
        Add an observation, in the unit of *spec*, to a histogram or summary.

        Raises:
            ValueError: If *value* is negative or not finite, or *labels* do not fit *spec*.
        """
        if not 0 <= value < math.inf:
            msg = f"{spec.name}: observed {value}; it must be finite and not negative"
            raise ValueError(msg)
        cell = self._cell(spec, orchestrator, labels, clock_ns)
        bucket = bisect_left(spec.bounds, value)
        cell.counts[bucket] += 1
        if exemplar is not None:
            cell.exemplars[bucket] = (exemplar, float(value))
        cell.add(value)

    def ensure(
        self,
        spec: MetricSpec,
        orchestrator: OrchestratorLabels,
        labels: tuple[str, ...],
        *,
        clock_ns: int | None = None,
    ) -> None:
        """
        Expose a label set at 0 before its first event, and keep it from being idle.

        Its events are not held, but for those that come before it has been exposed for the hold:
        no scrape may have seen its 0. Without *clock_ns* the clock of the last event serves.
        """
        clock_ns = self._clock_ns if clock_ns is None else clock_ns
        self._cell(spec, orchestrator, labels, clock_ns, event=False)

    def label(self, orchestrator: OrchestratorLabels, name: str, value: str) -> str:
        """
        The value that series of *orchestrator* carry for *value* of label *name*: itself, cleaned
        and cut, or `other`. For facts and gauges that must agree with the counters.
        """
        return self._budgets.of(orchestrator).admit(name, value, self._limits)

    def shown(self, orchestrator: OrchestratorLabels, name: str, value: str) -> str:
        """
        As `label`, but takes no room: for readers.
        """
        return self._budgets.find(orchestrator).within_limit(name, value, self._limits)

    def shown_orchestrator(self, orchestrator: OrchestratorLabels) -> OrchestratorLabels:
        """
        The values that series of *orchestrator* carry for its own labels.
        """
        return self._budgets.find(orchestrator).orchestrator

    def label_sets(self, spec: MetricSpec, clock_ns: int) -> list[tuple[str, ...]]:
        """
        All label values of each series of *spec* that is not idle, the orchestrator's first.
        """
        family = self._families.get(spec.name)
        return [cell.labels for cell in (family.cells if family else ()) if not self._is_idle(cell, clock_ns)]

    def value(
        self, spec: MetricSpec, orchestrator: OrchestratorLabels, labels: tuple[str, ...]
    ) -> float | None:
        """
        The true value of a counter, or the sum of a histogram or summary; None if there is none.
        """
        cell = self._find(spec, orchestrator, labels)
        return None if cell is None else cell.billionths / SECOND_NS

    def total(self, spec: MetricSpec, **labels: str) -> float | None:
        """
        Sum over the series of *spec* with these *labels*, over all orchestrators; None if there
        are none.
        """
        family = self._families.get(spec.name)
        wanted = {spec.labels.index(name) - len(spec.labels): value for name, value in labels.items()}
        cells = [
            cell
            for cell in (family.cells.copy() if family else ())
            if all(cell.labels[at] == value for at, value in wanted.items())
        ]
        return sum(cell.billionths for cell in cells) / SECOND_NS if cells else None

    def families(self, clock_ns: int) -> Iterator[tuple[Family, list[Cell | None]]]:
        """
        What to expose at *clock_ns*: each family and, by position, what its series show.

        That is a cell, with the past of those on hold, or None for the idle.
        """
        for family in list(self._families.values()):
            if family.cells:
                yield family, family.shown(clock_ns, self._limits)

    def label_values(self) -> Iterator[tuple[MetricSpec, tuple[str, ...], int]]:
        """
        Gauges of the distinct values of each limited label, and of their limits.
        """
        return self._budgets.gauges()

    def dump(self) -> SeriesRegistryDump:
        """
        The state for a checkpoint. It refers to live objects: encode it before the next event.
        """
        return SeriesRegistryDump(
            resource_labels=self._resource_labels,
            reclaimed_ns=self._reclaimed_ns,
            families={name: family.dump() for name, family in self._families.items() if family.cells},
            budgets=self._budgets.dump(),
        )

    def load(self, dump: SeriesRegistryDump, relabel: Relabel | None = None) -> tuple[str, ...]:
        """
        Replace everything by *dump*; holds go on where they were.

        Series of resource labels that are no longer configured are merged: *relabel* is by default
        what follows from the resource labels of *dump*.

        Returns:
            Names of stored families left out, since they are gone or have another shape now.
        """
        relabel = relabel or relabeling(dump.resource_labels, self._resource_labels)
        self._families = {name: Family(family.spec) for name, family in self._families.items()}
        ignored = [
            name for name, stored in dump.families.items() if not self._load_family(name, stored, relabel)
        ]
        self._reclaimed_ns = dump.reclaimed_ns
        if relabel is unchanged:
            self._budgets.load(dump.budgets)
        else:
            self._budgets.rebuild(self._families.values())
        self._clock_ns = max(
            (cell.last_ns for family in self._families.values() for cell in family.cells), default=0
        )
        return tuple(ignored)

    def _load_family(self, name: str, stored: FamilyDump, relabel: Relabel) -> bool:
        family = self._families.get(FORMER_METRIC_NAMES.get(name, name))
        if family is None or not family.fits(stored):
            return False
        family.load(stored)
        if family.domain and relabel is not unchanged:
            family.relabel(relabel)
        return True

    def _find(
        self, spec: MetricSpec, orchestrator: OrchestratorLabels, labels: tuple[str, ...]
    ) -> Cell | None:
        family = self._families.get(spec.name)
        if family is None:
            return None
        return family.find(orchestrator + labels if family.domain else labels)

    def _cell(
        self,
        spec: MetricSpec,
        orchestrator: OrchestratorLabels,
        labels: tuple[str, ...],
        clock_ns: int,
        *,
        event: bool = True,
    ) -> Cell:
        """
        The series of these labels, which lives from now on; made where it is new.
        """
        # Every event comes by here, several a record: a call would cost more than what it does.
        if clock_ns > self._clock_ns:  # noqa: PLR1730 - `max` is a call
            self._clock_ns = clock_ns
        family = self._families.get(spec.name)
        if family is None:
            family = self._families[spec.name] = Family(spec)
        if not family.domain:
            orchestrator = ()
        at = family.index.get(orchestrator + labels)
        cell = None if at is None else family.cells[at]
        if cell is None or clock_ns - cell.last_ns > self._limits.idle_ns:
            cell = self._appear(family, orchestrator, labels, clock_ns, event=event)
        if clock_ns > cell.last_ns:  # noqa: PLR1730 - `max` is a call
            cell.last_ns = clock_ns
        return cell

    def _appear(
        self,
        family: Family,
        orchestrator: OrchestratorLabels,
        labels: tuple[str, ...],
        clock_ns: int,
        *,
        event: bool,
    ) -> Cell:
        """
        The series for labels from outside that no live series has, held if it has just appeared.
        """
        spec = family.spec
        if len(labels) != len(spec.labels):
            msg = f"{spec.name}: label values are {labels}; there must be one for each of {spec.labels}"
            raise ValueError(msg)
        self._reclaim(clock_ns)
        budget = self._budgets.of(orchestrator)
        admitted = tuple(
            budget.admit(name, value, self._limits) for name, value in zip(spec.labels, labels, strict=True)
        )
        cell = self._cell_within(family, budget, admitted)
        if cell.last_ns == NEVER or self._is_idle(cell, clock_ns):
            family.hold(cell, clock_ns, self._limits.hold_ns)
        if event:
            self._count_overflow(spec, labels, cell, clock_ns)
        return cell

    def _cell_within(self, family: Family, budget: LabelBudget, admitted: tuple[str, ...]) -> Cell:
        """
        The series of *admitted* label values; where the family is full, the one of `other`.
        """
        spec = family.spec
        cell = family.find(budget.orchestrator + admitted)
        if cell is not None and cell.reserved:
            return cell
        reserved = not family.domain or budget.series.get(spec.name, 0) < self._limits.series_of(spec)
        if reserved:
            budget.reserve(spec, admitted)
        else:
            admitted = tuple(
                value if name in CLOSED else OTHER for name, value in zip(spec.labels, admitted, strict=True)
            )
        cell = family.find(budget.orchestrator + admitted) or family.new_cell(budget.orchestrator + admitted)
        cell.reserved = reserved
        return cell

    def _count_overflow(self, spec: MetricSpec, labels: tuple[str, ...], cell: Cell, clock_ns: int) -> None:
        orchestrator = cell.labels[0] if is_domain(spec) else ""
        admitted = cell.labels[len(cell.labels) - len(labels) :]
        for name, given, value in zip(spec.labels, labels, admitted, strict=True):
            if value == OTHER != given:
                self.count(LABEL_OVERFLOW, (), (orchestrator, name), clock_ns=clock_ns)

    def _is_idle(self, cell: Cell, clock_ns: int) -> bool:
        return clock_ns - cell.last_ns > self._limits.idle_ns

    def _reclaim(self, clock_ns: int) -> None:
        """
        Free the room of idle series, now and then.

        By the clock of events alone, so that a replay admits exactly what was admitted before.
        """
        if clock_ns - self._reclaimed_ns < self._limits.idle_ns // RECLAIMS_PER_IDLE:
            return
        self._reclaimed_ns = clock_ns
        for family in self._families.values():
            for cell in family.cells:
                cell.reserved = cell.reserved and not self._is_idle(cell, clock_ns)
        self._budgets.rebuild(self._families.values())
