"""
How much room each orchestrator has taken: distinct values by label, series by family.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct, field

from droidscope.conventions.metrics import LABEL_VALUES, LABEL_VALUES_LIMIT, ORCHESTRATOR, MetricSpec
from droidscope.model.labels import OrchestratorLabels
from droidscope.series.families import Family
from droidscope.series.label_limits import CLOSED, OTHER, SeriesLimits, label_text


class LabelBudget(Struct):
    """
    What one orchestrator has reserved: distinct values by label, series by family.
    """

    orchestrator: OrchestratorLabels
    values: dict[str, dict[str, None]] = field(default_factory=dict)
    series: dict[str, int] = field(default_factory=dict)

    def admit(self, label: str, value: str, limits: SeriesLimits) -> str:
        """
        *value*, cleaned, if there is room for it, which it then takes; else `other`.
        """
        text = self.within_limit(label, value, limits)
        if label not in CLOSED and text not in ("", OTHER):
            self.values.setdefault(label, {})[text] = None
        return text

    def within_limit(self, label: str, value: str, limits: SeriesLimits) -> str:
        """
        What `admit` would return, without taking room.
        """
        text = label_text(value)
        if label in CLOSED:
            return text if text in CLOSED[label] or not text else OTHER
        if not self.orchestrator and label != ORCHESTRATOR:
            return text  # a family of the exporter's own, whose values have no need of a limit
        admitted = self.values.get(label, {})
        if text in admitted or text in ("", OTHER) or len(admitted) < limits.values_of(label):
            return text
        return OTHER

    def reserve(self, spec: MetricSpec, labels: tuple[str, ...]) -> None:
        """
        Count the series of *spec* with these admitted *labels*, and their values.
        """
        self.series[spec.name] = self.series.get(spec.name, 0) + 1
        for label, value in zip(spec.labels, labels, strict=True):
            if label not in CLOSED and value not in ("", OTHER):
                self.values.setdefault(label, {})[value] = None


class LabelBudgets:
    """
    The budgets of all orchestrators, within *limits*; one more for the exporter's own families.
    """

    def __init__(self, limits: SeriesLimits) -> None:
        self._limits = limits
        self._by_orchestrator: dict[OrchestratorLabels, LabelBudget] = {}

    def of(self, orchestrator: OrchestratorLabels) -> LabelBudget:
        """
        The budget of *orchestrator*, or of `other` where there are too many orchestrators.
        """
        budget = self.find(orchestrator)
        return self._by_orchestrator.setdefault(budget.orchestrator, budget)

    def find(self, orchestrator: OrchestratorLabels) -> LabelBudget:
        """
        As `of`, but a new budget is not kept.
        """
        budget = self._by_orchestrator.get(orchestrator)
        if budget is not None:
            return budget
        key = tuple(label_text(value) for value in orchestrator)
        if (
            key
            and key not in self._by_orchestrator
            and len(self._by_orchestrator) >= self._limits.orchestrators
        ):
            key = (OTHER,) + ("",) * (len(key) - 1)
        return self._by_orchestrator.get(key) or LabelBudget(key)

    def gauges(self) -> Iterator[tuple[MetricSpec, tuple[str, ...], int]]:
        """
        Gauges of the distinct values of each limited label, and of their limits.

        Where several orchestrators share a name and differ in resource labels, the fullest one counts.
        """
        counts: dict[tuple[str, str], int] = {}
        for budget in list(self._by_orchestrator.values()):
            if not budget.orchestrator:
                continue  # the exporter's own families
            name = budget.orchestrator[0]
            for label, admitted in list(budget.values.items()):
                counts[name, label] = max(counts.get((name, label), 0), len(admitted))
        for labels, count in counts.items():
            yield LABEL_VALUES, labels, count
        for label in sorted({label for _, label in counts}):
            yield LABEL_VALUES_LIMIT, (label,), self._limits.values_of(label)

    def rebuild(self, families: Iterable[Family]) -> None:
        """
        Count anew what the series that reserve room take.
        """
        self._by_orchestrator = {}
        for family in families:
            for cell in family.cells:
                if cell.reserved:
                    own = len(cell.labels) - len(family.spec.labels)
                    self.of(cell.labels[:own]).reserve(family.spec, cell.labels[own:])

    def dump(self) -> list[LabelBudget]:
        """
        All budgets, for a checkpoint.
        """
        return list(self._by_orchestrator.values())

    def load(self, dump: Iterable[LabelBudget]) -> None:
        """
        Go on from a checkpoint.
        """
        self._by_orchestrator = {budget.orchestrator: budget for budget in dump}
