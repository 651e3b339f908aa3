"""
Where each signal goes and how, from the arguments of `configure`, else from the standard variables.
"""

from __future__ import annotations

import os
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from opentelemetry.util.re import parse_env_headers

from droidscope.errors import ConfigError

SIGNALS: Final = ("traces", "logs", "metrics")
HTTP_PROTOCOL: Final = "http/protobuf"
GRPC_PROTOCOL: Final = "grpc"
_DEFAULT_ENDPOINTS: Final = {HTTP_PROTOCOL: "http://localhost:4318", GRPC_PROTOCOL: "http://localhost:4317"}
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
        return is_loopback(_split(self.endpoint).hostname or "")


def destinations(
    endpoint: str | None = None, protocol: str | None = None, headers: Mapping[str, str] | None = None
) -> dict[str, SignalDestination]:
    """
    The destination of each signal, without those that OTEL_<SIGNAL>_EXPORTER switches off.

    Raises:
        ConfigError: If a protocol, endpoint, header, timeout, compression or file cannot be used.
    """
    wanted = [
        signal
        for signal in SIGNALS
        if os.environ.get(f"OTEL_{signal.upper()}_EXPORTER", "otlp").strip() != "none"
    ]
    return {signal: _destination(signal, endpoint, protocol, headers) for signal in wanted}


def _destination(
    signal: str, endpoint: str | None, protocol: str | None, headers: Mapping[str, str] | None
) -> SignalDestination:
    chosen = protocol if protocol is not None else _variable(signal, "PROTOCOL") or HTTP_PROTOCOL
    if chosen not in _DEFAULT_ENDPOINTS:
        name = "protocol" if protocol is not None else "OTEL_EXPORTER_OTLP_PROTOCOL"
        raise ConfigError(f"{name} is {chosen!r}; expected one of {', '.join(_DEFAULT_ENDPOINTS)}")
    compression = (_variable(signal, "COMPRESSION") or "none").strip().lower()
    if compression not in _COMPRESSIONS:
        expected = ", ".join(_COMPRESSIONS)
        raise ConfigError(f"OTEL_EXPORTER_OTLP_COMPRESSION is {compression!r}; expected one of {expected}")
    address, credentials = _without_credentials(_endpoint(signal, endpoint, chosen))
    return SignalDestination(
        signal=signal,
        protocol=chosen,
        endpoint=address,
        headers={**credentials, **_headers(signal, headers, chosen)},
        timeout_seconds=_timeout_seconds(signal),
        compression=compression,
        insecure=_is_insecure(signal, address),
        authority=_file(signal, "CERTIFICATE"),
        certificate=_file(signal, "CLIENT_CERTIFICATE"),
        key=_file(signal, "CLIENT_KEY"),
    )


def _endpoint(signal: str, given: str | None, protocol: str) -> str:
    specific = os.environ.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT")
    base = (
        given
        if given is not None
        else os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or _DEFAULT_ENDPOINTS[protocol]
    )
    is_whole = given is None and bool(specific)
    url = specific if is_whole and specific else base
    _check_endpoint("endpoint" if given is not None else "OTEL_EXPORTER_OTLP_ENDPOINT", url, protocol)
    if is_whole:
        return url
    _check_base("endpoint" if given is not None else "OTEL_EXPORTER_OTLP_ENDPOINT", url, protocol)
    if protocol == GRPC_PROTOCOL:
        return url
    return f"{url.rstrip('/')}/v1/{signal}"


def _check_endpoint(name: str, url: str, protocol: str) -> None:
    example = _DEFAULT_ENDPOINTS[protocol]
    try:
        parts = _split(url)
        port = parts.port  # raises where it is no number of a port
    except ValueError:
        raise ConfigError(f"{name} is {url!r}; expected a URL such as {example}") from None
    schemes = ("http", "https") if protocol == HTTP_PROTOCOL else ("http", "https", "")
    if parts.scheme not in schemes or not parts.hostname or port == 0:
        raise ConfigError(f"{name} is {url!r}; expected a URL such as {example}")


def _check_base(name: str, url: str, protocol: str) -> None:
    """
    Refuse a whole URL where the base of all signals is expected: nothing would arrive at what it becomes.
    """
    shown, _ = _without_credentials(url)
    parts = _split(shown)
    signal_path = next((end for end in _SIGNAL_PATHS if parts.path.rstrip("/").endswith(end)), "")
    if not (signal_path or (protocol == HTTP_PROTOCOL and (parts.query or parts.fragment))):
        return
    path = parts.path.rstrip("/").removesuffix(signal_path)
    base = parts._replace(path=path, query="", fragment="").geturl().removeprefix("//")
    raise ConfigError(f"{name} is {shown!r}; expected the base URL of all signals, {base}")


def _without_credentials(url: str) -> tuple[str, dict[str, str]]:
    """
    The URL without user and password, which are shown to nobody, and the header that has them instead.
    """
    parts = _split(url)
    if parts.username is None:
        return url, {}
    userinfo, _, _ = parts.netloc.rpartition("@")
    plain = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return url.replace(f"{userinfo}@", "", 1), {
        "authorization": f"Basic {b64encode(plain.encode()).decode()}"
    }


def _split(url: str) -> SplitResult:
    return urlsplit(url if "://" in url else f"//{url}")


def _headers(signal: str, given: Mapping[str, str] | None, protocol: str) -> dict[str, str]:
    by_variable = parse_env_headers(_variable(signal, "HEADERS") or "", liberal=True)
    _check_headers("OTEL_EXPORTER_OTLP_HEADERS", by_variable, protocol)
    _check_headers("headers", given or {}, protocol)
    more = {name.lower(): str(value) for name, value in (given or {}).items()}
    return {**by_variable, **more}


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


def _timeout_seconds(signal: str) -> float:
    text = _variable(signal, "TIMEOUT") or str(_DEFAULT_TIMEOUT_SECONDS)
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise ConfigError(f"OTEL_EXPORTER_OTLP_TIMEOUT is {text!r}; expected seconds, more than 0")
    return seconds


def _is_insecure(signal: str, address: str) -> bool:
    scheme = _split(address).scheme
    if scheme:
        return scheme == "http"
    return (_variable(signal, "INSECURE") or "").strip().lower() == "true"


def _file(signal: str, name: str) -> Path | None:
    text = _variable(signal, name)
    if text is None:
        return None
    path = Path(text)
    try:
        path.read_bytes()
    except OSError as error:
        raise ConfigError(f"OTEL_EXPORTER_OTLP_{name} is {text!r}, which cannot be read: {error}") from error
    return path


def _variable(signal: str, name: str) -> str | None:
    specific, general = f"OTEL_EXPORTER_OTLP_{signal.upper()}_{name}", f"OTEL_EXPORTER_OTLP_{name}"
    return os.environ.get(specific) or os.environ.get(general) or None


def is_loopback(host: str) -> bool:
    """
    Whether *host*, a name or an address, is this host itself.
    """
    name = host.lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False
