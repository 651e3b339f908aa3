"""
The ids of everything taken in lately, so that what clients send twice counts once.

Exact while an id is remembered: an id is bytes compared as a whole, never a shortened hash of a
span's identity. Forgetting goes by log segment, so the memory after a restart is the one before.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

import msgspec


class Generation(NamedTuple):
    """
    The ids that one log segment brought, and the uptime clock when it was sealed.
    """

    segment: int
    clock_ns: int
    ids: list[bytes]


class SeenIds:
    """
    A bounded set of ids: at most about *limit*, each for at least *horizon_ns* if there is room.
    """

    def __init__(self, limit: int, horizon_ns: int) -> None:
        self._limit = limit
        self._horizon_ns = horizon_ns
        self._ids: set[bytes] = set()
        self._sealed: deque[Generation] = deque()
        self._current: list[bytes] = []

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, id_: bytes) -> bool:
        """
        Remember an id; False if it was known.
        """
        if id_ in self._ids:
            return False
        self._ids.add(id_)
        self._current.append(id_)
        return True

    def mark(self) -> int:
        """
        Where `forget_since` may go back to, until the next seal.
        """
        return len(self._current)

    def forget_since(self, mark: int) -> None:
        """
        Take back the ids added since a mark: what brought them is not kept.
        """
        self._ids.difference_update(self._current[mark:])
        del self._current[mark:]

    def seal(self, segment: int, clock_ns: int) -> Generation:
        """
        Close the generation of a finished segment, and forget what is too old or too much.
        """
        generation = Generation(segment, clock_ns, self._current)
        self._current = []
        self._sealed.append(generation)
        self.expire(clock_ns)
        return generation

    def expire(self, clock_ns: int) -> None:
        """
        Forget what is too old or too much at this uptime.
        """
        while self._sealed and self._expired(self._sealed[0], clock_ns):
            self._ids.difference_update(self._sealed.popleft().ids)

    def restore(self, generation: Generation) -> None:
        """
        Take back a sealed generation after a restart; the oldest first.
        """
        self._ids.update(generation.ids)
        self._sealed.append(generation)

    def segments(self) -> list[int]:
        """
        The segments whose ids are remembered, the oldest first.
        """
        return [generation.segment for generation in self._sealed]

    def _expired(self, generation: Generation, clock_ns: int) -> bool:
        return len(self._ids) > self._limit or clock_ns - generation.clock_ns > self._horizon_ns


def encode_generation(generation: Generation) -> bytes:
    """
    One generation as it is kept beside its segment.
    """
    return msgspec.msgpack.encode((generation.segment, generation.clock_ns, _pack(generation.ids)))


def decode_generation(data: bytes) -> Generation:
    """
    What `encode_generation` made.
    """
    segment, clock_ns, packed = msgspec.msgpack.decode(data, type=tuple[int, int, list[tuple[int, bytes]]])
    return Generation(
        segment,
        clock_ns,
        [joined[i : i + size] for size, joined in packed for i in range(0, len(joined), size)],
    )


def _pack(ids: Iterable[bytes]) -> list[tuple[int, bytes]]:
    """
    Ids of one length joined, length by length: one object each instead of millions.
    """
    by_size: dict[int, list[bytes]] = {}
    for id_ in ids:
        by_size.setdefault(len(id_), []).append(id_)
    return [(size, b"".join(same)) for size, same in by_size.items()]
