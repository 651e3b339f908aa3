"""
OTLP exporters that count what they could not deliver, for the results of `flush` and `shutdown`.

The SDK reports only whether it was in time: the result of an export goes no further than its processors.
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
    Counts the exports that failed, and logs a warning at most every `WARNING_SECONDS`.
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
        How many exports have failed, by signal; of metrics since the last success, which sent all sums.
        """
        with self._lock:
            return dict(self._failed)

    def record(self, signal: str, endpoint: str, *, delivered: bool) -> None:
        """
        Count one export, and warn if it failed and the last warning is long ago.
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
    The exporter it is made with, whose results are recorded in *failures*.
    """

    def __init__(self, exporter: Any, signal: str, endpoint: str, failures: ExportFailures) -> None:  # noqa: ANN401 - one of three unrelated classes
        self._exporter = exporter
        self._signal = signal
        self._endpoint = endpoint
        self._failures = failures

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
            self._failures.record(self._signal, self._endpoint, delivered=delivered)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - as the exporter has it
        return getattr(self._exporter, name)


class ExporterFactory:
    """
    Makes the exporter of each signal, from what is given here, else from the standard variables.

    Raises:
        ConfigError: If a protocol is unknown.
    """

    def __init__(
        self,
        endpoint: str | None,
        protocol: str | None,
        headers: Mapping[str, str] | None,
        failures: ExportFailures,
    ) -> None:
        self._endpoint = endpoint
        self._headers = headers
        self._failures = failures
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
        return CountingExporter(exporter, signal, endpoint, self._failures)


def _protocol(signal: str, given: str | None) -> str:
    protocol = given or _by_variable(signal, "PROTOCOL") or _HTTP
    if protocol not in _PROTOCOLS:
        msg = f"protocol is {protocol!r}; expected one of {', '.join(_PROTOCOLS)}"
        raise ConfigError(msg)
    return protocol


def _by_variable(signal: str, name: str) -> str | None:
    specific, general = f"OTEL_EXPORTER_OTLP_{signal.upper()}_{name}", f"OTEL_EXPORTER_OTLP_{name}"
    return os.environ.get(specific) or os.environ.get(general)
