"""
The innermost instrumented span: where the context keeps it.
"""

from __future__ import annotations

from typing import Final, Protocol

from opentelemetry.context import Context, create_key, get_value
from opentelemetry.trace import Span

from droidscope.instrument.baggage import Baggage, current_baggage, have_same_ids

INNERMOST: Final = create_key("droidscope.span")


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
    found: Innermost | None = get_value(INNERMOST, context)  # type: ignore[assignment] # the key is private
    if found is not None and have_same_ids(found.baggage, current_baggage(context)):
        return found
    return None
