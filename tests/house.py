"""
What can be counted of the house: names defined twice, sizes, imports.

Run by `make house`; the exit code is 1 where a limit is exceeded.
"""

from __future__ import annotations

import ast
import os
import re
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hatchling.builders.wheel import WheelBuilder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

ROOT: Final = Path(__file__).parents[1]
PRODUCT: Final = ROOT / "exporter"
ADDONS: Final = (ROOT / "grafana/generator", ROOT / "examples/demo")
"""
Distributions beside the product; their files and functions have its sizes.
"""
TESTS: Final = ROOT / "tests"

ARCHITECTURE: Final = ROOT / "ARCHITECTURE.md"
_ROW: Final = re.compile(r"^\| `(\w+)` \| .+ \| ([\w, ]*)\|$", re.MULTILINE)

LARGEST_FOLDERS: Final = 8


@dataclass(frozen=True, slots=True)
class Module:
    """
    A Python file, by its dotted name.
    """

    name: str
    path: Path
    lines: int
    tree: ast.Module

    @property
    def is_package(self) -> bool:
        return self.path.name == "__init__.py"

    @property
    def room(self) -> str:
        """
        Its name or that of its folder, directly below the package; `__init__` for the package itself.
        """
        return ".".join(self.name.split(".")[1:2]) or "__init__"

    @property
    def file(self) -> str:
        """
        The path as one types it.
        """
        return os.path.relpath(self.path, ROOT)


@dataclass(frozen=True, slots=True)
class Count:
    """
    One line of the answer: *items* are what was counted, at most *limit* of them are fine.

    A count without a limit only informs.
    """

    what: str
    items: Sequence[str]
    limit: int | None = None

    @property
    def exceeded(self) -> bool:
        return self.limit is not None and len(self.items) > self.limit


def read_modules(folder: Path) -> list[Module]:
    """
    All Python files below *folder*, by path.
    """
    modules = []
    for path in sorted(folder.rglob("*.py")):
        relative = path.relative_to(folder).with_suffix("")
        parts = relative.parts[:-1] if relative.name == "__init__" else relative.parts
        text = path.read_text("utf-8")
        modules.append(Module(".".join(parts), path, len(text.splitlines()), ast.parse(text)))
    return modules


def class_names_defined_twice(modules: Iterable[Module]) -> list[str]:
    """
    Each class name that more than one module defines, with these modules.
    """
    homes = defaultdict(set)
    for module in modules:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef):
                homes[node.name].add(module.name)
    return _in_several(homes)


def module_names_used_twice(modules: Iterable[Module]) -> list[str]:
    """
    Each module name, packages aside, that is found in more than one folder.
    """
    homes = defaultdict(set)
    for module in modules:
        if not module.is_package:
            folder, _, name = module.name.rpartition(".")
            homes[name].add(folder)
    return _in_several(homes)


def _in_several(homes: Mapping[str, set[str]]) -> list[str]:
    return [f"{name}: {', '.join(sorted(where))}" for name, where in sorted(homes.items()) if len(where) > 1]


def files_longer_than(limit: int, modules: Iterable[Module]) -> list[str]:
    """
    The files of more than *limit* lines.
    """
    return [f"{module.file}: {module.lines}" for module in modules if module.lines > limit]


def functions_longer_than(limit: int, modules: Iterable[Module]) -> list[str]:
    """
    The functions whose bodies are longer than *limit*.
    """
    return [
        f"{module.file}:{node.lineno} {node.name}: {body_lines(node)}"
        for module in modules
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and body_lines(node) > limit
    ]


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """
    The last line's number less that of the first one after the docstring; 0 where there is none after it.
    """
    body = function.body[1:] if ast.get_docstring(function, clean=False) is not None else function.body
    return (function.end_lineno or 0) - body[0].lineno if body else 0


def imports(module: Module, known: frozenset[str]) -> set[str]:
    """
    The *known* modules that *module* imports, anywhere in it, for type checkers too.
    """
    return {name for name in _imported_names(module, known) if name in known} - {module.name}


def _imported_names(module: Module, known: frozenset[str]) -> Iterator[str]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = _source(module, node)
            for alias in node.names:
                inner = f"{source}.{alias.name}"
                yield inner if inner in known else source


