"""
The series of one metric.
"""

from __future__ import annotations

from msgspec import Struct

from droidscope.conventions.metrics import MetricSpec
from droidscope.model.labels import Relabel
from droidscope.series.cells import Cell, PendingSeries
from droidscope.series.label_limits import SeriesLimits, is_domain


class FamilyDump(Struct, rename={"pending": "holds"}):
    """
    A family as it is stored, with the shape its cells have.
    """

    kind: str
    labels: tuple[str, ...]
    bounds: tuple[float, ...]
    cells: list[Cell]
    pending: dict[int, PendingSeries]


class Family:
    """
    The series of one metric. Cells are only ever appended, so a position names a series for good.
    """

    __slots__ = ("cells", "domain", "index", "pending", "spec")

    def __init__(self, spec: MetricSpec) -> None:
        self.spec = spec
        self.domain = is_domain(spec)
        self.cells: list[Cell] = []
        self.index: dict[tuple[str, ...], int] = {}
        self.pending: dict[int, PendingSeries] = {}

    def find(self, labels: tuple[str, ...]) -> Cell | None:
        """
        The series with these label values, the orchestrator's first.
        """
        at = self.index.get(labels)
        return None if at is None else self.cells[at]

    def add(self, cell: Cell) -> None:
        """
        Append a series, or merge it into the one of the same labels.
        """
        same = self.find(cell.labels)
        if same is not None:
            same.merge(cell)
            return
        self.cells.append(cell)
        self.index[cell.labels] = len(self.cells) - 1

    def new_cell(self, labels: tuple[str, ...]) -> Cell:
        """
        Append an empty series.
        """
        buckets = 0 if self.spec.kind == "counter" else len(self.spec.bounds) + 1
        cell = Cell(labels, [0] * buckets)
        self.add(cell)
        return cell

    def hold(self, cell: Cell, clock_ns: int, hold_ns: int) -> None:
        """
        Show *cell* as it is now for *hold_ns*; forget the holds that are over.
        """
        while (
            self.pending and clock_ns - self.pending[oldest := next(iter(self.pending))].since_ns >= hold_ns
        ):
            del self.pending[oldest]
        at = self.index[cell.labels]
        self.pending.pop(at, None)  # so that they stay in order of age
        self.pending[at] = PendingSeries(clock_ns, cell.value_before(clock_ns))

    def shown(self, clock_ns: int, limits: SeriesLimits) -> list[Cell | None]:
        """
        What to expose at *clock_ns*, by position: None for the idle, the past for the new.
        """
        horizon = clock_ns - limits.idle_ns
        cells: list[Cell | None] = [*self.cells]
        if horizon > 0:  # else nothing can have been idle for so long
            cells = [cell if cell.last_ns >= horizon else None for cell in self.cells]
        for at in reversed(list(self.pending)):  # the youngest first
            pending = self.pending.get(at)
            if pending is not None and clock_ns - pending.since_ns >= limits.hold_ns:
                break
            if pending is not None and at < len(cells):
                cells[at] = pending.value_before
        return cells

    def relabel(self, relabel: Relabel) -> None:
        """
        Give every series the labels that its orchestrator has now; those that become the same are one.
        """
        stored, self.cells, self.index = self.cells, [], {}
        for cell in stored + [pending.value_before for pending in self.pending.values()]:
            own = len(cell.labels) - len(self.spec.labels)
            cell.labels = relabel(cell.labels[:own]) + cell.labels[own:]
        for cell in stored:
            self.add(cell)
        if len(self.cells) != len(stored):  # some were merged, and positions moved
            self.pending = {}

    def dump(self) -> FamilyDump:
        """
        The family as it is stored.
        """
        return FamilyDump(
            kind=self.spec.kind,
            labels=self.spec.labels,
            bounds=self.spec.bounds,
            cells=self.cells,
            pending=self.pending,
        )

    def load(self, dump: FamilyDump) -> None:
        """
        Go on with stored cells that fit.
        """
        for cell in dump.cells:
            self.add(cell)
        self.pending = dump.pending

    def fits(self, dump: FamilyDump) -> bool:
        """
        Whether stored cells have the shape of this family's.
        """
        return (dump.kind, dump.labels, dump.bounds) == (
            self.spec.kind,
            self.spec.labels,
            self.spec.bounds,
        )
