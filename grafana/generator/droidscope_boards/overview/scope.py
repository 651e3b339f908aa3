"""
What the queries of the Overview share.
"""

from __future__ import annotations

from typing import Final

from droidscope.conventions import thresholds
from droidscope.rules.promql import Scope

SCOPE: Final = Scope(("orchestrator", "pattern"))
FLEET: Final = ("orchestrator",)
SUCCESS: Final = thresholds.LOW_SUCCESS_RATE
