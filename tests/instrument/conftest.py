"""
Fixtures of the instrumentation's tests.
"""

import pytest

from droidscope.instrument import instrumented_span, never_raise
from droidscope.instrument.pauses import overlapping_time
from droidscope.testing import capture


@pytest.fixture
def seen():
    """
    What is emitted during the test.
    """
    with capture() as captured:
        yield captured


@pytest.fixture(autouse=True)
def _nothing_logged_yet():
    """
    Each test gets every warning.
    """
    never_raise.forget_warnings()


@pytest.fixture
def clock(monkeypatch):
    """
    Seconds of the monotonic clock of activities, set by hand.
    """

    class Clock:
        seconds = 0.0

    for module in (instrumented_span, overlapping_time):
        monkeypatch.setattr(module, "perf_counter_ns", lambda: int(Clock.seconds * 1e9))
    return Clock
