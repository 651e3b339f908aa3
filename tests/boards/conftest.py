"""
The committed boards, one after the other.
"""

from __future__ import annotations

from typing import Any

import pytest

from rendered import boards


@pytest.fixture(params=sorted(boards()))
def board(request: pytest.FixtureRequest) -> dict[str, Any]:
    """
    One committed board as parsed JSON.
    """
    return boards()[request.param]
