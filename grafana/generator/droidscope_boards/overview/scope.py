"""
What the queries of the Overview share.
"""

from __future__ import annotations

from typing import Final

from droidscope.rules.promql import Scope

SCOPE: Final = Scope(("orchestrator", "pattern"))
FLEET: Final = ("orchestrator",)
