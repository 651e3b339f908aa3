"""
The innermost instrumented span: where the context keeps it.
"""

from __future__ import annotations

from typing import Final, Protocol

from opentelemetry.context import Context, create_key, get_value
from opentelemetry.trace import INVALID_SPAN, Span, set_span_in_context

from droidscope.instrument.baggage import BAGGAGE, Baggage, current_baggage, have_same_ids

INNERMOST: Final = create_key("droidscope.span")
_CURRENT: Final = next(iter(set_span_in_context(INVALID_SPAN, Context())))  # the key is private


class Innermost(Protocol):
    """
    What is kept: its *span*, and all *baggage* inside of it.
    """

    span: Span
    baggage: Baggage


def innermost(context: Context | None = None) -> Innermost | None:
    """
    The innermost instrumented span that is open in this process, None outside of any.

    A context received from elsewhere has other ids than what happens to be open here: then it is None.
    """
    return within(current_baggage(context), context)


def within(baggage: Baggage, context: Context | None = None) -> Innermost | None:
    """
    As `innermost`, where *baggage* is that of *context*.
    """
    found: Innermost | None = get_value(INNERMOST, context)  # type: ignore[assignment] # the key is private
    return found if found is not None and have_same_ids(found.baggage, baggage) else None


def context_inside(previous: Context, span: Innermost, shown: Span | None) -> Context:
    """
    The context inside of *span*, which begins in *previous*; *shown* is what is the current span for others,
    None where that does not change.
    """
    # All at once: the API copies the context twice for each value that it sets.
    inside = {**previous, INNERMOST: span, BAGGAGE: span.baggage}
    if shown is not None:
        inside[_CURRENT] = shown
    return Context(inside)
