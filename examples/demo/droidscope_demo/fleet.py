"""
One orchestrator of the simulated fleet as a process of its own, since `service.name` belongs to a process.

    python -m droidscope_demo.fleet --service atlas --seed 1

It sends OTLP where the standard OTEL_* variables say. On SIGTERM or SIGINT it starts no more
sessions, finishes the open ones at once, sends what is left and ends.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import droidscope as ds
from droidscope_demo import world
from droidscope_demo.orchestrator import Clock, Orchestrator
from droidscope_demo.truth import Truth

if TYPE_CHECKING:
    from collections.abc import Sequence

SECONDS_PER_MINUTE: Final = 0.05
"""
Real seconds a simulated minute, by default.
"""

FLUSH_SECONDS: Final = 10.0


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run one orchestrator until its sessions are done or it is stopped.

    Returns:
        The exit code: 1 if sending what was left took longer than `FLUSH_SECONDS`, else 0. Whether an
        exporter that was down has lost some is not in the SDK's answer but in its log.
    """
    options = _parser().parse_args(arguments)
    truth = Truth(options.service)
    ds.configure(service_name=options.service)
    asyncio.run(_run(options, truth))
    sent = ds.shutdown(FLUSH_SECONDS)
    if options.truth:
        truth.write(options.truth)
    if not sent:
        sys.stderr.write(f"{options.service}: ended before all telemetry was sent\n")
    return 0 if sent else 1


async def _run(options: argparse.Namespace, truth: Truth) -> None:
    clock = Clock(options.seconds_per_minute)
    orchestrator = Orchestrator(f"{options.seed}/{options.service}", clock, truth)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, orchestrator.stop)
    numbers = itertools.count() if options.sessions is None else range(options.sessions)
    await orchestrator.run(numbers, options.concurrency)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m droidscope_demo.fleet", description=__doc__)
    parser.add_argument("--service", required=True, help="name of the orchestrator")
    parser.add_argument("--seed", default="1", help="what makes its sessions the same in each run")
    parser.add_argument("--sessions", type=int, help="end after so many (default: when stopped)")
    parser.add_argument(
        "--concurrency", type=int, default=world.MAX_CONCURRENT_PHASES, help="sessions at a time"
    )
    parser.add_argument(
        "--seconds-per-minute", type=float, default=SECONDS_PER_MINUTE, help="pace of the simulated time"
    )
    parser.add_argument("--truth", type=Path, help="file for what really happened, written at the end")
    return parser


if __name__ == "__main__":
    sys.exit(main())
