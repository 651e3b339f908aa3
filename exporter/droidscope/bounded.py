"""
A mapping that keeps a bounded number of entries: those set last.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterable
from typing import TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class BoundedMap(OrderedDict[K, V]):
    """
    At most *limit* entries. To set an entry makes it the newest; whatever then exceeds the limit is
    dropped, oldest first. To read one changes nothing.
    """

    def __init__(self, limit: int, items: Iterable[tuple[K, V]] = ()) -> None:
        super().__init__()
        self.limit = limit
        for key, value in items:
            self[key] = value

    def __setitem__(self, key: K, value: V) -> None:
        self.put(key, value)

    def put(self, key: K, value: V) -> tuple[K, V] | None:
        """
        Set an entry, and return the one that was dropped for it, None if none was.
        """
        super().__setitem__(key, value)
        self.move_to_end(key)
        return self.popitem(last=False) if len(self) > self.limit else None

    def replace(self, key: K, value: V) -> None:
        """
        Change the value of an entry there is, which grows no newer by it.

        Raises:
            KeyError: If there is no such entry.
        """
        if key not in self:
            raise KeyError(key)
        super().__setitem__(key, value)

    def copy(self) -> BoundedMap[K, V]:
        """
        The same entries in the same order, under the same limit.
        """
        return BoundedMap(self.limit, self.items())
