"""
What the queries of the Patterns board share.
"""

from __future__ import annotations

from typing import Final

from droidscope.rules.promql import Scope

SCOPE: Final = Scope(("orchestrator", "pattern"))
PATTERN: Final = ("orchestrator", "pattern")
WINDOW: Final = "$window"
