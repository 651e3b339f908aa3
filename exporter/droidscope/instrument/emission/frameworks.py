"""
The spans of instrumented frameworks: a tracer provider of the SDK, for processes that have none.

It is set as the global one once for the whole process; where its spans go may change.
"""

from __future__ import annotations

from collections.abc import Callable
from time import time_ns
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.trace import ProxyTracerProvider

from droidscope.instrument.emission.forks import after_fork_in_child
from droidscope.instrument.id_processor import IdSpanProcessor


class RoutedSpan:
    """
    A span of the SDK as the encoder reads it, but of another *resource*: that of the road it is sent on.
    """

    def __init__(self, span: ReadableSpan, resource: Any) -> None:  # noqa: ANN401 - as the encoder reads it
        self._span = span
        self.resource = resource

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - as the span has it
        return getattr(self._span, name)


class FrameworkSpans(SpanProcessor):
    """
    Hands on the sampled spans that began in this process.
    """

    def __init__(self, send: Callable[[ReadableSpan], None]) -> None:
        self.provider: TracerProvider | None = None
        self._send = send
        self._since_ns = 0
        after_fork_in_child(self._begin_anew)

    def claim(self, resource: Resource) -> None:
        """
        Set the global tracer provider, unless there is one.
        """
        if self.provider is not None or not isinstance(trace.get_tracer_provider(), ProxyTracerProvider):
            return
        self.provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self.provider.add_span_processor(IdSpanProcessor())
        self.provider.add_span_processor(self)
        trace.set_tracer_provider(self.provider)

    def on_end(self, span: ReadableSpan) -> None:
        """
        Hand it on; what the parent of a forked process has begun is the parent's.
        """
        context = span.get_span_context()
        if context is not None and context.trace_flags.sampled and (span.start_time or 0) >= self._since_ns:
            self._send(span)

    def _begin_anew(self) -> None:
        self._since_ns = time_ns()
