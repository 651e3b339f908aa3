"""
How a port refuses a request, whatever went wrong behind it.
"""

from __future__ import annotations

import structlog

from droidscope.conventions.reasons import Reason
from droidscope.errors import OverloadedError, RefusedError, StoreError

STORE_RETRY_SECONDS = 5.0
"""
A full or failing disk needs longer than a full queue.
"""

log = structlog.get_logger()


def refusal_of(error: Exception) -> RefusedError:
    """
    The refusal to answer with: MalformedError, OverloadedError, or a plain RefusedError for an internal
    error, whose details go to the log and not to the sender.
    """
    match error:
        case RefusedError():
            return error
        case StoreError():
            log.error("store_failed", error=str(error))
            return OverloadedError(
                Reason.STORE_FAILED, "the store does not accept requests now", STORE_RETRY_SECONDS
            )
        case TimeoutError():
            return OverloadedError(Reason.ACKNOWLEDGE_TIMEOUT, "the request was not durable in time")
        case _:
            log.error("otlp_request_failed", exc_info=error)
            return RefusedError(Reason.INTERNAL, "internal error, see the log of the exporter")
