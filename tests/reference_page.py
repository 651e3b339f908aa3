"""
Renders docs/reference.md from the docstrings of the public names, so that none is missing there.

Run by `make render`, and with `--check` by `make lint`: the exit code is 1 where the page differs.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from difflib import unified_diff
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, get_overloads

import droidscope
from droidscope import testing

PAGE: Final = Path(__file__).parents[1] / "docs/reference.md"
MARK: Final = "<!-- what follows is rendered from the docstrings by `make render` -->\n"
"""
The page is written by hand above this line.
"""
WIDTH: Final = 90
"""
A longer signature has a parameter on each line.
"""
SECTION: Final = re.compile(r"^(Args|Raises|Returns|Yields):$", re.MULTILINE)
TITLES: Final = {"Args": "Arguments", "Raises": "Errors", "Returns": "Returns", "Yields": "Yields"}
ENTRY: Final = re.compile(r"^    (\*{0,2}\w+): ?", re.MULTILINE)
SENTENCE_END: Final = re.compile(
    r"((?<!e\.g)(?<!i\.e)(?<!etc)(?<!vs)[.!?][)\"'*_`]{0,3}) +(?=[A-Z`*\[\"(]|droidscope\b)"
)
UNPACKED: Final = re.compile(r"Unpack\[(?:\w+\.)*(\w+)\]")


def page() -> str:
    """
    Functions, classes and errors of `droidscope`, then those of `droidscope.testing`.
    """
    values = {name: getattr(droidscope, name) for name in droidscope.__all__ if not name.startswith("__")}
    errors = {name: value for name, value in values.items() if _is_error(value)}
    classes = {name: value for name, value in values.items() if inspect.isclass(value) and name not in errors}
    functions = {name: value for name, value in values.items() if name not in errors | classes}
    tests = {name: getattr(testing, name) for name in testing.__all__}
    return (
        _chapter("Functions", "ds.", functions)
        + _chapter("Classes", "ds.", classes)
        + _chapter("Errors", "ds.", errors)
        + _chapter("droidscope.testing", "", tests)
    )


def _is_error(value: object) -> bool:
    return inspect.isclass(value) and issubclass(value, Exception)


def _chapter(title: str, prefix: str, values: dict[str, Any]) -> str:
    return f"\n## {title}\n" + "".join(
        _class(name, value) if inspect.isclass(value) else _function(name, prefix, value)
        for name, value in sorted(values.items())
    )


def _function(name: str, prefix: str, function: Callable[..., Any]) -> str:
    signatures = [f"{prefix}{name}{signature(one)}" for one in get_overloads(function) or [function]]
    return f"\n### {name}\n\n" + _code(signatures) + prose(inspect.getdoc(function) or "")


def _class(name: str, value: type) -> str:
    text = f"\n### {name}\n\n" + prose(inspect.getdoc(value) or "")
    if not _is_error(value):
        text += "".join(_attribute(*found) for found in documented_attributes(value))
        text += "".join(_member(member, found) for member, found in _members(value))
    return text


def documented_attributes(value: type) -> list[tuple[str, str, str]]:
    """
    The public class attributes that have a docstring below them: name, what follows it, docstring.
    """
    found = {}
    for home in reversed(value.__mro__):
        if home.__module__.startswith("droidscope"):
            (tree,) = ast.parse(textwrap.dedent(inspect.getsource(home))).body
            for node, below in pairwise(tree.body):
                if isinstance(node, ast.AnnAssign) and isinstance(below, ast.Expr):
                    name, _, rest = ast.unparse(node).partition(":")
                    found[name] = (name, rest, inspect.cleandoc(ast.literal_eval(below.value)))
    return [found[name] for name in sorted(found) if not name.startswith("_")]


def _attribute(name: str, rest: str, docstring: str) -> str:
    return f"\n#### `.{name}`:{rest}\n\n" + prose(docstring)


def _members(value: type) -> Iterator[tuple[str, Any]]:
    """
    The public methods and properties, inherited ones too, as far as they are droidscope's.
    """
    for name in sorted(dir(value)):
        home = next(base for base in value.__mro__ if name in vars(base) or base is object)
        if not name.startswith("_") and home.__module__.startswith("droidscope"):
            found = inspect.getattr_static(value, name)
            if isinstance(found, property) or callable(getattr(value, name)):
                yield name, found


def _member(name: str, found: Any) -> str:
    if isinstance(found, property):
        returned = _annotation(found.fget.__annotations__.get("return", ""))
        heading = f"`.{name}`: {returned}" if returned else f"`.{name}`"
        return f"\n#### {heading}\n\n" + prose(inspect.getdoc(found) or "")
    function = found.__func__ if isinstance(found, staticmethod | classmethod) else found
    signatures = [f".{name}{signature(one, bound=True)}" for one in get_overloads(function) or [function]]
    return f"\n#### `.{name}`\n\n" + _code(signatures) + prose(inspect.getdoc(found) or "")


def _code(signatures: Sequence[str]) -> str:
    return "```text\n" + "\n".join(signatures) + "\n```\n\n"


def signature(function: Callable[..., Any], *, bound: bool = False) -> str:
    """
    The parameters of *function* with their types and defaults, and what it returns; *bound* without `self`.
    """
    found = inspect.signature(function)
    parameters = list(found.parameters.values())[int(bound) :]
    parts, keywords_only = [], False
    for index, one in enumerate(parameters):
        if one.kind is one.KEYWORD_ONLY and not keywords_only:
            keywords_only = True
            parts.append("*")
        parts.extend(_parameter(one, function))
        after = parameters[index + 1].kind if index + 1 < len(parameters) else None
        if one.kind is one.POSITIONAL_ONLY and after is not one.POSITIONAL_ONLY:
            parts.append("/")
        keywords_only = keywords_only or one.kind is one.VAR_POSITIONAL
    returned = _annotation(found.return_annotation)
    end = f" -> {returned}" if returned else ""
    line = f"({', '.join(parts)}){end}"
    return line if len(line) <= WIDTH else "(\n" + "".join(f"    {part},\n" for part in parts) + f"){end}"


def _parameter(one: inspect.Parameter, function: Callable[..., Any]) -> Iterator[str]:
    """
    One parameter; of keywords that are typed by a `TypedDict`, each of them.
    """
    annotation = _annotation(one.annotation)
    if unpacked := UNPACKED.fullmatch(annotation):
        fields = _typed_dict(function, unpacked[1])
        yield "*"
        yield from (f"{name}: {_annotation(kind)} = ..." for name, kind in fields.items())
        return
    mark = {one.VAR_POSITIONAL: "*", one.VAR_KEYWORD: "**"}.get(one.kind, "")
    typed = f"{mark}{one.name}: {annotation}" if annotation else f"{mark}{one.name}"
    if one.default is one.empty:
        yield typed
    else:
        yield f"{typed} = {one.default!r}" if annotation else f"{typed}={one.default!r}"


def _typed_dict(function: Callable[..., Any], name: str) -> dict[str, Any]:
    known = inspect.unwrap(function).__globals__
    homes = [known, *(vars(value) for value in known.values() if inspect.ismodule(value))]
    (kind, *_) = (home[name] for home in homes if name in home)
    return dict(kind.__annotations__)


def _annotation(annotation: Any) -> str:
    """
    As it is written in the source, without the names of modules.
    """
    if annotation is inspect.Parameter.empty:
        return ""
    text = getattr(annotation, "__forward_arg__", annotation)
    text = text if isinstance(text, str) else inspect.formatannotation(annotation)
    return re.sub(r"\b[a-z_]\w*\.(?=\w)", "", text)


def prose(docstring: str) -> str:
    """
    A docstring as Markdown: a sentence a line, and its sections as lists.
    """
    first, *rest = SECTION.split(docstring)
    text = "".join(_paragraphs(first))
    for title, body in zip(rest[::2], rest[1::2], strict=True):
        text += f"{TITLES[title]}:\n\n" + "".join(_entries(body)) + "\n"
    return text.rstrip("\n") + "\n"


def _paragraphs(text: str) -> Iterator[str]:
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        if block.startswith("    "):
            yield f"```text\n{inspect.cleandoc(block)}\n```\n\n"
        elif block.strip():
            items = re.split(r"\n(?=- )", block.strip())
            yield "".join(_sentences(item) for item in items) + "\n"


def _entries(body: str) -> Iterator[str]:
    _, *entries = ENTRY.split(body.rstrip())
    if not entries:
        yield from _paragraphs(inspect.cleandoc(body))
    for name, text in zip(entries[::2], entries[1::2], strict=True):
        yield _sentences(f"- `{name}`: {text}")


def _sentences(text: str) -> str:
    """
    One sentence a line; those of a list item are indented.
    """
    line = re.sub(r"\s+", " ", text.strip())
    between = "\n  " if line.startswith("- ") else "\n"
    return SENTENCE_END.sub(rf"\1{between}", line) + "\n"


def main(arguments: Sequence[str]) -> int:
    """
    Write the page, or print how the committed one differs.

    Returns:
        1 if it differs and was only to be checked.
    """
    committed = PAGE.read_text(encoding="utf-8")
    rendered = committed.partition(MARK)[0] + MARK + page()
    if "--check" not in arguments:
        PAGE.write_text(rendered, encoding="utf-8")
        return 0
    lines = (committed.splitlines(keepends=True), rendered.splitlines(keepends=True))
    sys.stdout.writelines(unified_diff(*lines, "committed", "rendered"))
    return int(rendered != committed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
