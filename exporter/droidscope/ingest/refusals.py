"""
What a port says of a request it does not take in, whatever went wrong behind it.
"""

from __future__ import annotations

import logging

from droidscope.conventions.reasons import Reason
from droidscope.errors import OverloadedError, RefusedError, StoreError

STORE_RETRY_SECONDS = 5.0
"""
A full or failing disk needs longer than a full queue.
"""

logger = logging.getLogger(__name__)


def refusal_of(error: Exception) -> RefusedError:
    """
    The refusal to answer with: MalformedError, OverloadedError, or a plain RefusedError for a fault
    of ours. What the sender has no business knowing goes to the log instead.
    """
    match error:
        case RefusedError():
            return error
        case StoreError():
            logger.error("the store failed: %s", error)
            return OverloadedError(Reason.STORE_FAILED, "the store takes nothing in now", STORE_RETRY_SECONDS)
        case TimeoutError():
            return OverloadedError(Reason.ACKNOWLEDGE_TIMEOUT, "the request was not durable in time")
        case _:
            logger.error("a request failed", exc_info=error)
            return RefusedError(Reason.INTERNAL, "internal error; the log of droidscope has more")
