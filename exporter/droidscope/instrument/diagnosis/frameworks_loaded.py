"""
Frameworks whose spans go nowhere yet.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.trace import ProxyTracerProvider

from droidscope.instrument.diagnosis.findings import Finding, warning

_INSTRUMENTED_BY_THEMSELVES: Final = ("pydantic_ai",)
"""
Modules of frameworks that emit spans without a package of instrumentation.
"""


def check_frameworks(*, has_recorded: bool) -> Iterator[Finding]:
    """
    Whether instrumented frameworks are loaded, but no tracer provider is set, as `configure` does with its
    first record only.
    """
    is_set = not isinstance(trace.get_tracer_provider(), ProxyTracerProvider)
    if has_recorded or is_set:
        return
    if names := sorted({*_instrumented(), *(set(_INSTRUMENTED_BY_THEMSELVES) & set(sys.modules))}):
        yield warning(
            "no_provider_yet",
            f"The spans of {', '.join(names)} go nowhere yet: droidscope's tracer provider is set with its "
            "first record, such as a session, and there was none.",
            "Open a ds.session around the work, or start the program by opentelemetry-instrument.",
        )


def _instrumented() -> Iterator[str]:
    """
    The libraries that are instrumented by packages of OpenTelemetry, OpenInference and others alike.
    """
    module = sys.modules.get("opentelemetry.instrumentation.instrumentor")
    for kind in _descendants(getattr(module, "BaseInstrumentor", None)):
        if not getattr(kind, "__abstractmethods__", None) and kind().is_instrumented_by_opentelemetry:
            yield kind.__name__.removesuffix("Instrumentor")


def _descendants(kind: Any) -> Iterator[Any]:  # noqa: ANN401 - classes of a package that need not be there
    for child in kind.__subclasses__() if kind is not None else ():
        yield child
        yield from _descendants(child)
