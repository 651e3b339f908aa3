"""
The page: parts that fail on their own, put together in the order of the catalogue.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

import structlog

from droidscope.conventions.metrics import CATALOGUE, COLLECT_DURATION, COLLECT_SUCCESS, samples_of
from droidscope.exposition.renderer import Renderer
from droidscope.exposition.text import Block, Format, GaugeSample
from droidscope.units import SECOND_NS

Part = Callable[[Format], Iterable[Block]]
"""
What a part of the page does: give its families. No two parts may give the same one.
"""


_ORDER: Final = {
    name: position
    for position, name in enumerate(name for spec in CATALOGUE for name in (spec.name, samples_of(spec).name))
}

_log = structlog.get_logger(__name__)


class Page:
    """
    The metrics page, made of named *parts*.

    A part that raises is left out, is logged, and shows in `droidscope_collect_success`.
    """

    def __init__(
        self,
        parts: Mapping[str, Part],
        renderer: Renderer,
        timer_ns: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        self._parts = dict(parts)
        self._renderer = renderer
        self._timer_ns = timer_ns
        self._lock = threading.Lock()

    def render(self, form: Format) -> bytes:
        """
        The whole page, in UTF-8. Families the catalogue does not know come last.

        Any thread may ask; one is served after the other.
        """
        with self._lock:
            blocks = self._collect_all(form)
        ordered = sorted(blocks, key=lambda family: _ORDER.get(family, len(_ORDER)))
        end = b"# EOF\n" if form is Format.OPENMETRICS else b""
        return b"".join((*(blocks[family] for family in ordered), end))

    def _collect_all(self, form: Format) -> dict[str, bytes]:
        blocks: dict[str, bytes] = {}
        outcomes: list[GaugeSample] = []
        for name, part in self._parts.items():
            outcomes += self._collect(name, part, form, blocks)
        blocks.update(self._renderer.gauges(outcomes, form))
        return blocks

    def _collect(
        self, name: str, part: Part, form: Format, blocks: dict[str, bytes]
    ) -> Iterator[GaugeSample]:
        """
        Add one part's families to *blocks*, all or none, and say how that went.
        """
        start = self._timer_ns()
        try:
            collected = _distinct(part(form), blocks)
        except Exception:  # noqa: BLE001 - the room's edge: no fault of a part may take the page down
            _log.exception("collect_failed", part=name)
            collected = None
        blocks.update(collected or {})
        yield COLLECT_DURATION, (name,), (self._timer_ns() - start) / SECOND_NS
        yield COLLECT_SUCCESS, (name,), int(collected is not None)


def _distinct(blocks: Iterable[Block], others: Mapping[str, bytes]) -> dict[str, bytes]:
    """
    The text of each family.

    Raises:
        ValueError: If a family comes twice: it would have two headers.
    """
    families: dict[str, bytes] = {}
    for family, text in blocks:
        if family in families or family in others:
            msg = f"{family} is exposed twice; expected one part to expose all of it"
            raise ValueError(msg)
        families[family] = text
    return families
