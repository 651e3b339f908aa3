"""
Forked processes: what belongs to the parent, and what a child begins anew.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final


class Lineage:
    """
    How often this process was forked from another since the first that loaded this module.

    A span remembers the *generation* it began in: in a later one it is the parent's, which ends and sends it.
    """

    generation: int = 0


LINEAGE: Final = Lineage()


def after_fork_in_child(function: Callable[[], None]) -> None:
    """
    Have *function* called in every forked child; nothing where processes cannot fork.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=function)


def _next_generation() -> None:
    LINEAGE.generation += 1


after_fork_in_child(_next_generation)
