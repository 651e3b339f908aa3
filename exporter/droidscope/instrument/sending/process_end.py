"""
The end of the process, however it comes: nothing that waits is lost if the receiver answers in time.

    atexit                the ordinary end, also of children started by spawn
    multiprocessing       its finalizers, for children of a fork server, which end by os._exit
    os._exit, os.exec*    wrapped, see `sudden_ends`: workers of pools and queues end by the first
    SIGTERM               see `termination`

SIGKILL cannot be helped: sessions that had begun show as lost.
"""

from __future__ import annotations

import atexit
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from droidscope.instrument.never_raise import never_raise
from droidscope.instrument.sending.sudden_ends import SUDDEN_SECONDS, SuddenEnds
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

    *hurry* is called where the process may end soon, and must not wait. *is_idle* is whether nothing was
    recorded. *is_over* is called last, where other exit handlers may go on. Nothing happens before `watch`.
    """

    def __init__(
        self,
        end: Callable[[float], object],
        hurry: Callable[[], object],
        is_idle: Callable[[], bool],
        is_over: Callable[[], object] = lambda: None,
    ) -> None:
        self._end = never_raise(end)
        self._is_idle = is_idle
        self._is_over = never_raise(is_over)
        self._is_watching = False
        self._termination = Termination(self._finish, never_raise(hurry))
        self._sudden = SuddenEnds(self._end, self._sudden_seconds)

    def watch(self) -> None:
        """
        Watch for the end of this process and of its forked children.
        """
        self._is_watching = True
        atexit.unregister(self._finish_at_exit)
        atexit.register(self._finish_at_exit)
        self._termination.watch()
        self._watch_multiprocessing()
        self._sudden.watch()

    def cease(self) -> None:
        """
        Watch no more.
        """
        self._is_watching = False
        atexit.unregister(self._finish_at_exit)
        self._termination.cease()
        self._sudden.cease()

    def _finish(self) -> None:
        if self._is_watching:
            self._end(EXIT_SECONDS)

    def _finish_at_exit(self) -> None:
        self._finish()
        if self._is_watching:
            self._is_over()

    def _watch_multiprocessing(self) -> None:
        process = sys.modules.get("multiprocessing.process")
        if process is None or process.parent_process() is None:
            return
        from multiprocessing.util import Finalize  # noqa: PLC0415 - only its children have need of it

        Finalize(None, self._finish, exitpriority=_PRIORITY)

    def _sudden_seconds(self) -> float | None:
        if not self._is_watching or self._is_idle():
            return None
        return EXIT_SECONDS if _is_forked() else SUDDEN_SECONDS


def _is_forked() -> bool:
    """
    Whether this process was forked and runs its parent's program; False where the system does not say so.
    """
    try:
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        return bool(int(fields[_FLAGS_FIELD]) & _FORKED_WITHOUT_EXEC)
    except (OSError, ValueError, IndexError):
        return False
