"""
What wakes the thread of a sender, besides what is recorded.
"""

from __future__ import annotations

from dataclasses import dataclass

from droidscope.instrument.emission.os_threads import RealQueue


@dataclass
class SendAll:
    """
    A caller waits until everything is sent, or *deadline* (of `monotonic`) has come.
    """

    deadline: float
    is_end: bool
    done: RealQueue[bool]


class StopSending:
    """
    The thread is to end.
    """
