"""
Renders the table of KPIs in docs/metrics.md and that of paths in docs/api.md from their declarations.

Run by `make render`, and with `--check` by `make lint`: the exit code is 1 where a page differs.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from droidscope.api.endpoints import OPERATIONS, PREFIX
from droidscope.kpi.catalog import DROID_KPIS, ORCHESTRATOR_KPIS, PATTERN_KPIS, Kpi
from rendered_part import write_or_check

DOCS: Final = Path(__file__).parents[1] / "docs"
METRICS_PAGE: Final = DOCS / "metrics.md"
API_PAGE: Final = DOCS / "api.md"
KPIS_BEGIN: Final = "<!-- rendered from the catalogue of KPIs by `make render`, from here -->\n"
PATHS_BEGIN: Final = "<!-- rendered from the endpoints by `make render`, from here -->\n"


def kpi_table() -> str:
    """
    A row for each KPI: subject, gauge and definition.
    """
    subjects = (("orchestrator", ORCHESTRATOR_KPIS), ("droid", DROID_KPIS), ("pattern", PATTERN_KPIS))
    rows = (row for subject, kpis in subjects for row in _kpi_rows(subject, kpis))
    return "\n| subject | name | definition |\n| --- | --- | --- |\n" + "".join(rows) + "\n"


def _kpi_rows(subject: str, kpis: Iterable[Kpi[Any]]) -> Iterable[str]:
    return (f"| {subject} | `{kpi.spec.name}` | {kpi.spec.help} |\n" for kpi in kpis)


def path_table() -> str:
    """
    A row for each path: its parameters, and what the answer has.
    """
    rows = (
        f"| `{PREFIX}/{operation.path}` "
        f"| {', '.join(f'`{name}`' for name in operation.params.__struct_fields__) or 'none'} "
        f"| {operation.description} |\n"
        for operation in OPERATIONS
    )
    return "\n| path | parameters | answer |\n| --- | --- | --- |\n" + "".join(rows) + "\n"


def main(arguments: Sequence[str]) -> int:
    """
    Write both tables, or print how the committed ones differ.

    Returns:
        1 if one differs and was only to be checked.
    """
    return max(
        write_or_check(METRICS_PAGE, KPIS_BEGIN, kpi_table(), arguments),
        write_or_check(API_PAGE, PATHS_BEGIN, path_table(), arguments),
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
