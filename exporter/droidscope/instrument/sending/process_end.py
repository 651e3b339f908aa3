"""
The end of the process, however it comes: nothing that waits is lost if the receiver answers in time.

    atexit             the ordinary end, also of children started by spawn
    multiprocessing    its finalizers, for children of a fork server, which end by os._exit
    os._exit           wrapped in forked children alone: workers of pools and queues end by it
    SIGTERM            see `termination`

SIGKILL cannot be helped: sessions that had begun show as lost.
"""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final, NoReturn

from droidscope.instrument.emission.forks import after_fork_in_child
from droidscope.instrument.never_raise import never_raise
from droidscope.instrument.sending.termination import Termination

EXIT_SECONDS: Final = 5.0
"""
The longest the end of the process waits for what is still to be sent.
"""

_PRIORITY: Final = 1_000
"""
Among multiprocessing's finalizers: before those that end its own queues and managers.
"""

_FORKED_WITHOUT_EXEC: Final = 0x40
"""
PF_FORKNOEXEC of Linux' flags of a process.
"""
_FLAGS_FIELD: Final = 6
"""
Where the flags are in /proc/self/stat, counted behind the name of the program.
"""


class ProcessEnd:
    """
    Calls *end* with the seconds it may take once this process ends, or a forked child of it.

    *hurry* is called where the process may end soon, and must not wait. Nothing happens before `watch`.
    """

    def __init__(self, end: Callable[[float], object], hurry: Callable[[], object]) -> None:
        self._end = never_raise(end)
        self._is_watching = False
        self._termination = Termination(self._finish, never_raise(hurry))
        self._real_exit: Callable[[int], NoReturn] | None = None
        after_fork_in_child(self._watch_child)

    def watch(self) -> None:
        """
        Watch for the end of this process and of its forked children.
        """
        self._is_watching = True
        atexit.unregister(self._finish)
        atexit.register(self._finish)
        self._termination.watch()
        self._watch_multiprocessing()
        if _is_forked():
            self._wrap_exit()

    def cease(self) -> None:
        """
        Watch no more.
        """
        self._is_watching = False
        atexit.unregister(self._finish)
        self._termination.cease()

    def _finish(self) -> None:
        if self._is_watching:
            self._end(EXIT_SECONDS)

    def _watch_multiprocessing(self) -> None:
        process = sys.modules.get("multiprocessing.process")
        if process is None or process.parent_process() is None:
            return
        from multiprocessing.util import Finalize  # noqa: PLC0415 - only its children have need of it

        Finalize(None, self._finish, exitpriority=_PRIORITY)

    def _watch_child(self) -> None:
        if self._is_watching:
            self._wrap_exit()

    def _wrap_exit(self) -> None:
        """
        Wrap os._exit in this forked child: at its end nothing else may run.
        """
        if self._real_exit is None:
            self._real_exit = os._exit
            os._exit = self._finish_and_exit

    def _finish_and_exit(self, status: int) -> NoReturn:
        try:
            self._finish()
        finally:
            if self._real_exit is not None:
                self._real_exit(status)
        raise SystemExit(status)  # never reached


def _is_forked() -> bool:
    """
    Whether this process was forked and runs its parent's program; False where the system does not say so.
    """
    try:
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        return bool(int(fields[_FLAGS_FIELD]) & _FORKED_WITHOUT_EXEC)
    except (OSError, ValueError, IndexError):
        return False
