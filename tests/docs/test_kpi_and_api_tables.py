"""
The tables of KPIs and of paths are as they are declared.
"""

from __future__ import annotations

import kpi_and_api_tables


def test_the_tables_are_as_rendered(capsys):
    """
    A KPI or a path without a row, or with another definition, is drift; `make render` mends it.
    """
    assert kpi_and_api_tables.main(["--check"]) == 0
    assert capsys.readouterr().out == ""
