"""
Where each signal goes and how, from the arguments of `configure`, else from the standard variables.
"""

from __future__ import annotations

import os
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from droidscope.errors import ConfigError
from droidscope.instrument.sending.otlp_variables import (
    DEFAULT_ENDPOINTS,
    GRPC_PROTOCOL,
    HTTP_PROTOCOL,
    SIGNALS,
    OtlpVariables,
    is_loopback,
    split_url,
)

_DEFAULT_TIMEOUT_SECONDS: Final = 10.0
_COMPRESSIONS: Final = ("none", "gzip", "deflate")
_SIGNAL_PATHS: Final = tuple(f"/v1/{signal}" for signal in SIGNALS)
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUES: Final = {
    HTTP_PROTOCOL: (re.compile(r"[\t\x20-\x7e\xa0-\xff]*"), "Latin-1 without control characters"),
    GRPC_PROTOCOL: (re.compile(r"[\x20-\x7e]*"), "ASCII without control characters"),
}


@dataclass(frozen=True)
class SignalDestination:
    """
    One signal's receiver.

    *endpoint* is the whole URL for HTTP and an address for gRPC. *compression* is that on the wire. The three
    paths are None where they are not set.
    """

    signal: str
    protocol: str
    endpoint: str
    headers: Mapping[str, str]
    timeout_seconds: float
    compression: str
    insecure: bool
    authority: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    @property
    def is_loopback(self) -> bool:
        """
        Whether the receiver is on this host, so that no proxy is asked.
        """
        return is_loopback(split_url(self.endpoint).hostname or "")


def destinations(
    endpoint: str | None = None,
    protocol: str | None = None,
    headers: Mapping[str, str] | None = None,
    variables: Mapping[str, str] | None = None,
) -> dict[str, SignalDestination]:
    """
    The destination of each signal that is sent, by the arguments, else by *variables*, those of this process
    by default.

    Raises:
        ConfigError: If a protocol, endpoint, header, timeout, compression or file cannot be used.
    """
    known = OtlpVariables(os.environ if variables is None else variables, endpoint)
    return {signal: _destination(signal, known, protocol, headers) for signal in known.signals}


def _destination(
    signal: str, known: OtlpVariables, protocol: str | None, headers: Mapping[str, str] | None
) -> SignalDestination:
    chosen = protocol if protocol is not None else known.protocol(signal)
    if chosen not in DEFAULT_ENDPOINTS:
        name = "protocol" if protocol is not None else "OTEL_EXPORTER_OTLP_PROTOCOL"
        raise ConfigError(f"{name} is {chosen!r}; expected one of {', '.join(DEFAULT_ENDPOINTS)}")
    compression = (known.text(signal, "COMPRESSION")[0] or "none").lower()
    if compression not in _COMPRESSIONS:
        expected = ", ".join(_COMPRESSIONS)
        raise ConfigError(f"OTEL_EXPORTER_OTLP_COMPRESSION is {compression!r}; expected one of {expected}")
    base, source = known.base(signal, chosen)
    where = "endpoint" if source == "configure" else source
    _check_endpoint(where, base, chosen)
    if signal.upper() not in source:
        _check_base(where, base, chosen)
    address, credentials = without_credentials(known.endpoint(signal, chosen)[0])
    return SignalDestination(
        signal=signal,
        protocol=chosen,
        endpoint=address,
        headers={**credentials, **_headers(known.headers(signal), headers or {}, chosen)},
        timeout_seconds=_timeout_seconds(known.text(signal, "TIMEOUT")[0]),
        compression=compression,
        insecure=_is_insecure(known.text(signal, "INSECURE")[0], address),
        authority=_file(*known.text(signal, "CERTIFICATE")),
        certificate=_file(*known.text(signal, "CLIENT_CERTIFICATE")),
        key=_file(*known.text(signal, "CLIENT_KEY")),
    )


def _check_endpoint(name: str, url: str, protocol: str) -> None:
    example = DEFAULT_ENDPOINTS[protocol]
    try:
        parts = split_url(url)
        port = parts.port  # raises where it is no number of a port
    except ValueError:
        raise ConfigError(f"{name} is {url!r}; expected a URL such as {example}") from None
    schemes = ("http", "https") if protocol == HTTP_PROTOCOL else ("http", "https", "")
    is_shown = url.isprintable() and " " not in url
    if not is_shown or parts.scheme not in schemes or not parts.hostname or port == 0:
        raise ConfigError(f"{name} is {url!r}; expected a URL such as {example}")


def _check_base(name: str, url: str, protocol: str) -> None:
    """
    Refuse a whole URL where the base of all signals is expected: nothing would arrive at what it becomes.
    """
    shown, _ = without_credentials(url)
    parts = split_url(shown)
    signal_path = next((end for end in _SIGNAL_PATHS if parts.path.rstrip("/").endswith(end)), "")
    if not (signal_path or (protocol == HTTP_PROTOCOL and (parts.query or parts.fragment))):
        return
    path = parts.path.rstrip("/").removesuffix(signal_path)
    base = parts._replace(path=path, query="", fragment="").geturl().removeprefix("//")
    raise ConfigError(f"{name} is {shown!r}; expected the base URL of all signals, {base}")


def without_credentials(url: str) -> tuple[str, dict[str, str]]:
    """
    The URL without user and password, which are shown to nobody, and the header that has them instead.
    """
    parts = split_url(url)
    if parts.username is None:
        return url, {}
    userinfo, _, _ = parts.netloc.rpartition("@")
    plain = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return url.replace(f"{userinfo}@", "", 1), {
        "authorization": f"Basic {b64encode(plain.encode()).decode()}"
    }


def _headers(by_variable: Mapping[str, str], given: Mapping[str, str], protocol: str) -> dict[str, str]:
    _check_headers("OTEL_EXPORTER_OTLP_HEADERS", by_variable, protocol)
    _check_headers("headers", given, protocol)
    return {**by_variable, **{name.lower(): value for name, value in given.items()}}


def _check_headers(where: str, headers: Mapping[str, str], protocol: str) -> None:
    """
    Refuse what no request can carry; values are not shown, since they may be secrets.
    """
    pattern, expected = _HEADER_VALUES[protocol]
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name):
            raise ConfigError(f"{where} has the name {name!r}; expected letters, digits and hyphens")
        if not pattern.fullmatch(value):
            raise ConfigError(f"the value of {name!r} in {where} cannot be sent; expected {expected}")


def _timeout_seconds(given: str) -> float:
    text = given or str(_DEFAULT_TIMEOUT_SECONDS)
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise ConfigError(f"OTEL_EXPORTER_OTLP_TIMEOUT is {text!r}; expected seconds, more than 0")
    return seconds


def _is_insecure(text: str, address: str) -> bool:
    scheme = split_url(address).scheme
    if scheme:
        return scheme == "http"
    return text.lower() == "true"


def _file(text: str, name: str) -> Path | None:
    if not text:
        return None
    path = Path(text)
    try:
        path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{name} is {text!r}, which cannot be read: {error}") from error
    return path
