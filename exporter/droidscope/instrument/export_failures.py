"""
OTLP exporters that remember what they could not deliver, so that `flush` and `shutdown` can say so.

The SDK's own answer is only whether it was in time: the result of an export ends in its processors.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from importlib import import_module
from threading import Lock
from time import monotonic
from typing import Any, Final

from droidscope.conventions.attributes import SCOPE
from droidscope.errors import ConfigError
from droidscope.instrument.never_raise import logger

WARNING_SECONDS: Final = 300.0
"""
The shortest time between two warnings that telemetry is lost.
"""

_HTTP: Final = "http/protobuf"
_PROTOCOLS: Final = {
    _HTTP: ("opentelemetry.exporter.otlp.proto.http", "http://localhost:4318"),
    "grpc": ("opentelemetry.exporter.otlp.proto.grpc", "http://localhost:4317"),
}
_SIGNALS: Final = {
    "traces": ("trace_exporter", "OTLPSpanExporter"),
    "logs": ("_log_exporter", "OTLPLogExporter"),
    "metrics": ("metric_exporter", "OTLPMetricExporter"),
}


class ExportFailures:
    """
    What could not be delivered: how many exports, and a warning now and then.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self.restart()

    def restart(self) -> None:
        """
        Forget everything: a forked child has sent nothing yet.
        """
        self._lock = Lock()
        self._failed = dict.fromkeys(_SIGNALS, 0)
        self._warned_at = float("-inf")

    def failed(self) -> dict[str, int]:
        """
        How many exports have failed for good, by signal; sums of metrics are whole again after a success.
        """
        with self._lock:
            return dict(self._failed)

    def take(self, signal: str, endpoint: str, *, delivered: bool) -> None:
        """
        Note one export, and warn if it failed and the last warning is long ago.
        """
        with self._lock:
            if delivered:
                if signal == "metrics":
                    self._failed[signal] = 0
                return
            self._failed[signal] += 1
            if self._clock() < self._warned_at + WARNING_SECONDS:
                return
            self._warned_at = self._clock()
        logger.warning(
            "%s telemetry is lost: %s could not be delivered to %s (more of it is not logged for %d s)",
            SCOPE, signal, endpoint, WARNING_SECONDS,
        )  # fmt: skip


class CountingExporter:
    """
    An *exporter* whose results *losses* hears of; else it is that exporter.
    """

    def __init__(self, exporter: Any, signal: str, endpoint: str, losses: ExportFailures) -> None:  # noqa: ANN401 - one of three unrelated classes
        self._exporter = exporter
        self._signal = signal
        self._endpoint = endpoint
        self._losses = losses

    def export(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as the exporter has it
        """
        As the exporter does.
        """
        delivered = False
        try:
            result = self._exporter.export(*args, **kwargs)
            delivered = result.name == "SUCCESS"  # the three signals have an enumeration each
            return result
        finally:
            self._losses.take(self._signal, self._endpoint, delivered=delivered)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - as the exporter has it
        return getattr(self._exporter, name)


class Destination:
    """
    Makes the exporter of each signal, by what is given here, else by the standard variables.

    Raises:
        ConfigError: If a protocol is unknown.
    """

    def __init__(
        self,
        endpoint: str | None,
        protocol: str | None,
        headers: Mapping[str, str] | None,
        losses: ExportFailures,
    ) -> None:
        self._endpoint = endpoint
        self._headers = headers
        self._losses = losses
        self._protocols = {signal: _protocol(signal, protocol) for signal in _SIGNALS}

    def exporter(self, signal: str) -> Any | None:  # noqa: ANN401 - one of three unrelated classes
        """
        An exporter for traces, logs or metrics; None where OTEL_<SIGNAL>_EXPORTER is none.
        """
        if os.environ.get(f"OTEL_{signal.upper()}_EXPORTER", "otlp").strip() == "none":
            return None
        protocol = self._protocols[signal]
        package, default = _PROTOCOLS[protocol]
        module, name = _SIGNALS[signal]
        arguments: dict[str, Any] = {}
        if self._endpoint is not None:
            is_http = protocol == _HTTP
            arguments["endpoint"] = f"{self._endpoint.rstrip('/')}/v1/{signal}" if is_http else self._endpoint
        if self._headers is not None:
            arguments["headers"] = dict(self._headers)
        exporter = getattr(import_module(f"{package}.{module}"), name)(**arguments)
        endpoint = arguments.get("endpoint") or _by_variable(signal, "ENDPOINT") or default
        return CountingExporter(exporter, signal, endpoint, self._losses)


def _protocol(signal: str, given: str | None) -> str:
    protocol = given or _by_variable(signal, "PROTOCOL") or _HTTP
    if protocol not in _PROTOCOLS:
        msg = f"protocol is {protocol!r}; expected one of {', '.join(_PROTOCOLS)}"
        raise ConfigError(msg)
    return protocol


def _by_variable(signal: str, name: str) -> str | None:
    own, general = f"OTEL_EXPORTER_OTLP_{signal.upper()}_{name}", f"OTEL_EXPORTER_OTLP_{name}"
    return os.environ.get(own) or os.environ.get(general)
