"""
The KPIs on the wire, derived from the catalogue: a KPI that is added there is answered here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

from msgspec import Meta, Struct, defstruct

from droidscope.kpi.catalog import DROID_KPIS, ORCHESTRATOR_KPIS, PATTERN_KPIS, Facts, Kpi
from droidscope.kpi.totals import DroidTotals, OrchestratorTotals, PatternTotals

_Kpis = TypeVar("_Kpis", bound=Struct)

ORCHESTRATOR_PREFIX: Final = "orchestrator_"
DROID_PREFIX: Final = "orchestrator_droid_"
PATTERN_PREFIX: Final = "orchestrator_pattern_"


class KpiValue(Struct, frozen=True):
    """
    A KPI and what it rests on: its denominator where it has one, else its sample count.
    """

    value: float | None = None
    samples: float | None = None


def _kpi_struct(name: str, subject: str, kpis: Sequence[Kpi[Any]], prefix: str) -> type[Struct]:
    """
    A struct with a field for each KPI, named as its gauge is without the *prefix*.
    """
    return defstruct(
        name,
        [
            (kpi.spec.name.removeprefix(prefix), Annotated[KpiValue, Meta(description=kpi.spec.help)])
            for kpi in kpis
        ],
        frozen=True,
        kw_only=True,
        module=__name__,
        namespace={"__doc__": f"The KPIs of {subject}, named as its gauges are."},
    )


if TYPE_CHECKING:
    # A type checker cannot know the fields of a derived struct; nothing in the product names one.
    class OrchestratorKpis(Struct):
        """
        The KPIs of an orchestrator.
        """

    class DroidKpis(Struct):
        """
        The KPIs of a droid.
        """

    class PatternKpis(Struct):
        """
        The KPIs of a pattern.
        """

else:
    OrchestratorKpis = _kpi_struct(
        "OrchestratorKpis", "an orchestrator", ORCHESTRATOR_KPIS, ORCHESTRATOR_PREFIX
    )
    DroidKpis = _kpi_struct("DroidKpis", "a droid", DROID_KPIS, DROID_PREFIX)
    PatternKpis = _kpi_struct("PatternKpis", "a pattern", PATTERN_KPIS, PATTERN_PREFIX)


def to_orchestrator_kpis(totals: OrchestratorTotals) -> OrchestratorKpis:
    """
    The KPIs of an orchestrator over a window.
    """
    return _kpi_values(OrchestratorKpis, ORCHESTRATOR_KPIS, totals, ORCHESTRATOR_PREFIX)


def to_droid_kpis(totals: DroidTotals) -> DroidKpis:
    """
    The KPIs of a droid over a window.
    """
    return _kpi_values(DroidKpis, DROID_KPIS, totals, DROID_PREFIX)


def to_pattern_kpis(totals: PatternTotals) -> PatternKpis:
    """
    The KPIs of a pattern over a window.
    """
    return _kpi_values(PatternKpis, PATTERN_KPIS, totals, PATTERN_PREFIX)


def _kpi_values(type_: type[_Kpis], kpis: Sequence[Kpi[Facts]], totals: Facts, prefix: str) -> _Kpis:
    """
    The value and samples of each KPI; one that is absent has no samples either.
    """
    values = {}
    for kpi in kpis:
        value = kpi.value(totals)
        samples = None if value is None or kpi.samples is None else kpi.samples(totals)
        values[kpi.spec.name.removeprefix(prefix)] = KpiValue(value, samples)
    return type_(**values)
