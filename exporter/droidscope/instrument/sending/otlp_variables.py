"""
The standard variables that say where telemetry goes, and which of them hold for an endpoint given in code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit

from opentelemetry.util.re import parse_env_headers

SIGNALS: Final = ("traces", "logs", "metrics")
HTTP_PROTOCOL: Final = "http/protobuf"
GRPC_PROTOCOL: Final = "grpc"
DEFAULT_ENDPOINTS: Final = {HTTP_PROTOCOL: "http://localhost:4318", GRPC_PROTOCOL: "http://localhost:4317"}
_PORTS: Final = {4317: GRPC_PROTOCOL, 4318: HTTP_PROTOCOL}
_OF_ENDPOINT: Final = ("HEADERS", "CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY", "INSECURE", "PROTOCOL")
"""
What belongs to one endpoint, and may be a secret between it and this process.
"""
_HEADER: Final = re.compile(r"[ \t]*[!#-'*+\-.0-9A-Z^-z|~]+[ \t]*=[ \t]*[ !#-+\--:<-\[\]-~]*[ \t]*")


class OtlpVariables:
    """
    What *variables* say about the *endpoint* given in code, or without one about those that they name.

    Where they name another endpoint than the given one, their headers, certificates and protocol are that
    other one's, and are not taken.
    """

    def __init__(self, variables: Mapping[str, str], endpoint: str | None = None) -> None:
        self._variables = variables
        self._given = endpoint
        self.others = () if endpoint is None else tuple(_others(variables, endpoint))

    @property
    def signals(self) -> tuple[str, ...]:
        """
        The signals that are sent: all to an endpoint given in code, else those whose OTEL_<SIGNAL>_EXPORTER
        is not none. Without traces it is nothing: all that had started would seem to go on for ever.
        """
        if self._given is not None:
            return SIGNALS
        wanted = tuple(signal for signal in SIGNALS if not self.is_none(signal))
        return wanted if "traces" in wanted else ()

    @property
    def ignored(self) -> tuple[str, ...]:
        """
        The names of those that are set, but are another endpoint's.
        """
        names = (name for setting in _OF_ENDPOINT for name in _names(setting)) if self.others else ()
        return tuple(name for name in names if self._variables.get(name))

    @property
    def malformed(self) -> tuple[str, ...]:
        """
        The names of those with headers that are not name=value.
        """
        names = [name for name in _names("HEADERS") if name not in self.ignored]
        return tuple(name for name in names if any(_split_headers(self._variables.get(name, ""))[1]))

    def is_none(self, signal: str) -> bool:
        """
        Whether OTEL_<SIGNAL>_EXPORTER is none.
        """
        return self._variables.get(f"OTEL_{signal.upper()}_EXPORTER", "").strip().lower() == "none"

    def text(self, signal: str, setting: str) -> tuple[str, str]:
        """
        The value of the signal's own variable or else of the general one, and which it is; "" twice without.
        """
        if self.others and setting in _OF_ENDPOINT:
            return "", ""
        for name in _names(setting, signal):
            if value := self._variables.get(name, "").strip():
                return value, name
        return "", ""

    def base(self, signal: str, protocol: str) -> tuple[str, str]:
        """
        As `endpoint`, as it is written.
        """
        url, source = (self._given, "configure") if self._given is not None else self.text(signal, "ENDPOINT")
        return url or DEFAULT_ENDPOINTS.get(protocol, DEFAULT_ENDPOINTS[HTTP_PROTOCOL]), source

    def endpoint(self, signal: str, protocol: str) -> tuple[str, str]:
        """
        Where *signal* goes, with the path of the signal for HTTP, and which variable says so: "configure" if
        it was given in code, "" by default.
        """
        url, source = self.base(signal, protocol)
        if protocol == GRPC_PROTOCOL or signal.upper() in source:
            return url, source
        return f"{url.rstrip('/')}/v1/{signal}", source

    def protocol(self, signal: str) -> str:
        """
        How *signal* is sent, if nothing is given in code; one endpoint has one protocol.
        """
        if self._given is None:
            return self.text(signal, "PROTOCOL")[0] or HTTP_PROTOCOL
        return _PORTS.get(_port(self._given) or 0) or self.text("", "PROTOCOL")[0] or HTTP_PROTOCOL

    def headers(self, signal: str) -> dict[str, str]:
        """
        By name in lower case.
        """
        return _split_headers(self.text(signal, "HEADERS")[0])[0]


def _names(setting: str, signal: str | None = None) -> Iterator[str]:
    signals = SIGNALS if signal is None else (signal,) if signal else ()
    for each in signals:
        yield f"OTEL_EXPORTER_OTLP_{each.upper()}_{setting}"
    yield f"OTEL_EXPORTER_OTLP_{setting}"


def _others(variables: Mapping[str, str], endpoint: str) -> Iterator[str]:
    """
    The variables that name another endpoint.
    """
    for signal in ("", *SIGNALS):
        name = next(_names("ENDPOINT", signal))
        value = variables.get(name, "").strip().rstrip("/")
        if value and _place(value.removesuffix(f"/v1/{signal}")) != _place(endpoint):
            yield name


def _place(url: str) -> tuple[str, str, int | None, str]:
    """
    What two ways to write one endpoint have in common.
    """
    parts = split_url(url.strip())
    host = parts.hostname or ""
    return parts.scheme, "localhost" if is_loopback(host) else host, _port(url), parts.path.rstrip("/")


def _port(url: str) -> int | None:
    try:
        return split_url(url).port
    except ValueError:
        return None


def split_url(url: str) -> SplitResult:
    """
    The parts of *url*; one without a scheme is host and port.
    """
    return urlsplit(url if "://" in url else f"//{url}")


def _split_headers(text: str) -> tuple[dict[str, str], list[str]]:
    """
    The headers in *text*, and what in it are none: the API's own function would log these as they are.
    """
    items = [item for item in text.split(",") if item.strip()]
    good = [item for item in items if _HEADER.fullmatch(item)]
    return dict(parse_env_headers(",".join(good), liberal=True)), [item for item in items if item not in good]


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
