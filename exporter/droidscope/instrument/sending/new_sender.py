"""
The sender that `configure` has asked for.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from droidscope.errors import ConfigError
from droidscope.instrument.emission.sink import Collect, Destination
from droidscope.instrument.never_raise import warn_once
from droidscope.instrument.sending.destinations import SignalDestination, destinations
from droidscope.instrument.sending.otlp_variables import SIGNALS, OtlpVariables
from droidscope.instrument.sending.outbox import export_to
from droidscope.instrument.sending.sender import Sender
from droidscope.instrument.sending.sender_limits import METRIC_SECONDS, QUEUE_BYTES
from droidscope.instrument.sending.spool import SPOOL_BYTES, Spool

_INTERVAL: str = "OTEL_METRIC_EXPORT_INTERVAL"
_LEAST_BYTES = 1_048_576


def check(destination: Destination, variables: Mapping[str, str]) -> None:
    """
    Find out whether a sender can be made, import what it is made of, and log what does not hold for it.

    In a process that is forked while another thread imports, that import never ends.

    Raises:
        ConfigError: If an argument, a standard variable or the folder of the spool cannot be used.
    """
    check_destination(destination, variables)
    _warn(OtlpVariables(variables, destination.endpoint))


def check_destination(destination: Destination, variables: Mapping[str, str]) -> None:
    """
    As `check`, but without a word about what does not hold.

    Raises:
        ConfigError: As `check` does.
    """
    for signal in _signals(destination, variables).values():
        export_to(signal).close()
    _metric_seconds(variables)
    for name in ("queue_bytes", "spool_bytes"):
        _check_bytes(name, getattr(destination, name))
    _spool(destination)


def new_replayer(destination: Destination, variables: Mapping[str, str]) -> Sender | None:
    """
    A sender that sends what processes before have left in the spool, before anything is recorded; None
    without a spool.

    Raises:
        ConfigError: As `check` does.
    """
    if destination.spool is None:
        return None
    return new_sender(destination, variables, lambda: None, lambda _reason, _count: None)


def new_sender(
    destination: Destination,
    variables: Mapping[str, str],
    collect: Collect,
    on_loss: Callable[[str, int], None],
) -> Sender:
    """
    A sender of this process.

    Raises:
        ConfigError: As `check` does.
    """
    return Sender(
        _signals(destination, variables),
        queue_bytes=destination.queue_bytes or QUEUE_BYTES,
        spool=_spool(destination),
        collect=collect,
        metric_seconds=_metric_seconds(variables),
        on_loss=on_loss,
    )


def _signals(destination: Destination, variables: Mapping[str, str]) -> dict[str, SignalDestination]:
    return destinations(destination.endpoint, destination.protocol, destination.headers, variables)


def _warn(known: OtlpVariables) -> None:
    if known.ignored:
        warn_once(
            "variables",
            "%s names another endpoint than configure(endpoint=...) does, so what belongs to that one is not "
            "taken for this one: %s",
            " and ".join(known.others),
            ", ".join(known.ignored),
        )
    for name in known.malformed:
        warn_once(f"headers:{name}", "%s holds something that is not name=value; it is left out", name)
    off = ", ".join(
        f"OTEL_{signal.upper()}_EXPORTER"
        for signal in SIGNALS
        if signal not in known.signals and known.is_none(signal)
    )
    if not known.signals:
        warn_once("signals", "%s is none, and no endpoint is given to configure: nothing is recorded", off)
    elif off:
        warn_once("signals", "%s is none: this is not sent", off)


def _spool(destination: Destination) -> Spool | None:
    if destination.spool is None:
        return None
    if not isinstance(destination.spool, str | os.PathLike) or not os.fspath(destination.spool):
        raise ConfigError(f"spool is {destination.spool!r}; expected the path of a folder")
    return Spool(Path(destination.spool).absolute(), destination.spool_bytes or SPOOL_BYTES)


def _check_bytes(name: str, value: Any) -> None:  # noqa: ANN401 - what a user has given
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= _LEAST_BYTES):
        return
    raise ConfigError(f"{name} is {value!r}; expected bytes, at least {_LEAST_BYTES}")


def _metric_seconds(variables: Mapping[str, str]) -> float:
    text = variables.get(_INTERVAL)
    if not text:
        return METRIC_SECONDS
    try:
        seconds = float(text) / 1000
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise ConfigError(f"{_INTERVAL} is {text!r}; expected milliseconds, more than 0")
    return seconds
