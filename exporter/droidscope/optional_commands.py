"""
Commands of distributions beside the product: `droidscope boards` and `droidscope demo`.

Both live in the same repository and have the product's version; where one is not installed, its command
prints how to install it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Final, NamedTuple

import click

from droidscope import __version__
from droidscope.installation import folder_command, index_command

EXIT_CODE: Final = 2
"""
Exit code of a command whose distribution is not installed: that of click's usage errors.
"""


class OptionalCommand(NamedTuple):
    """
    A distribution with one command, which has the name of the extra that installs it.

    *package* is its import package, whose module `command` has the command. *folder* is where its
    source is, relative to the root of the repository.
    """

    command: str
    package: str
    folder: str
    summary: str


OPTIONAL_COMMANDS: Final = {
    optional.command: optional
    for optional in (
        OptionalCommand("boards", "droidscope_boards", "grafana/generator", "Render the Grafana dashboards."),
        OptionalCommand(
            "demo", "droidscope_demo", "examples/demo", "Run the exporter with a simulated fleet."
        ),
    )
}


def load(optional: OptionalCommand) -> click.Command:
    """
    The command of *optional*; where it cannot be imported, one that prints how to install it.
    """
    try:
        module = import_module(f"{optional.package}.command")
    except ModuleNotFoundError as error:
        return _not_installed(optional, error.name or optional.package)
    command: click.Command = getattr(module, optional.command)
    return command


def installation(optional: OptionalCommand, missing: str) -> str:
    """
    How to install *optional*, from a clone and from a package index, since the module *missing* is not there.
    """
    return (
        f"`droidscope {optional.command}` is not installed (no module {missing}); install it, in a clone of "
        "the repository at this version, with\n"
        f"    {folder_command(optional.folder)}\n"
        "or, once released, with\n"
        f"    {index_command(optional.command, __version__)}\n"
    )


def _not_installed(optional: OptionalCommand, missing: str) -> click.Command:
    # Whatever its arguments are, the answer is the same; --help among them.
    return click.Command(
        optional.command,
        callback=_printer(installation(optional, missing)),
        params=[click.Argument(["arguments"], nargs=-1, expose_value=False)],
        context_settings={"ignore_unknown_options": True, "help_option_names": []},
        short_help=f"{optional.summary} (not installed)",
    )


def _printer(text: str) -> Callable[[], None]:
    def fail() -> None:
        sys.stderr.write(f"Error: {text}")
        raise SystemExit(EXIT_CODE)

    return fail
