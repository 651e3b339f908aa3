"""
Runs a Python program by a clock that another process sets, in a file: frozen, or running from some time on.

    python moved_clock.py FILE -m droidscope serve ...
    python moved_clock.py FILE program.py ...

The program sees it in `time.time_ns` and `time.monotonic_ns`. `time.time` and `time.monotonic` stay the
machine's: gRPC, sockets and locks wait by them, and files have their age by them.
Nothing here knows the program, so that it fits every version.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
import time
from pathlib import Path
from typing import NamedTuple

SECOND = 1_000_000_000

_machine_ns = time.monotonic_ns


class Reading(NamedTuple):
    """
    Unix time and a monotonic time, both in nanoseconds.
    """

    wall_ns: int
    monotonic_ns: int

    def after(self, elapsed_ns: int) -> Reading:
        """
        The reading *elapsed_ns* later.
        """
        return Reading(self.wall_ns + elapsed_ns, self.monotonic_ns + elapsed_ns)


class MovedClock:
    """
    The clock that *file* holds.
    """

    def __init__(self, file: Path) -> None:
        self.file = file

    def freeze(self, at: Reading) -> None:
        """
        Stand still.
        """
        self._write([*at, None])

    def run(self, since: Reading) -> None:
        """
        Go on from there as fast as the machine's clock.
        """
        self._write([*since, _machine_ns()])

    def advance(self, seconds: float) -> None:
        """
        Jump ahead, and then stand or go as before.
        """
        (self.run if self._read()[2] else self.freeze)(self.now().after(round(seconds * SECOND)))

    def now(self) -> Reading:
        """
        What it shows.
        """
        wall_ns, monotonic_ns, since_ns = self._read()
        return Reading(wall_ns, monotonic_ns).after(_machine_ns() - since_ns if since_ns else 0)

    def _read(self) -> list[int]:
        return json.loads(self.file.read_text())

    def _write(self, content: list[int | None]) -> None:
        new = self.file.with_suffix(".new")
        new.write_text(json.dumps(content))
        new.replace(self.file)


def main() -> None:
    """
    Have this process read the clock, and run the program that the arguments name.
    """
    clock = MovedClock(Path(sys.argv[1]))
    time.time_ns = lambda: clock.now().wall_ns
    time.monotonic_ns = lambda: clock.now().monotonic_ns
    sys.path[0] = os.getcwd()  # noqa: PTH109 - as for any program; not the folder of this one
    is_module = sys.argv[2] == "-m"
    sys.argv = sys.argv[3 if is_module else 2 :]
    if is_module:
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
