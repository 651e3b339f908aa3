"""
Loops of tenacity and stamina, whose `with attempt:` keeps the exception of a try to itself.

A `droidscope.attempt` around it does not see that the try failed; inside of it, it does.
"""

from __future__ import annotations

import sys
from time import monotonic, perf_counter_ns
from types import FrameType
from typing import Any

from droidscope.instrument.never_raise import never_raise, warn_once
from droidscope.units import SECOND_NS


def may_keep_exceptions() -> bool:
    """
    Whether tenacity, which stamina is built on, is in use in this process.
    """
    return "tenacity" in sys.modules


@never_raise
def warn_of_kept_exception(block: FrameType, started_ns: int) -> None:
    """
    Warn if a try that began after *started_ns* failed within *block*, which saw no exception.
    """
    elapsed_seconds = (perf_counter_ns() - started_ns) / SECOND_NS
    manager = sys.modules["tenacity"].AttemptManager
    for value in list(block.f_locals.values()):
        attempt = (
            getattr(value, "_t_attempt", None) if type(value).__module__.startswith("stamina") else value
        )
        if isinstance(attempt, manager) and _has_just_failed(attempt, elapsed_seconds):
            warn_once(
                "attempt:kept",
                "an attempt counts as succeeded although its try failed: the `with` of the retrying loop "
                "keeps the exception; put droidscope.attempt inside of that `with`",
            )


def _has_just_failed(attempt: Any, elapsed_seconds: float) -> bool:  # noqa: ANN401 - tenacity may be missing
    outcome, ended = attempt.retry_state.outcome, attempt.retry_state.outcome_timestamp
    return outcome is not None and outcome.failed and monotonic() - ended <= elapsed_seconds
