"""
The demo's child processes: started apart from the terminal, watched, stopped in order.
"""

from __future__ import annotations

import subprocess
import time
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING, Final

from droidscope.errors import DroidscopeError
from droidscope_demo.servers import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

POLL_SECONDS: Final = 0.1
TAIL_LINES: Final = 15


class DemoError(DroidscopeError):
    """
    The demo cannot go on; the message names the part of it that failed, with its last output.
    """


class Child:
    """
    A running child process; its output goes to *log*.
    """

    def __init__(self, name: str, command: Sequence[str], log: Path, env: Mapping[str, str]) -> None:
        self.name = name
        self._log = log
        with log.open("wb") as output:
            # In a session of its own, so that a Ctrl-C reaches the demo alone and it can stop its
            # children in order.
            self._process = subprocess.Popen(  # noqa: S603 - a fixed command line
                command,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def exit_code(self) -> int | None:
        """
        None while it runs.
        """
        return self._process.poll()

    def tail(self) -> str:
        """
        Its last lines of output.
        """
        lines = self._log.read_text(errors="replace").splitlines()
        return "\n".join(lines[-TAIL_LINES:])

    def request_stop(self) -> None:
        """
        Ask it to end; returns at once.
        """
        if self.exit_code is None:
            self._process.terminate()

    def wait(self, grace_seconds: float) -> None:
        """
        Wait for its end, and force it after *grace_seconds*.
        """
        try:
            self._process.wait(grace_seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def died(self) -> DemoError:
        """
        The error that reports its early end.
        """
        return DemoError(
            f"{self.name} ended with exit code {self.exit_code}; its last output:\n{self.tail()}"
        )


def stop_all(children: Iterable[Child], grace_seconds: float) -> None:
    """
    Stop *children* at the same time and wait for them all.
    """
    children = list(children)
    for child in children:
        child.request_stop()
    for child in children:
        child.wait(grace_seconds)


def await_ready(
    child: Child, port: int, path: str, patience_seconds: float, stopping: Callable[[], bool]
) -> None:
    """
    Wait until *child* answers 200 at *path*, or *stopping*.

    Raises:
        DemoError: If it ends before that, or is not ready after *patience_seconds*.
    """
    limit = time.monotonic() + patience_seconds
    while not stopping() and fetch(port, path) is None:
        if child.exit_code is not None:
            raise child.died()
        if time.monotonic() > limit:
            raise DemoError(f"{child.name} is not ready after {patience_seconds:g} s:\n{child.tail()}")
        time.sleep(POLL_SECONDS)


def fetch(port: int, path: str) -> str | None:
    """
    Body of a local GET, or None without a 200.
    """
    connection = HTTPConnection(LOOPBACK, port, timeout=2)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read().decode()
    except (OSError, HTTPException):
        return None
    finally:
        connection.close()
    return body if response.status == 200 else None  # noqa: PLR2004 - HTTP's own number
