"""
Ids of sessions, phases and tasks on the spans of other libraries.

Needs the extra `sdk`.
"""

from __future__ import annotations

from opentelemetry.context import Context

from droidscope.conventions import attributes as names
from droidscope.errors import MissingExtraError
from droidscope.instrument.baggage import current_baggage, ids
from droidscope.instrument.never_raise import never_raise
from droidscope.instrument.providers import service_name

try:
    from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
except ImportError:
    raise MissingExtraError("copying ids to spans", "sdk") from None


class IdSpanProcessor(SpanProcessor):
    """
    Copies the ids of the session, phase and task around them onto spans of other libraries.

    Where no tracer provider is set, `configure` sets one that has it. Add it to a tracer provider of your
    own, so that the spans of an instrumented framework have the ids of the session and task they belong to.
    """

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """
        Add the ids that the span does not have yet.
        """
        if span.instrumentation_scope is None or span.instrumentation_scope.name != names.SCOPE:
            self._copy_ids(span, parent_context)

    @never_raise
    def _copy_ids(self, span: Span, context: Context | None) -> None:
        attributes = span.attributes or {}
        context_ids = ids(current_baggage(context), service_name(span.resource))
        span.set_attributes({name: value for name, value in context_ids.items() if name not in attributes})

    def on_end(self, span: ReadableSpan) -> None:
        """
        Nothing is left to do.
        """

    def shutdown(self) -> None:
        """
        There is nothing to end.
        """

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002 - the SDK's signature
        """
        Nothing ever waits.
        """
        return True
