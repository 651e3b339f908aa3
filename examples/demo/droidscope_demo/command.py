"""
`droidscope demo`: parses, calls one function, and ends with its exit code.
"""

from __future__ import annotations

from typing import Any

import click


@click.command()
@click.option("--once", is_flag=True, help="End when every orchestrator has run its sessions.")
@click.option("--seconds", type=click.FloatRange(min=1), help="End after this long.")
@click.option(
    "--sessions",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="Sessions of each orchestrator, with --once.",
)
@click.option(
    "--speed",
    type=click.FloatRange(0.1, 1000),
    default=20.0,
    show_default=True,
    help="Simulated minutes a second.",
)
@click.option(
    "--seed",
    default=1,
    show_default=True,
    help="Seed of the simulation; the same seed gives the same sessions.",
)
@click.option(
    "--concurrency", type=click.IntRange(1, 100), default=3, show_default=True, help="Sessions at a time."
)
@click.option(
    "--past",
    "past_days",
    type=click.IntRange(0, 30),
    default=14,
    show_default=True,
    help="Days of past sessions to send first, so that there are baselines and trends.",
)
@click.option("--to", metavar="URL", help="Only the fleet, reporting to a running exporter's OTLP/HTTP port.")
@click.option("--no-prometheus", is_flag=True, help="Start neither Prometheus nor Alertmanager.")
def demo(*, no_prometheus: bool, **options: Any) -> None:  # noqa: ANN401 - the options of DemoOptions
    """
    Run the exporter with a simulated fleet of orchestrators, until Ctrl-C.

    In a clone of the repository, which has their configuration, Prometheus and Alertmanager run too where
    they are installed.
    Everything listens on loopback and keeps its data in the directory .demo.
    """
    from droidscope_demo.runner import DemoOptions, run_demo  # noqa: PLC0415 - --help does without it

    raise SystemExit(run_demo(DemoOptions(prometheus=not no_prometheus, **options)))
