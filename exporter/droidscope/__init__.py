"""
Performance analytics for orchestrators of AI agents.

`import droidscope as ds` is the instrumentation. It needs `opentelemetry-api` only, and loads that when
it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from droidscope.errors import ConfigError, DroidscopeError, MissingExtraError
    from droidscope.instrument.api import (
        ask,
        attempt,
        blocked,
        conflict,
        gate,
        output,
        phase,
        progress,
        session,
        synthesis,
        task,
        tell,
        tool,
        unblocked,
    )
    from droidscope.instrument.kinds import Attempt, Gate, Phase, Query, Session, Synthesis, Task, Tool
    from droidscope.instrument.orchestrator import AnalyticsOrchestrator
    from droidscope.instrument.scores import Score, percent, ratio, ten
    from droidscope.instrument.sdk import IdSpanProcessor, configure, flush, shutdown

    __version__: str

__all__ = [
    "AnalyticsOrchestrator",
    "Attempt",
    "ConfigError",
    "DroidscopeError",
    "Gate",
    "IdSpanProcessor",
    "MissingExtraError",
    "Phase",
    "Query",
    "Score",
    "Session",
    "Synthesis",
    "Task",
    "Tool",
    "__version__",
    "ask",
    "attempt",
    "blocked",
    "configure",
    "conflict",
    "flush",
    "gate",
    "output",
    "percent",
    "phase",
    "progress",
    "ratio",
    "session",
    "shutdown",
    "synthesis",
    "task",
    "tell",
    "ten",
    "tool",
    "unblocked",
]

_HOMES = {
    "droidscope.errors": "ConfigError DroidscopeError MissingExtraError",
    "droidscope.instrument.kinds": "Attempt Gate Phase Query Session Synthesis Task Tool",
    "droidscope.instrument.api": (
        "ask attempt blocked conflict gate output phase progress session synthesis task tell tool unblocked"
    ),
    "droidscope.instrument.orchestrator": "AnalyticsOrchestrator",
    "droidscope.instrument.scores": "Score percent ratio ten",
    "droidscope.instrument.sdk": "IdSpanProcessor configure flush shutdown",
}
_HOME_OF = {name: home for home, several in _HOMES.items() for name in several.split()}


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415 - slow, and seldom wanted

        return version("droidscope")
    if name not in _HOME_OF:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value  # from now on it is found without asking
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
