"""
Where telemetry is sent to, by the arguments of `configure` and the OTEL_* variables.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import SplitResult

from droidscope.instrument.sending.otlp_variables import (
    GRPC_PROTOCOL,
    HTTP_PROTOCOL,
    OtlpVariables,
    split_url,
)

HTTP: Final = HTTP_PROTOCOL
GRPC: Final = GRPC_PROTOCOL


class Target(NamedTuple):
    """
    One signal's: the *protocol* as it is named, the *url*, and the *source* of that: a variable, "configure"
    or "".
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
        return split_url(self.url)

    @property
    def port(self) -> int | None:
        """
        Of the URL, None if it has none or a wrong one.
        """
        try:
            return self.parts.port
        except ValueError:
            return None


def targets(
    variables: Mapping[str, str],
    endpoint: str | None = None,
    protocol: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> list[Target]:
    """
    The targets of the signals that `configure` sends with these arguments.
    """
    known = OtlpVariables(variables, endpoint)
    return [_target(signal, known, protocol, headers) for signal in known.signals]


def _target(
    signal: str, known: OtlpVariables, protocol: str | None, headers: Mapping[str, str] | None
) -> Target:
    chosen = protocol or known.protocol(signal)
    url, source = known.endpoint(signal, chosen)
    return Target(
        signal,
        chosen,
        url,
        source,
        {**known.headers(signal), **(headers or {})},
        known.text(signal, "CERTIFICATE")[0],
    )
