"""
Command line for contributors; `droidscope rules render` is the one for users.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from droidscope.rules import render
from droidscope.rules.alerts import Links

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Write the rendered files, or with `--check` print what differs and answer 1 if anything does.
    """
    options = _parser().parse_args(arguments)
    links = Links(options.runbook_url, options.grafana_url)
    files = {**render.render_prometheus(links), **render.render_alertmanager()}
    if not options.check:
        render.write(files, options.root)
        return 0
    difference = render.drift(files, options.root)
    sys.stdout.write(difference)
    return 1 if difference else 0


def _parser() -> argparse.ArgumentParser:
    defaults = Links()
    parser = argparse.ArgumentParser(prog="python -m droidscope.rules", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    parser.add_argument("--root", type=Path, default=Path(), help="root of the repository (default: here)")
    parser.add_argument("--runbook-url", default=defaults.runbooks, help="where the runbooks are published")
    parser.add_argument("--grafana-url", default=defaults.grafana, help="root of the Grafana server")
    return parser


if __name__ == "__main__":
    sys.exit(main())
