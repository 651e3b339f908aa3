"""
What a sender is at, for people and programs that look.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class SignalStatus:
    """
    One signal: its *endpoint*, and the latest answer as a word and a text, "none yet" before the first.

    *answered_at* is in Unix seconds, None before the first answer.
    """

    endpoint: str
    protocol: str
    kind: str
    text: str
    answered_at: float | None


@dataclass(frozen=True)
class SenderStatus:
    """
    What a sender is at: each signal by name, how many items wait, and how many are lost by reason.
    """

    signals: Mapping[str, SignalStatus]
    waiting: int
    lost: Mapping[str, int]
