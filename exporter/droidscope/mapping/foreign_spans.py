"""
Which source a foreign span comes from: the first that recognises it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from droidscope.conventions.attributes import SCOPE
from droidscope.mapping import genai, openinference
from droidscope.mapping.native_spans import is_native_span
from droidscope.mapping.step_builder import build_step
from droidscope.model.foreign_steps import Step
from droidscope.model.otlp import Span

SOURCES: Final[tuple[Callable[[Span], Step | None], ...]] = (
    genai.read_span,
    openinference.read_span,
)
"""
In order: a span with the marks of several conventions is read by the first.
"""


def read_step(span: Span) -> Step | None:
    """
    The step of a foreign span, None for a native span.

    A span of no known source (an HTTP client's, a web framework's) is an `OTHER` step: it only
    links what is below it to what is above.
    """
    if span.scope == SCOPE or is_native_span(span):
        return None
    for read_span in SOURCES:
        step = read_span(span)
        if step is not None:
            return step
    return build_step(span)
