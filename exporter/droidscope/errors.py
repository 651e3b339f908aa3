"""
Everything droidscope raises on purpose.

    DroidscopeError
    ├── ConfigError          a setting is missing, unknown or out of range
    ├── MissingExtraError    an optional dependency is not installed (also an ImportError)
    ├── RefusedError         a request is refused; carries how to answer it
    │   ├── MalformedError   it can never succeed: do not retry
    │   └── OverloadedError  it may succeed later: retry after a delay
    ├── ReplayError          a recording cannot be read, or its target does not accept it
    └── StoreError           the store cannot be opened, read or written
"""

from __future__ import annotations

from droidscope.conventions.reasons import Reason
from droidscope.installation import clone_command, index_command


class DroidscopeError(Exception):
    """
    Base of all errors droidscope raises on purpose.
    """


class ConfigError(DroidscopeError):
    """
    A setting is missing, unknown or out of range; the message names key, value and expectation.
    """


class MissingExtraError(DroidscopeError, ImportError):
    """
    An optional dependency is not installed; the message ends with the commands that install it.
    """

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(
            f"{feature} needs more than the base package: in a clone of the repository "
            f"{clone_command(extra)}, or once released {index_command(extra)}"
        )


class RefusedError(DroidscopeError):
    """
    A request is refused as a whole and nothing of it is kept.

    *reason* becomes a label of `droidscope_rejected_total`.
    """

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class MalformedError(RefusedError):
    """
    The request can never succeed; the sender must not retry it.
    """


class OverloadedError(RefusedError):
    """
    The request may succeed later; the sender should retry after *retry_after_seconds*.
    """

    def __init__(self, reason: Reason, message: str, retry_after_seconds: float = 1.0) -> None:
        super().__init__(reason, message)
        self.retry_after_seconds = retry_after_seconds


class ReplayError(DroidscopeError):
    """
    A recording cannot be read, or its target does not accept it; the message names file and request.
    """


class StoreError(DroidscopeError):
    """
    The store cannot be opened, read or written.
    """
