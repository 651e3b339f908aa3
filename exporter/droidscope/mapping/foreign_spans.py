"""
Which source a foreign span comes from: the first that recognises it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from droidscope.conventions.attributes import SCOPE
from droidscope.mapping import genai, openinference
from droidscope.mapping.native import is_own_span
from droidscope.mapping.steps import step
from droidscope.model.foreign_steps import Step
from droidscope.model.otlp import Span

SOURCES: Final[tuple[Callable[[Span], Step | None], ...]] = (
    genai.read_span,
    openinference.read_span,
)
"""
In order: a span with the marks of several conventions is read by the first.
"""


def classify(span: Span) -> Step | None:
    """
    The step of a foreign span, None for a span of ours.

    A span of no known source (an HTTP client's, a web framework's) is an `OTHER` step: it only
    links what is below it to what is above.
    """
    if span.scope == SCOPE or is_own_span(span):
        return None
    for read_span in SOURCES:
        found = read_span(span)
        if found is not None:
            return found
    return step(span)
