"""
What is recorded after droidscope's own exit handler: handlers that were registered before it run after it.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Final

from droidscope.instrument.emission.forks import after_fork_in_child

if TYPE_CHECKING:
    from droidscope.instrument.sending.sender import Sender

LATE_SECONDS: Final = 5.0
"""
The longest all of it together holds up the end of the process.
"""


class LateRecords:
    """
    Sends each record at once, from `begin` on: nobody knows which is the last.

    *find* returns the sender, None while there is none.
    """

    def __init__(self, find: Callable[[], Sender | None]) -> None:
        self._find = find
        self.restart()
        after_fork_in_child(self.restart)

    def restart(self) -> None:
        """
        Wait for `begin` once more: a forked child has an end of its own.
        """
        self.has_begun = False
        self._seconds_left = LATE_SECONDS
        self._is_sending = False

    def begin(self) -> None:
        """
        From now on nothing else sends in time.
        """
        self.has_begun = True

    def send(self) -> None:
        """
        Send what waits. Once that has failed, or took too long, it goes to the spool, or is lost and logged.
        """
        sender = self._find()
        if sender is None or self._is_sending:  # sending itself may be recorded, by instrumented libraries
            return
        self._is_sending = True
        began = monotonic()
        try:
            if self._seconds_left > 0:
                before = sender.status().lost
                sender.end(self._seconds_left)
                if sender.status().lost != before:
                    self._seconds_left = 0.0
            else:
                sender.give_up()
        finally:
            self._seconds_left -= monotonic() - began
            self._is_sending = False
