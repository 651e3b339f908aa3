"""
`configure` sets up the road of droidscope's own records to its exporter; `flush` and `shutdown` end it well.

Sending needs the extra `sdk`; everything else of the instrumentation does not.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from threading import RLock, Thread
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, cast

from opentelemetry import metrics, trace
from opentelemetry._logs import get_logger_provider

from droidscope.conventions import attributes as names
from droidscope.errors import ConfigError, MissingExtraError
from droidscope.instrument import providers
from droidscope.instrument.emission.forks import after_fork_in_child
from droidscope.instrument.emission.own_road import OwnRoad
from droidscope.instrument.emission.sink import Destination
from droidscope.instrument.emission.texts import TEXT_LIMIT, TextSettings
from droidscope.instrument.never_raise import logger, never_raise, warn_once
from droidscope.instrument.sending.late_records import LateRecords
from droidscope.instrument.sending.process_end import EXIT_SECONDS, ProcessEnd

if TYPE_CHECKING:
    from os import PathLike

    from droidscope.instrument.emission.setup import Setup
    from droidscope.instrument.providers import Emitter
    from droidscope.instrument.sending.sender import Sender
    from droidscope.instrument.sending.sender_status import SenderStatus


_LEAST_TEXT: Final = 128  # ids and names are cut, too, and must remain what they are
_MOST_TEXT: Final = 262_144  # message, stack trace and status of one span, in UTF-8, fit in a gRPC request


class _Configured:
    """
    The last call of `configure` that has not been shut down.
    """

    def __init__(self) -> None:
        self.setup: Setup | None = None
        self.begin_anew()

    def begin_anew(self) -> None:
        """
        Have a lock that nobody holds: in a forked child a thread of the parent might.

        The *replayer* is the sender of a process with a spool, which sends what others have left there. Once
        something is recorded it is the sink of the road.
        """
        self.lock = RLock()  # a handler of a signal may shut down while it is held
        self.replayer: Sender | None = None

    def replay(self, replayer: Sender | None, timeout_seconds: float) -> bool:
        """
        Have another *replayer*. The one before ends, unless it is the sink of a road; False if it could not
        send all there was.
        """
        previous, self.replayer = self.replayer, replayer
        if previous is None or isinstance(providers.made(), OwnRoad):
            return True
        return previous.shutdown(timeout_seconds)


_configured: Final = _Configured()
after_fork_in_child(_configured.begin_anew)


def _sender() -> Sender | None:
    """
    The sender of this process, None unless it has a spool or has recorded something since `configure`.
    """
    road = providers.made()
    # Nothing but a sender is ever made as the sink of a configured process.
    return cast("Sender", road.sink) if isinstance(road, OwnRoad) else _configured.replayer


def _end(timeout_seconds: float) -> None:
    if (sender := _sender()) is not None:
        sender.end(timeout_seconds)


def _hurry() -> None:
    if (sender := _sender()) is not None:
        sender.hurry()


def _is_idle() -> bool:
    return _sender() is None


def _be_late() -> None:
    _late.begin()
    if (road := providers.made()) is not None:
        road.after_record = _late.send


_late: Final = LateRecords(_sender)
_process_end: Final = ProcessEnd(_end, _hurry, _is_idle, _be_late)


def configure(
    *,
    service_name: str | None = None,
    endpoint: str | None = None,
    protocol: str | None = None,
    headers: Mapping[str, str] | None = None,
    resource_attributes: Mapping[str, Any] | None = None,
    frameworks: bool = True,
    text_limit: int | None = TEXT_LIMIT,
    stack_traces: bool = True,
    queue_bytes: int | None = None,
    spool: str | PathLike[str] | None = None,
    spool_bytes: int | None = None,
    on_exit: bool = True,
) -> None:
    """
    Send what droidscope records by OTLP, whatever OpenTelemetry providers this process has or will have.

    What is not given here is taken from the standard OTEL_* variables; metrics are sent every 15 s unless
    OTEL_METRIC_EXPORT_INTERVAL is set. Called again with the same arguments it changes nothing, with others
    it sends what waits and goes on with them. Nothing is lost at the end of the process if the exporter
    answers within 5 s; if it is down, the orchestrator does not notice.

    Args:
        service_name: The orchestrator's name (OTEL_SERVICE_NAME, else that of a tracer provider in use).

        endpoint: Base URL of the exporter, `http://127.0.0.1:4318` by default
            (OTEL_EXPORTER_OTLP_ENDPOINT).

        protocol: `http/protobuf`, the default, or `grpc` (OTEL_EXPORTER_OTLP_PROTOCOL).

        headers: Headers of each request, such as an authorization.

        resource_attributes: More about this process, such as `deployment.environment.name`.

        frameworks: Whether spans of instrumented frameworks are sent, too, if no tracer provider is set
            when the first record begins: droidscope then sets one.

        text_limit: The longest text of an attribute, an exception's message or a stack trace, in
            characters, from 128 to 262,144; with 0 or None neither messages nor stack traces are sent.

        stack_traces: Whether stack traces are sent.

        queue_bytes: How much waits in memory while the exporter is away, compressed: 64 MiB by default.

        spool: A folder for what cannot be sent now, so that it survives the end of the process; none by
            default. Several processes may share it.

        spool_bytes: How much the folder holds at most: 1 GiB by default.

        on_exit: Whether what waits is sent at the end of the process and of its forked children, before
            they die of SIGTERM, and for at most 2 s (5 s in a forked child) before os._exit ends them or
            os.exec* replaces them. For this os._exit, os.execv, os.execve, signal.signal and signal.getsignal
            are wrapped.

    Raises:
        ConfigError: If an argument, or a standard variable, cannot be honoured.
        MissingExtraError: If the SDK is not installed.
    """
    _check_text("service_name", service_name)
    resource = _checked_resource(resource_attributes, service_name)
    _check_text("endpoint", endpoint)
    _check_text("protocol", protocol)
    for name, value in (("frameworks", frameworks), ("stack_traces", stack_traces), ("on_exit", on_exit)):
        _check_flag(name, value)
    destination = Destination(endpoint, protocol, _checked_headers(headers), spool, spool_bytes, queue_bytes)
    _configure(service_name, destination, resource, frameworks, _texts(text_limit, stack_traces))
    if on_exit:
        _process_end.watch()
    else:
        _process_end.cease()


def _configure(
    service_name: str | None,
    destination: Destination,
    resource: Mapping[str, Any],
    frameworks: bool,
    texts: TextSettings,
) -> None:
    try:
        from droidscope.instrument.emission.setup import Setup, make_road  # noqa: PLC0415 - needs the SDK
        from droidscope.instrument.sending.new_sender import check, new_replayer  # noqa: PLC0415 - likewise
    except ImportError:
        raise MissingExtraError("sending telemetry", "sdk") from None
    except ValueError as error:  # the SDK reads some variables when it is imported
        raise ConfigError(str(error)) from error
    variables = {name: value for name, value in os.environ.items() if name.startswith("OTEL_")}
    check(destination, variables)
    setup = Setup(destination, service_name, resource, frameworks, texts, variables)
    with _configured.lock:
        if setup == _configured.setup:
            return
        previous, _configured.setup = providers.made(), setup
        replayer = new_replayer(destination, variables) if setup.signals else None
        _configured.replay(replayer, EXIT_SECONDS)
        if _is_disabled(variables):
            warn_once("disabled", "OTEL_SDK_DISABLED is true: droidscope records nothing")
        road = (lambda: _watched(make_road(setup, _configured.replayer))) if setup.signals else None
        providers.use(road)
    if isinstance(previous, OwnRoad):
        previous.retire(providers.own, EXIT_SECONDS)


def _watched(road: Emitter) -> Emitter:
    if _late.has_begun:
        road.after_record = _late.send
    return road


def current_setup() -> Setup | None:
    """
    The arguments of the last call of `configure`, None before the first and after `shutdown`.
    """
    return _configured.setup


def flush(timeout_seconds: float = EXIT_SECONDS) -> bool:
    """
    Send what is waiting; False if that took longer than *timeout_seconds*, if some of it could not be
    sent, or if nothing is configured. It never raises.

    Without `configure` the global providers are flushed, of which only the first is known.
    It blocks: for scripts and tests, not for droids at work.
    """
    return bool(never_raise(_flush)(timeout_seconds))


def _flush(timeout_seconds: float) -> bool:
    road = providers.made()
    if isinstance(road, OwnRoad):
        return road.sink.flush(timeout_seconds)
    if _configured.replayer is not None:
        return _configured.replayer.flush(timeout_seconds)
    if providers.is_configured():
        is_on = _configured.setup is not None and bool(_configured.setup.signals)
        return is_on and not sys.is_finalizing()  # then the first record was too late for a road to be made
    in_use = (trace.get_tracer_provider(), get_logger_provider(), metrics.get_meter_provider())
    flushable = [provider for provider in in_use if hasattr(provider, "force_flush")]
    return bool(flushable) and _flush_all(flushable, timeout_seconds)


def shutdown(timeout_seconds: float = EXIT_SECONDS) -> bool:
    """
    Send what is waiting and record nothing more, until `configure` is called again; False if that took
    longer than *timeout_seconds*, if anything could not be sent since `configure`, or if nothing was ever
    configured. It never raises, and does not touch providers of others.

    It happens by itself at the end of the process.
    """
    return bool(never_raise(_shut_down)(timeout_seconds))


def _shut_down(timeout_seconds: float) -> bool:
    with _configured.lock:
        road, setup, _configured.setup = providers.made(), _configured.setup, None
        is_off = not providers.is_configured() or (setup is not None and not setup.signals)
        is_replayed = _configured.replay(None, timeout_seconds)
        if providers.is_configured():
            providers.use(None)
    is_sent = road.sink.shutdown(timeout_seconds) if isinstance(road, OwnRoad) else is_replayed and not is_off
    _process_end.cease()
    return is_sent


def sender_status() -> SenderStatus | None:
    """
    What this process' sender is at; None unless it has a spool or has recorded something since `configure`.
    """
    sender = _sender()
    return None if sender is None else sender.status()


def _is_disabled(variables: Mapping[str, str]) -> bool:
    return variables.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"


def _flush_all(flushable: Sequence[Any], timeout_seconds: float) -> bool:
    """
    Flush providers of others, each on a thread that may be left behind; True if all were in time.
    """
    deadline = monotonic() + timeout_seconds
    done: list[bool] = []

    def run(provider: Any) -> None:  # noqa: ANN401 - one of three unrelated classes
        try:
            done.append(provider.force_flush() is not False)
        except Exception as error:  # noqa: BLE001 - the edge of the room: it counts as not done
            logger.warning("%s could not send what was waiting: %r", type(provider).__name__, error)

    threads = [Thread(target=run, args=(provider,), daemon=True) for provider in flushable]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - monotonic()))
    return len(done) == len(flushable) and all(done)


def _refuse(name: str, value: object, expected: str) -> ConfigError:
    return ConfigError(f"{name} is {value!r}; expected {expected}")


def _check_text(name: str, value: object) -> None:
    if value is not None and (not isinstance(value, str) or not value.strip()):
        raise _refuse(name, value, "a text")


def _check_flag(name: str, value: object) -> None:
    if not isinstance(value, bool):
        raise _refuse(name, value, "True or False")


def _checked_headers(headers: object) -> dict[str, str] | None:
    if headers is None:
        return None
    if not isinstance(headers, Mapping) or not all(
        isinstance(name, str) and isinstance(value, str) for name, value in headers.items()
    ):
        raise ConfigError("headers have another shape; expected a mapping from names to texts")
    return dict(headers)


def _checked_resource(given: object, service_name: str | None) -> dict[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise _refuse("resource_attributes", given, "a mapping from names to values")
    for name, value in given.items():
        if not isinstance(name, str) or not isinstance(value, str | bool | int | float):
            raise _refuse(f"resource_attributes[{name!r}]", value, "a text or a number")
    named = given.get(names.SERVICE_NAME)
    if named is not None and service_name is not None and named != service_name:
        raise _refuse(
            "service_name", service_name, f"that of resource_attributes, {named!r}, or only one of both"
        )
    return dict(given)


def _texts(limit: object, stack_traces: bool) -> TextSettings:
    if limit is None or limit == 0:
        return TextSettings(messages=False, stack_traces=False)
    if isinstance(limit, bool) or not isinstance(limit, int) or not _LEAST_TEXT <= limit <= _MOST_TEXT:
        expected = f"{_LEAST_TEXT} to {_MOST_TEXT} characters, or 0 for no texts of errors"
        raise _refuse("text_limit", limit, expected)
    return TextSettings(limit, stack_traces=stack_traces)
