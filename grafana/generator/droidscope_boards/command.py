"""
`droidscope boards render`, and `python -m droidscope_boards` for the same.
"""

from __future__ import annotations

from pathlib import Path

import click

from droidscope.limits import overrides
from droidscope.rules.render import drift, write
from droidscope_boards.dashboards import render_dashboards


@click.group()
def boards() -> None:
    """
    Grafana dashboards.
    """


@boards.command()
@click.option("--check", is_flag=True, help="Compare instead of writing; exit code 1 if anything differs.")
@click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="Folder that has or gets grafana/dashboards/ [here].",
)
@click.option(
    "--thresholds",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="YAML file of other limits, as for `rules render` (docs/alerts.md).",
)
def render(*, check: bool, root: Path, thresholds: Path | None) -> None:
    """
    Write grafana/dashboards/ from the metric catalogue and the thresholds.
    """
    files = render_dashboards(overrides.load(thresholds) if thresholds else None)
    if not check:
        write(files, root)
        return
    difference = drift(files, root)
    click.echo(difference, nl=False)
    if difference:
        raise SystemExit(1)
