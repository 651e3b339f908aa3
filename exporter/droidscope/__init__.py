"""
Performance analytics for orchestrators of AI agents.

`import droidscope as ds` is the instrumentation. It needs `opentelemetry-api` only, and loads that when
it is first used.
"""

import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from droidscope.errors import ConfigError, DroidscopeError, MissingExtraError
    from droidscope.instrument.api import (
        ask,
        attempt,
        gate,
        model_call,
        phase,
        session,
        synthesis,
        task,
        tool,
    )
    from droidscope.instrument.around import carry, current
    from droidscope.instrument.configure import configure, flush, shutdown
    from droidscope.instrument.diagnosis.findings import Finding
    from droidscope.instrument.diagnosis.process import check
    from droidscope.instrument.emission.id_processor import IdSpanProcessor
    from droidscope.instrument.events import blocked, conflict, output, progress, tell, unblocked
    from droidscope.instrument.gates import Verdict
    from droidscope.instrument.handles import (
        Attempt,
        Gate,
        ModelCall,
        Phase,
        Query,
        Session,
        Synthesis,
        Task,
        Tool,
    )
    from droidscope.instrument.log_ids import IdFilter
    from droidscope.instrument.orchestrators.analytics_orchestrator import AnalyticsOrchestrator
    from droidscope.instrument.orchestrators.outcome_of import outcome_of
    from droidscope.instrument.orchestrators.sessions_by_id import (
        cancel,
        complete,
        fail,
        start_session,
        within,
    )
    from droidscope.instrument.pauses.waiting import resumed, waiting
    from droidscope.instrument.scores import Score, percent, ratio, ten

    __version__: str

__all__ = [
    "AnalyticsOrchestrator",
    "Attempt",
    "ConfigError",
    "DroidscopeError",
    "Finding",
    "Gate",
    "IdFilter",
    "IdSpanProcessor",
    "MissingExtraError",
    "ModelCall",
    "Phase",
    "Query",
    "Score",
    "Session",
    "Synthesis",
    "Task",
    "Tool",
    "Verdict",
    "__version__",
    "ask",
    "attempt",
    "blocked",
    "cancel",
    "carry",
    "check",
    "complete",
    "configure",
    "conflict",
    "current",
    "fail",
    "flush",
    "gate",
    "model_call",
    "outcome_of",
    "output",
    "percent",
    "phase",
    "progress",
    "ratio",
    "resumed",
    "session",
    "shutdown",
    "start_session",
    "synthesis",
    "task",
    "tell",
    "ten",
    "tool",
    "unblocked",
    "waiting",
    "within",
]

_HOMES = {
    "droidscope.errors": "ConfigError DroidscopeError MissingExtraError",
    "droidscope.instrument.api": "ask attempt gate model_call phase session synthesis task tool",
    "droidscope.instrument.around": "carry current",
    "droidscope.instrument.diagnosis.findings": "Finding",
    "droidscope.instrument.diagnosis.process": "check",
    "droidscope.instrument.gates": "Verdict",
    "droidscope.instrument.handles": "Attempt Gate ModelCall Phase Query Session Synthesis Task Tool",
    "droidscope.instrument.orchestrators.analytics_orchestrator": "AnalyticsOrchestrator",
    "droidscope.instrument.configure": "configure flush shutdown",
    "droidscope.instrument.emission.id_processor": "IdSpanProcessor",
    "droidscope.instrument.log_ids": "IdFilter",
    "droidscope.instrument.orchestrators.outcome_of": "outcome_of",
    "droidscope.instrument.orchestrators.sessions_by_id": "cancel complete fail start_session within",
    "droidscope.instrument.events": "blocked conflict output progress tell unblocked",
    "droidscope.instrument.pauses.waiting": "resumed waiting",
    "droidscope.instrument.scores": "Score percent ratio ten",
}
_HOME_OF = {name: home for home, several in _HOMES.items() for name in several.split()}


class _AtTheEnd:
    """
    What every name is at the end of the interpreter, when nothing can be imported any more: it does nothing,
    called, as a decorator, a block or a value.
    """

    def __call__(self, *given: object, **_: object) -> object:
        return given[0] if len(given) == 1 and callable(given[0]) else self

    def __getattr__(self, name: str) -> object:
        return self

    def __bool__(self) -> bool:
        return False

    def __iter__(self) -> Iterator[object]:
        return iter(())

    def __enter__(self) -> object:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415 - slow, and seldom wanted

        return version("droidscope")
    if name not in _HOME_OF:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    try:
        value = getattr(import_module(_HOME_OF[name]), name)
    except ImportError:
        if sys.meta_path is not None and not sys.is_finalizing():
            raise
        return _AtTheEnd()
    globals()[name] = value  # from now on it is found without asking
    if name == "configure":
        _load_all()
    return value


def _load_all() -> None:
    """
    Have every name, as whoever calls `configure` uses them: where a process forks while another thread
    imports one, the child would wait for that import for ever.
    """
    for name, home in _HOME_OF.items():
        with suppress(
            Exception
        ):  # an extra is missing, or its SDK dislikes a variable: who uses the name is told
            globals()[name] = getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted(__all__)
