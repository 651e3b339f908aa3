"""
What a check has found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from threading import Thread
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


def attempted(what: str, find: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """
    What *find* finds, and where it fails that *what* could not be looked at: who looks for a fault needs no
    other.
    """
    try:
        yield from find()
    except Exception as failure:  # noqa: BLE001 - the edge of the room
        yield warning(
            "check_failed",
            f"Looking at {what} failed: {type(failure).__name__}: {failure}.",
            "Look at that by hand; the rest is looked at all the same.",
        )


def within(seconds: float, find: Callable[[], Iterable[Finding]], late: Finding) -> list[Finding]:
    """
    What *find* finds in so many seconds in all, and *late* if it takes longer.

    The timeout of a socket is that of each piece of an answer, and looking up a name has none.
    """
    found: list[Finding] = []
    failures: list[Exception] = []

    def run() -> None:
        try:
            found.extend(find())
        except Exception as failure:  # noqa: BLE001 - it is raised where it is waited for
            failures.append(failure)

    thread = Thread(target=run, name="droidscope-check", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        return [late]
    for failure in failures:
        raise failure
    return found