def _source(module: Module, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    parts = module.name.split(".") + ["__init__"] * module.is_package
    return ".".join([*parts[: -node.level], *([node.module] if node.module else [])])


def import_circles(modules: Sequence[Module]) -> list[str]:
    """
    The first circle of imports, if there is one.
    """
    known = frozenset(module.name for module in modules)
    sorter = TopologicalSorter({module.name: imports(module, known) for module in modules})
    try:
        sorter.prepare()
    except CycleError as error:
        return [" <- ".join(error.args[1])]
    return []


def read_layers(page: str) -> dict[str, frozenset[str]]:
    """
    The rooms that each room may import, by its table: a room imports rooms of rows above its own.

    Raises:
        ValueError: If a row names a room that is not in a row above.
    """
    layers: dict[str, frozenset[str]] = {}
    for room, allowed in _ROW.findall(page):
        rooms = frozenset(filter(None, allowed.strip().split(", ")))
        if rooms - layers.keys():
            msg = (
                f"{room} may import {', '.join(sorted(rooms - layers.keys()))}; expected rooms of rows above"
            )
            raise ValueError(msg)
        layers[room] = rooms
    return layers


def imports_of_rooms(modules: Sequence[Module]) -> dict[str, dict[str, list[str]]]:
    """
    Room -> the other rooms it imports -> the imports, as `from -> to`.
    """
    by_name = {module.name: module for module in modules}
    known = frozenset(by_name)
    rooms: dict[str, dict[str, list[str]]] = {module.room: {} for module in modules}
    for module in modules:
        for name in sorted(imports(module, known)):
            room = by_name[name].room
            if room != module.room:
                rooms[module.room].setdefault(room, []).append(f"{module.name} -> {name}")
    return rooms


def upward_imports(modules: Sequence[Module], layers: Mapping[str, frozenset[str]]) -> list[str]:
    """
    The imports that *layers* does not allow.
    """
    return [
        each
        for room, imported in imports_of_rooms(modules).items()
        for other, several in imported.items()
        if other not in layers.get(room, frozenset())
        for each in several
    ]


def wheel_lines() -> Counter[str]:
    """
    Lines of Python in the wheel, by folder.
    """
    lines: Counter[str] = Counter()
    for file in WheelBuilder(str(ROOT)).recurse_included_files():
        if file.path.endswith(".py"):
            folder = str(Path(file.distribution_path).parent)
            lines[folder] += len(Path(file.path).read_text("utf-8").splitlines())
    return lines


def counts() -> list[Count]:
    """
    All that is counted, the limits of the house with it.
    """
    product, tests = read_modules(PRODUCT), read_modules(TESTS)
    addons = [module for folder in ADDONS for module in read_modules(folder)]
    wheel = wheel_lines()
    largest = [f"{folder}: {lines}" for folder, lines in wheel.most_common(LARGEST_FOLDERS)]
    return [
        Count("class names in more than one module", class_names_defined_twice(product), 11),
        Count("module names in more than one folder", module_names_used_twice(product), 9),
        Count("product files of more than 400 lines", files_longer_than(400, [*product, *addons]), 0),
        Count("test files of more than 600 lines", files_longer_than(600, tests), 0),
        Count("functions of more than 40 lines", functions_longer_than(40, [*product, *addons, *tests]), 0),
        Count("import circles", import_circles(product), 0),
        Count("upward imports", upward_imports(product, read_layers(ARCHITECTURE.read_text())), 0),
        Count(f"largest folders of the wheel, which has {wheel.total()} lines", largest),
    ]


def main() -> int:
    """
    Print the counts, each with what was counted.

    Returns:
        1 if a limit is exceeded.
    """
    answer = counts()
    for count in answer:
        allowed = "" if count.limit is None else f" (at most {count.limit})"
        mark = "TOO MANY  " if count.exceeded else ""
        print(f"{mark}{count.what}: {len(count.items)}{allowed}")
        for item in count.items:
            print(f"    {item}")
    return int(any(count.exceeded for count in answer))


if __name__ == "__main__":
    sys.exit(main())
