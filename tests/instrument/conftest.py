"""
Fixtures of the instrumentation's tests.
"""

import pytest

from droidscope.instrument import guard
from droidscope.testing import capture


@pytest.fixture
def seen():
    """
    What is emitted during the test.
    """
    with capture() as captured:
        yield captured


@pytest.fixture(autouse=True)
def _nothing_said_yet():
    """
    Each test hears every warning.
    """
    guard._said.clear()
