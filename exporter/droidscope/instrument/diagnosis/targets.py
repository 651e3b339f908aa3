"""
Where telemetry is sent to, by the OTEL_* variables.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import SplitResult, urlsplit

from opentelemetry.util.re import parse_env_headers

SIGNALS: Final = ("traces", "logs", "metrics")
HTTP: Final = "http/protobuf"
GRPC: Final = "grpc"
DEFAULT_ENDPOINTS: Final = {HTTP: "http://localhost:4318", GRPC: "http://localhost:4317"}


class Target(NamedTuple):
    """
    One signal's: the *protocol* as it is named, the *url*, and the *source* of that, a variable or "".
    """

    signal: str
    protocol: str
    url: str
    source: str = ""
    headers: Mapping[str, str] = {}
    certificate: str = ""

    @property
    def parts(self) -> SplitResult:
        """
        Those of the URL; one without a scheme is host and port.
        """
        return urlsplit(self.url if "://" in self.url else f"//{self.url}")

    @property
    def port(self) -> int | None:
        """
        Of the URL, None if it has none or a wrong one.
        """
        try:
            return self.parts.port
        except ValueError:
            return None


def targets(variables: Mapping[str, str]) -> list[Target]:
    """
    The targets of the signals that are sent.
    """
    return [
        _target(signal, variables) for signal in SIGNALS if exporter_of(signal, variables) not in {"none", ""}
    ]


def exporter_of(signal: str, variables: Mapping[str, str]) -> str:
    """
    What OTEL_<SIGNAL>_EXPORTER names, `otlp` by default.
    """
    return variables.get(f"OTEL_{signal.upper()}_EXPORTER", "otlp").strip() or "otlp"


def _target(signal: str, variables: Mapping[str, str]) -> Target:
    protocol = _setting(signal, "PROTOCOL", variables)[0] or HTTP
    url, source = _setting(signal, "ENDPOINT", variables)
    if not url:
        url = DEFAULT_ENDPOINTS.get(protocol, DEFAULT_ENDPOINTS[HTTP])
    is_general = signal.upper() not in source
    if protocol != GRPC and is_general:
        url = f"{url.rstrip('/')}/v1/{signal}"
    headers = parse_env_headers(_setting(signal, "HEADERS", variables)[0], liberal=True)
    return Target(signal, protocol, url, source, headers, _setting(signal, "CERTIFICATE", variables)[0])


def _setting(signal: str, name: str, variables: Mapping[str, str]) -> tuple[str, str]:
    """
    The value of the signal's own variable or else of the general one, and which it is; "" twice without.
    """
    for variable in (f"OTEL_EXPORTER_OTLP_{signal.upper()}_{name}", f"OTEL_EXPORTER_OTLP_{name}"):
        value = variables.get(variable, "").strip()
        if value:
            return value, variable
    return "", ""
