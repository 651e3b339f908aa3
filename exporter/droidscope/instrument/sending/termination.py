"""
SIGTERM: what waits is sent before the process dies of it, and the handlers of others are called as before.

    default action    sends, then the process dies by the signal
    SIG_IGN           is left alone
    a handler         sending begins in the background, and the handler is called

Servers take their handlers back at their end and then die by the signal once more, after they have restored
the default action. So `signal.signal` is wrapped: whoever restores the default action gets this one.

`signal.getsignal` is wrapped, too: many a handler calls the one before it, if there is one, and must not find
what ends the process where without droidscope there is nothing to call. Who finds it all the same, in another
way, may call it: it ends the process only where it is the installed handler.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from threading import current_thread, main_thread
from typing import Any, Final

from droidscope.instrument.never_raise import warn_once

_SIGTERM: Final = signal.SIGTERM
_set_handler: Final = signal.signal
_get_handler: Final = signal.getsignal


class Termination:
    """
    Calls *finish* before the process dies by SIGTERM, or *hurry* if somebody else decides what it dies of.

    *finish* may wait for what waits to be sent, *hurry* may not.
    """

    def __init__(self, finish: Callable[[], object], hurry: Callable[[], object]) -> None:
        self._finish = finish
        self._hurry = hurry
        self._chained: Callable[[int, Any], Any] | None = None
        self._is_finishing = False

    def watch(self) -> None:
        """
        Handle SIGTERM from now on. Only the main thread can: others are warned that nothing changes.
        """
        if current_thread() is not main_thread():
            warn_once(
                "main_thread",
                "droidscope was configured outside of the main thread, and cannot handle SIGTERM: configure "
                "it in the main thread, or call droidscope.flush() before the process dies of the signal",
            )
            return
        current = _get_handler(_SIGTERM)
        if current in (self._die, self._call):
            return
        signal.signal = self._set  # type: ignore[assignment] # it is as wide, with fewer names
        signal.getsignal = self._get  # type: ignore[assignment] # likewise
        if current == signal.SIG_DFL:
            _set_handler(_SIGTERM, self._die)
        elif callable(current):  # SIG_IGN is not, and None is a handler that is not Python's
            self._chained = current
            _set_handler(_SIGTERM, self._call)

    def cease(self) -> None:
        """
        Put everything back as it was, except where somebody has changed it since.
        """
        if current_thread() is not main_thread():
            return
        if signal.signal == self._set:
            signal.signal = _set_handler
        if signal.getsignal == self._get:
            signal.getsignal = _get_handler
        current = _get_handler(_SIGTERM)
        if current in (self._die, self._call):
            _set_handler(_SIGTERM, self._theirs(current))

    def _set(self, number: int, handler: Any) -> Any:  # noqa: ANN401 - as signal.signal has it
        """
        `signal.signal`, except that this is the default action of SIGTERM, in what is given and returned.
        """
        is_default = number == _SIGTERM and handler == signal.SIG_DFL
        return self._theirs(_set_handler(number, self._die if is_default else handler))

    def _get(self, number: int) -> Any:  # noqa: ANN401 - as signal.getsignal has it
        """
        `signal.getsignal`, as it would answer without this.
        """
        return self._theirs(_get_handler(number))

    def _theirs(self, handler: Any) -> Any:  # noqa: ANN401 - as signal.signal has it
        """
        The handler that would be there without this one.
        """
        if handler == self._call:
            return self._chained
        return signal.SIG_DFL if handler == self._die else handler

    def _call(self, number: int, frame: Any) -> None:  # noqa: ANN401 - as signal.signal has it
        self._hurry()
        if self._chained is not None:
            self._chained(number, frame)

    def _die(self, number: int, _frame: object) -> None:
        if _get_handler(number) != self._die:
            self._hurry()  # another handler has called it, and decides what becomes of the process
            return
        if not self._is_finishing:  # a second signal does not wait once more
            self._is_finishing = True
            self._finish()
        _set_handler(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        # The first process of a container does not die of it; the next signal is to find things as they were.
        self._is_finishing = False
        _set_handler(number, self._die)
