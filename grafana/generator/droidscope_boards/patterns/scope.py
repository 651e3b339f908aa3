"""
What the queries of the Patterns board share.
"""

from __future__ import annotations

from typing import Final

from droidscope.conventions import thresholds
from droidscope.rules.promql import Scope

SCOPE: Final = Scope(("orchestrator", "pattern"))
PATTERN: Final = ("orchestrator", "pattern")
WINDOW: Final = "$window"
SUCCESS: Final = thresholds.LOW_SUCCESS_RATE
DURATION: Final = thresholds.LONG_DURATION
QUALITY: Final = thresholds.LOW_CODE_QUALITY
