"""
The spans of instrumented frameworks: a tracer provider of the SDK, for processes that have none.

It is the global one as long as nobody else sets theirs: from then on its tracers are those of theirs.
Where its spans go may change.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from time import time_ns
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, Tracer, TracerProvider
from opentelemetry.trace import ProxyTracerProvider, Span

from droidscope.instrument.emission.forks import after_fork_in_child
from droidscope.instrument.emission.global_provider import claim_global, global_provider, release_global
from droidscope.instrument.emission.id_processor import IdSpanProcessor


class RoutedSpan:
    """
    A span of the SDK as the encoder reads it, but of another *resource*: that of the road it is sent on.
    """

    def __init__(self, span: ReadableSpan, resource: Any) -> None:  # noqa: ANN401 - as the encoder reads it
        self._span = span
        self.resource = resource

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - as the span has it
        return getattr(self._span, name)


_is_yielding: Final[ContextVar[bool]] = ContextVar("droidscope.yielding", default=False)


class YieldingTracer(Tracer):
    """
    *own*, a tracer of *provider*, while that is the global one; then the tracer that *get* has of the other.
    """

    def __init__(
        self, own: Tracer, provider: TracerProvider, get: Callable[[trace.TracerProvider], trace.Tracer]
    ) -> None:
        vars(self).update(vars(own))  # what its constructor takes differs between versions of the SDK
        self._provider = provider
        self._get = get
        self._theirs: tuple[trace.TracerProvider, trace.Tracer] | None = None

    def start_span(self, name: str, *args: Any, **kwargs: Any) -> Span:  # noqa: ANN401 - as the API has it
        """
        Begin a span of the provider that is the global one now.
        """
        provider = global_provider()
        # Theirs may be made of what was global before.
        if provider is self._provider or _is_yielding.get():
            return super().start_span(name, *args, **kwargs)
        if provider is None:
            provider = trace.get_tracer_provider()
        if self._theirs is None or self._theirs[0] is not provider:
            self._theirs = provider, self._get(provider)
        token = _is_yielding.set(True)
        try:
            return self._theirs[1].start_span(name, *args, **kwargs)
        finally:
            _is_yielding.reset(token)


class YieldingProvider(TracerProvider):
    """
    A provider whose tracers yield to those of the one that is set after it.
    """

    def get_tracer(self, *args: Any, **kwargs: Any) -> trace.Tracer:  # noqa: ANN401 - as the API has it
        """
        A tracer that yields.
        """
        own = super().get_tracer(*args, **kwargs)
        if not isinstance(own, Tracer):  # the SDK is switched off
            return own
        return YieldingTracer(own, self, lambda provider: provider.get_tracer(*args, **kwargs))


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
        Become the global tracer provider, unless there is one.
        """
        if not isinstance(trace.get_tracer_provider(), ProxyTracerProvider):
            return
        if self.provider is None:
            provider = YieldingProvider(resource=resource, shutdown_on_exit=False)
            provider.add_span_processor(IdSpanProcessor())
            provider.add_span_processor(self)
            self.provider = provider
        claim_global(self.provider)

    def release(self) -> None:
        """
        Be the global tracer provider no longer.
        """
        release_global(self.provider)

    def on_end(self, span: ReadableSpan) -> None:
        """
        Hand it on; what the parent of a forked process has begun is the parent's.
        """
        context = span.get_span_context()
        if context is not None and context.trace_flags.sampled and (span.start_time or 0) >= self._since_ns:
            self._send(span)

    def _begin_anew(self) -> None:
        self._since_ns = time_ns()
