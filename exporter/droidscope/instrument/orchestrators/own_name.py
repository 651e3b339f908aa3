"""
By which name the exporter knows this process's orchestrator.
"""

from __future__ import annotations

from typing import NamedTuple

from droidscope.errors import ConfigError
from droidscope.instrument import providers


class OwnName(NamedTuple):
    """
    `service.name` and `deployment.environment.name` of this process, each None if it is not known.
    """

    orchestrator: str | None = None
    environment: str | None = None


def own_name() -> OwnName:
    """
    Those of the providers in use; without any, those of the OTEL_* variables.

    Raises:
        ConfigError: If the name of the orchestrator is not known.
    """
    emitter = providers.current()
    name = OwnName(
        providers.service_name(None) if emitter is None else emitter.service,
        providers.environment_name(None) if emitter is None else emitter.environment,
    )
    if name.orchestrator is None:
        msg = (
            "the orchestrator's name is not known; expected droidscope.configure(service_name=...) or "
            "OTEL_SERVICE_NAME, or everything=True for all orchestrators"
        )
        raise ConfigError(msg)
    return name
