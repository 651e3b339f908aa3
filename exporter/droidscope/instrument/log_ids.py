"""
The ids of the session and task around a log message, on its record.
"""

from __future__ import annotations

import logging
from typing import Final

from droidscope.conventions import attributes as names
from droidscope.instrument.baggage import current_baggage
from droidscope.instrument.never_raise import never_raise

_ATTRIBUTES: Final = {
    "session_id": names.SESSION_ID,
    "pattern": names.PATTERN_ID,
    "phase_id": names.PHASE_ID,
    "task_id": names.TASK_ID,
    "droid": names.AGENT_NAME,
}


class IdFilter(logging.Filter):
    """
    Sets `session_id`, `pattern`, `phase_id`, `task_id` and `droid` on every log record, "" where absent.

    It lets every record pass, and leaves alone what a record has already. Add it to a handler, then it
    sees the records of all loggers: `handler.addFilter(ds.IdFilter())`, with a format such as
    `%(levelname)s [%(session_id)s %(task_id)s] %(message)s`.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """
        Add the ids; True.
        """
        for name, value in self.ids().items():
            record.__dict__.setdefault(name, value)
        return True

    @staticmethod
    def ids() -> dict[str, str]:
        """
        The ids of here and now, by those names, for other logging libraries; each "" outside of it.
        """
        return _ids() or dict.fromkeys(_ATTRIBUTES, "")


@never_raise
def _ids() -> dict[str, str]:
    baggage = current_baggage()
    return {name: str(baggage.get(attribute, "")) for name, attribute in _ATTRIBUTES.items()}
