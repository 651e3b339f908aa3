"""
Renders the tables of docs/configuration.md from the settings, so that no setting is missing there.

Run by `make render`, and with `--check` by `make lint`: the exit code is 1 where the page differs.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from difflib import unified_diff
from enum import StrEnum
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from annotated_types import Ge, Gt
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from droidscope.addresses import Address
from droidscope.commands import serve
from droidscope.config import ENV_PREFIX, Directory, Duration, Insecure, Listen, Settings, Size

PAGE: Final = Path(__file__).parents[1] / "docs/configuration.md"

MARK: Final = "<!-- what follows is rendered from exporter/droidscope/config.py by `make render` -->\n"
"""
The page is written by hand above this line.
"""
NESTED: Final = """
## Keys within `{setting}`

They have neither a variable nor a flag: the variable of `{setting}` holds the whole mapping.
"""

_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))
_SIZES: Final = ((1024**3, "GiB"), (1024**2, "MiB"), (1024, "KiB"))
_WORDS: Final[Mapping[Any, str]] = {
    Listen: "address",
    Insecure: "boolean, or list of settings",
    Duration: "duration",
    Size: "size",
    Directory: "path",
    Path: "path",
    bool: "boolean",
    int: "whole number",
    float: "number",
    str: "text",
}


def tables() -> str:
    """
    All settings, then the keys of those that are nested.
    """
    flags = {option.name: option.opts[0] for option in serve.params}
    hints = get_type_hints(Settings, include_extras=True)
    rows = [
        (
            f"`{name}`",
            type_name(hints[name]) + _bounds([field]),
            default_text(hints[name], field),
            f"`{ENV_PREFIX}{name.upper()}`",
            f"`{flags[name]}`" if name in flags else "",
            field.description or "",
        )
        for name, field in Settings.model_fields.items()
    ]
    text = _table(("setting", "type", "default", "variable", "flag", "what"), rows)
    for name, hint in hints.items():
        for model in _models(hint):
            text += NESTED.format(setting=name) + _table(
                ("key", "type", "default", "what"), list(_nested_rows(model))
            )
    return text


def type_name(hint: Any) -> str:
    """
    What a value of the annotation *hint* is called on the page.

    Raises:
        KeyError: If there is no word for it yet.
    """
    origin, arguments = get_origin(hint), get_args(hint)
    if hint in _WORDS:
        name = _WORDS[hint]
    elif origin in (Union, UnionType):
        name = " or ".join(type_name(argument) for argument in arguments if argument is not NoneType)
    elif origin is Annotated:
        name = type_name(arguments[0]) + _bounds(arguments[1:])
    elif origin is Literal:
        name = "one of " + ", ".join(f"`{value}`" for value in arguments)
    elif origin is list:
        name = f"list of {type_name(arguments[0])}"
    elif origin is dict:
        name = f"mapping to {type_name(arguments[1])}"
    elif issubclass(hint, BaseModel):
        name = hint.__name__.lower()
    elif issubclass(hint, StrEnum):
        name = ", ".join(f"`{member}`" for member in hint)
    else:
        raise KeyError(hint)
    return name


def default_text(hint: Any, field: FieldInfo) -> str:
    """
    The default of a setting as a user would write it; "" where the description has it.
    """
    value = field.get_default(call_default_factory=True)
    if value is None:
        return ""
    if isinstance(value, timedelta):
        return f"`{_in_units(value.total_seconds(), _UNITS)}`"
    if hint is Size:
        return f"`{_in_units(value, _SIZES)}`"
    if isinstance(value, Path):
        return f"`{value.as_posix().replace(Path.home().as_posix(), '~', 1)}`"
    if isinstance(value, Address | str):
        return f"`{value}`"
    return f"`{json.dumps(value)}`"


def _bounds(annotations: Sequence[Any]) -> str:
    for annotation in annotations:
        for bound in [annotation, *getattr(annotation, "metadata", ())]:
            if isinstance(bound, Ge):
                return f" from {bound.ge:g}"
            if isinstance(bound, Gt):
                return f" above {bound.gt:g}"
    return ""


def _in_units(value: float, units: Sequence[tuple[int, str]]) -> str:
    for size, unit in units:
        if value % size == 0:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def _models(hint: Any) -> Iterator[type[BaseModel]]:
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        yield hint
    for argument in get_args(hint):
        yield from _models(argument)


def _nested_rows(model: type[BaseModel]) -> Iterator[tuple[str, ...]]:
    hints = get_type_hints(model, include_extras=True)
    for name, field in model.model_fields.items():
        kind = type_name(hints[name]) + _bounds([field])
        yield f"`{name}`", kind, default_text(hints[name], field), field.description or ""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n" + "".join(f"| {' | '.join(cells)} |\n".replace("|  |", "| |") for cells in lines)


def main(arguments: Sequence[str]) -> int:
    """
    Write the page, or print how the committed one differs.

    Returns:
        1 if it differs and was only to be checked.
    """
    os.environ.pop("XDG_DATA_HOME", None)  # the default of the store must not be this machine's
    committed = PAGE.read_text(encoding="utf-8")
    rendered = committed.partition(MARK)[0] + MARK + tables()
    if "--check" not in arguments:
        PAGE.write_text(rendered, encoding="utf-8")
        return 0
    difference = unified_diff(
        committed.splitlines(keepends=True), rendered.splitlines(keepends=True), "committed", "rendered"
    )
    sys.stdout.writelines(difference)
    return int(rendered != committed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
