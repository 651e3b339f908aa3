"""
The global tracer provider of OpenTelemetry's API: which one there is, and a claim that others may override.
"""

from __future__ import annotations

from typing import Any, Final

from opentelemetry import trace
from opentelemetry.trace import ProxyTracerProvider, TracerProvider

_VARIABLE: Final = "_TRACER_PROVIDER"
_api: Final[dict[str, Any]] = vars(trace)


def global_provider() -> TracerProvider | None:
    """
    The provider that is set, None if there is none.
    """
    if _VARIABLE in _api:  # the API's own function reads the environment each time there is none
        found: TracerProvider | None = _api[_VARIABLE]
        return found
    provider = trace.get_tracer_provider()
    return None if isinstance(provider, ProxyTracerProvider) else provider


def claim_global(provider: TracerProvider) -> None:
    """
    Make *provider* the global one, so that the first `set_tracer_provider` of somebody else still succeeds.

    Where the API keeps it elsewhere it is set for ever.
    """
    if _VARIABLE in _api:
        _api[_VARIABLE] = provider
    else:
        trace.set_tracer_provider(provider)


def release_global(provider: TracerProvider | None) -> None:
    """
    Leave the place free again, if *provider* has it.
    """
    if provider is not None and _api.get(_VARIABLE) is provider:
        _api[_VARIABLE] = None
