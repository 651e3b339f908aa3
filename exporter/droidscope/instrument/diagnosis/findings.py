"""
What a check has found.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FindingSeverity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Finding:
    """
    One thing that is not as it should be.

    *name* is a word that stays the same, such as `not_configured`. *severity* is `error` where nothing
    arrives, `warning` where some of it is missing or wrong, `note` for what explains a surprise. *problem* is
    what is wrong and *action* what to do, a sentence each.
    """

    name: str
    severity: FindingSeverity
    problem: str
    action: str

    def __str__(self) -> str:
        return f"{self.severity} {self.name}: {self.problem} {self.action}"


def error(name: str, problem: str, action: str) -> Finding:
    """
    A finding for which nothing arrives.
    """
    return Finding(name, "error", problem, action)


def warning(name: str, problem: str, action: str) -> Finding:
    """
    A finding for which something is missing or wrong.
    """
    return Finding(name, "warning", problem, action)


def note(name: str, problem: str, action: str) -> Finding:
    """
    A finding that explains a surprise.
    """
    return Finding(name, "note", problem, action)
