"""
The product and the two distributions beside it agree, and the product's wheel holds the product alone.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from droidscope.optional_commands import OPTIONAL_COMMANDS

ROOT = Path(__file__).parents[1]
PRODUCT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
VERSION = PRODUCT["project"]["version"]


def project_of(optional):
    """
    The `[project]` table of an add-on.
    """
    return tomllib.loads((ROOT / optional.folder / "pyproject.toml").read_text("utf-8"))["project"]


@pytest.mark.parametrize("optional", OPTIONAL_COMMANDS.values(), ids=lambda optional: optional.command)
def test_an_addon_has_the_version_of_the_product(optional):
    """
    It is made for that version alone, and the product's extra asks for the same one.
    """
    project = project_of(optional)

    assert project["version"] == VERSION
    assert project["requires-python"] == PRODUCT["project"]["requires-python"]
    assert PRODUCT["project"]["optional-dependencies"][optional.command] == [f"{project['name']}=={VERSION}"]
    (product,) = [one for one in project["dependencies"] if one.startswith("droidscope[")]
    assert product.endswith(f"]=={VERSION}")
    assert project["name"].replace("-", "_") == optional.package
    # A copy, since a build sees its own folder alone.
    assert (ROOT / optional.folder / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


def test_development_has_what_the_addons_depend_on():
    """
    requirements/dev.txt is resolved from the product's own file, which therefore names it too.
    """
    group = PRODUCT["dependency-groups"]["dev"]

    assert {
        dependency
        for optional in OPTIONAL_COMMANDS.values()
        for dependency in project_of(optional)["dependencies"]
        if not dependency.startswith("droidscope[")
    } <= {one for one in group if isinstance(one, str)}


def test_the_product_imports_no_addon():
    """
    They depend on it, not it on them; `optional_commands` alone knows their names.
    """
    importing = [
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / "exporter").rglob("*.py"))
        if "import droidscope_" in (text := path.read_text("utf-8")) or "from droidscope_" in text
    ]

    assert importing == []
