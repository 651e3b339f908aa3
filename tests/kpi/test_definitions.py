"""
Every formula says where it is defined, and that place exists.
"""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "kpis.md"
MODULES = [
    import_module(f"droidscope.kpi.{name}")
    for name in (
        "assignment",
        "bottleneck_impact",
        "communication",
        "composites",
        "durations",
        "efficiency",
        "forecast",
        "patterns",
        "quality",
        "rankings",
        "ratios",
        "improvement",
        "statistics",
        "trends",
    )
]
FORMULAS = [
    formula
    for module in MODULES
    for name, formula in inspect.getmembers(module, inspect.isfunction)
    if formula.__module__ == module.__name__ and not name.startswith("_") and name != "clip"
]


def anchors():
    """
    The anchors of the page's headings, as GitHub makes them.
    """
    headings = re.findall(r"^#+ (.+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("formula", FORMULAS, ids=lambda formula: f"{formula.__module__}.{formula.__name__}")
def test_a_formula_names_its_definition(formula):
    """
    The docstring links a heading of docs/kpis.md.
    """
    links = re.findall(r"Definition: docs/kpis\.md#(\S+)", inspect.getdoc(formula))

    assert len(links) == 1
    assert links[0] in anchors()
