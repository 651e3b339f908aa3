"""
What `make house` counts is what is there.
"""

from __future__ import annotations

import textwrap

import pytest

import house


@pytest.fixture
def modules(tmp_path):
    """
    Reads a tree of files, given as path -> text.
    """

    def read(files):
        for name, text in files.items():
            path = tmp_path / f"{name}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))
        return house.read_modules(tmp_path)

    return read


def test_a_class_name_counts_once_however_many_modules_define_it(modules):
    """
    A name that one module defines twice is no second meaning for a reader of imports.
    """
    tree = modules(
        {
            "p/a": "class Span: ...\nclass Tree:\n    class Span: ...\n",
            "p/b": "class Span: ...\n",
            "p/c": "class Own: ...\n",
        }
    )

    assert house.class_names_defined_twice(tree) == ["Span: p.a, p.b"]


def test_packages_are_no_modules_of_the_same_name(modules):
    """
    Every folder has its __init__.
    """
    tree = modules(dict.fromkeys(("p/x/__init__", "p/y/__init__", "p/x/parts", "p/y/parts"), ""))

    assert house.module_names_used_twice(tree) == ["parts: p.x, p.y"]


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        ("'''\n    Says\n    much.\n    '''", 0),
        ("'''\n    Says much.\n    '''\n    a = 1\n    return a", 1),
        ("return (\n        1,\n        2,\n    )", 3),
    ],
)
def test_a_function_is_as_long_as_its_statements(modules, body, lines):
    """
    From the first after the docstring to the end of the last.
    """
    tree = modules({"p/a": f"async def work():\n    {body}\n"})

    assert house.functions_longer_than(lines, tree) == []
    assert [item.rpartition(": ")[2] for item in house.functions_longer_than(lines - 1, tree)] == [str(lines)]


def test_long_files_are_named(modules):
    """
    A file of as many lines as are allowed is not.
    """
    tree = modules({"p/a": "1\n" * 3, "p/b": "1\n" * 4})

    assert [item[-7:] for item in house.files_longer_than(3, tree)] == ["b.py: 4"]


def test_a_circle_is_found_whatever_the_form_of_its_imports(modules):
    """
    Absolute, relative, of a package, in a function or for type checkers alone.
    """
    files = {"p/__init__": "", "p/a": "from p import b\n", "p/b": "import p.c\n", "p/c": "import os\n"}
    straight = modules(files)
    circular = modules({"p/c": "def late():\n    from .a import x\n"})

    assert house.import_circles(straight) == []
    (found,) = house.import_circles(circular)
    assert set(found.split(" <- ")) == {"p.a", "p.b", "p.c"}


def test_an_import_that_the_table_does_not_allow_is_named(modules):
    """
    A room may import itself, and a room that the table does not know may import nothing else.
    """
    tree = modules(
        {
            "p/low/a": "from p.low import b\nfrom p.top import page\n",
            "p/low/b": "",
            "p/top/page": "from p.low.a import x\n",
            "p/cli": "import p.top.page\n",
        }
    )
    layers = {"low": frozenset(), "top": frozenset({"low"})}

    assert house.upward_imports(tree, layers) == ["p.cli -> p.top.page", "p.low.a -> p.top.page"]


def test_the_house_is_within_its_limits():
    """
    Names defined twice, sizes of files and functions, circles: what `make house` prints.
    """
    exceeded = {count.what: list(count.items) for count in house.counts() if count.exceeded}

    assert exceeded == {}


def test_the_wheel_holds_the_product_alone():
    """
    No test, no benchmark and no rendered file is in it.
    """
    assert all(folder.split("/")[0] == "droidscope" for folder in house.wheel_lines())


class TestLayers:
    """
    The table of ARCHITECTURE.md is what the code does.
    """

    def test_each_room_imports_what_its_row_says(self):
        """
        Neither more, which would be an import upwards, nor less, which would be a stale row.
        """
        layers = house.read_layers(house.ARCHITECTURE.read_text())
        rooms = house.imports_of_rooms(house.read_modules(house.PRODUCT))

        assert {room: sorted(imported) for room, imported in rooms.items()} == {
            room: sorted(allowed) for room, allowed in layers.items()
        }

    def test_a_row_names_rooms_above_it(self):
        """
        So there is no circle of rooms.
        """
        with pytest.raises(ValueError, match=r"^head may import web; expected rooms of rows above$"):
            house.read_layers("| `head` | in memory | web |\n| `web` | pages | head |\n")
