"""
A sink made of the exporters of the SDK.
"""

from __future__ import annotations

import atexit
import os
from collections import deque
from collections.abc import Callable
from threading import Event, Lock, Thread
from time import monotonic
from typing import Any, Final

from droidscope.errors import ConfigError
from droidscope.instrument.emission.sink import Collect, Destination
from droidscope.instrument.export_failures import ExporterFactory, ExportFailures
from droidscope.instrument.never_raise import logger

_INTERVAL_SECONDS: Final = 0.5
_METRIC_INTERVAL_MILLIS: Final = 15_000.0
_BATCH: Final = 512
_LIMIT: Final = 65_536


class SdkSink:
    """
    Sends in the background, on one daemon thread that starts with the first record.
    """

    def __init__(self, destination: Destination, collect: Collect) -> None:
        if destination.spool is not None:
            msg = f"spool is {destination.spool!r}; expected None: there is none yet"
            raise ConfigError(msg)
        self._failures = ExportFailures()
        factory = ExporterFactory(
            destination.endpoint, destination.protocol, destination.headers, self._failures
        )
        self._exporters = {signal: factory.exporter(signal) for signal in ("traces", "logs", "metrics")}
        self._waiting: dict[str, deque[Any]] = {"traces": deque(), "logs": deque()}
        self._collect = collect
        self._lock, self._export_lock = Lock(), Lock()
        self._wake, self._ended = Event(), Event()
        self._thread: Thread | None = None
        millis = float(os.environ.get("OTEL_METRIC_EXPORT_INTERVAL") or _METRIC_INTERVAL_MILLIS)
        self._metric_seconds = millis / 1000
        if destination.on_exit:
            atexit.register(self.shutdown, 5.0)

    def span(self, readable: Any) -> None:  # noqa: ANN401 - as the protocol has it
        """
        Queue a span.
        """
        self._add("traces", readable)

    def log(self, readable: Any) -> None:  # noqa: ANN401 - as the protocol has it
        """
        Queue an event.
        """
        self._add("logs", readable)

    def flush(self, timeout_seconds: float) -> bool:
        """
        Send what waits and the counts of now; False if any of it was not delivered in time.
        """
        before = self._failures.failed()
        done: list[bool] = []

        def send() -> None:
            self._send_waiting()
            self._send_counts()
            done.append(True)

        _in_time(send, timeout_seconds)
        return bool(done) and all(failed <= before[key] for key, failed in self._failures.failed().items())

    def shutdown(self, timeout_seconds: float) -> bool:
        """
        Flush, and take nothing more; False if anything was not delivered since the start.
        """
        if self._ended.is_set():
            return True
        in_time = self.flush(timeout_seconds)
        self._ended.set()
        self._wake.set()
        atexit.unregister(self.shutdown)
        if not in_time:
            logger.warning("droidscope could not send what was waiting within %s s", timeout_seconds)
        return in_time and not any(self._failures.failed().values())

    def _add(self, signal: str, readable: Any) -> None:  # noqa: ANN401 - as above
        waiting = self._waiting[signal]
        if self._ended.is_set() or self._exporters[signal] is None or len(waiting) >= _LIMIT:
            return
        waiting.append(readable)
        if self._thread is None:
            self._start()
        if len(waiting) >= _BATCH:
            self._wake.set()

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = Thread(target=self._run, name="droidscope", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        next_counts = monotonic() + self._metric_seconds
        while not self._ended.is_set():
            self._wake.wait(_INTERVAL_SECONDS)
            self._wake.clear()
            self._send_waiting()
            if monotonic() >= next_counts:
                next_counts = monotonic() + self._metric_seconds
                self._send_counts()

    def _send_waiting(self) -> None:
        with self._export_lock:
            for signal, waiting in self._waiting.items():
                while waiting:
                    batch = [waiting.popleft() for _ in range(min(_BATCH, len(waiting)))]
                    self._export(signal, batch)

    def _send_counts(self) -> None:
        counts = self._collect() if self._exporters["metrics"] is not None else None
        if counts is not None:
            with self._export_lock:
                self._export("metrics", counts)

    def _export(self, signal: str, batch: object) -> None:
        exporter = self._exporters[signal]
        try:
            if exporter is not None:
                exporter.export(batch)
        except Exception as error:  # noqa: BLE001 - the edge of the room: it counts as not delivered
            logger.warning("droidscope could not send %s: %r", signal, error)


def _in_time(action: Callable[[], object], timeout_seconds: float) -> None:
    thread = Thread(target=action, daemon=True)
    try:
        thread.start()
    except RuntimeError:  # as at the end of a process with the first releases of Python 3.12
        action()
    else:
        thread.join(timeout_seconds)
