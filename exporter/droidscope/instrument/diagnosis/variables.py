"""
What is wrong with the variables, the interpreter and the packages of a process.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Final
from urllib.request import getproxies_environment, proxy_bypass

from droidscope.conventions.attributes import SERVICE_NAME
from droidscope.installation import clone_command, index_command
from droidscope.instrument.diagnosis.findings import Finding, error, note, warning
from droidscope.instrument.diagnosis.targets import GRPC, HTTP, Target
from droidscope.instrument.orchestrators.client import is_loopback
from droidscope.instrument.sending.otlp_variables import SIGNALS, OtlpVariables

GRPC_PORT: Final = 4317
HTTP_PORT: Final = 4318
PAGES_PORT: Final = 9788

_WITHOUT: Final = {
    "logs": "what has not ended yet is not seen: a process that dies takes its sessions with it",
    "metrics": "how much of what was sent has arrived is not known",
}


def check_packages(found: Mapping[str, bool] | None = None) -> Iterator[Finding]:
    """
    What is not installed, *found* by the name of its module.
    """
    needed = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.common")
    known = found if found is not None else {name: _is_installed(name) for name in needed}
    if missing := [name for name in needed if not known[name]]:
        yield error(
            "no_sdk",
            f"{' and '.join(missing)} is not installed, so nothing can be sent.",
            f"Install it: in a clone {clone_command('sdk')}, or once released {index_command('sdk')}.",
        )


def check_interpreter(version: tuple[int, int, int] | None = None) -> Iterator[Finding]:
    """
    Versions of Python that end threads too early.
    """
    version = version or sys.version_info[:3]
    if (3, 12, 0) <= version < (3, 12, 3):
        yield note(
            "early_python_3_12",
            f"Python {'.'.join(map(str, version))} starts no thread when a process ends.",
            "droidscope sends what waits all the same; other exporters lose it: take 3.12.3 or later.",
        )


def is_disabled(variables: Mapping[str, str]) -> bool:
    """
    Whether the variables switch everything off.
    """
    return variables.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"


def check_variables(variables: Mapping[str, str], endpoint: str | None = None) -> Iterator[Finding]:
    """
    Variables that switch something off, or do not hold for an *endpoint* given to `configure`.
    """
    if is_disabled(variables):
        yield error("sdk_disabled", "OTEL_SDK_DISABLED is true, so nothing is recorded.", "Unset it.")
    known = OtlpVariables(variables, endpoint)
    if endpoint is None:
        yield from _check_exporters(known)
    if known.ignored:
        yield note(
            "other_endpoint",
            f"{' and '.join(known.others)} names another endpoint than configure, which takes nothing of "
            f"what belongs to that one: {', '.join(known.ignored)}.",
            "Nothing; or give configure what its own endpoint needs, such as headers.",
        )
    yield from _check_propagators(variables)
    if variables.get("OTEL_TRACES_SAMPLER"):
        yield note(
            "sampler",
            f"OTEL_TRACES_SAMPLER is {variables['OTEL_TRACES_SAMPLER']}: spans of other libraries are "
            "sampled, sessions and their records never.",
            "Leave it, unless the spans of a framework are to count, too.",
        )


def _check_exporters(known: OtlpVariables) -> Iterator[Finding]:
    for signal in SIGNALS:
        if known.is_none(signal):
            make = error if signal == "traces" else warning
            name = f"OTEL_{signal.upper()}_EXPORTER"
            without = _WITHOUT.get(signal, "nothing is recorded at all")
            yield make(
                f"no_{signal}",
                f"{name} is none, so {signal} are not sent: {without}.",
                f"Unset it, or give configure an endpoint: then {name} is not for droidscope.",
            )


def _check_propagators(variables: Mapping[str, str]) -> Iterator[Finding]:
    given = variables.get("OTEL_PROPAGATORS", "").strip()
    if given and "baggage" not in {name.strip() for name in given.split(",")}:
        yield no_baggage(f"OTEL_PROPAGATORS is {given}")


def no_baggage(because: str) -> Finding:
    """
    That the ids of sessions and tasks stay in their process.
    """
    return warning(
        "no_baggage",
        f"{because}, so the ids of session and task do not reach other processes: what is done there belongs "
        "to no session.",
        "Set OTEL_PROPAGATORS=tracecontext,baggage, or add W3CBaggagePropagator to the global propagator.",
    )


def check_service_name(variables: Mapping[str, str]) -> Iterator[Finding]:
    """
    Whether the variables name the orchestrator.
    """
    pairs = (pair.partition("=") for pair in variables.get("OTEL_RESOURCE_ATTRIBUTES", "").split(","))
    named = any(key.strip() == SERVICE_NAME and value.strip() for key, _, value in pairs)
    if not variables.get("OTEL_SERVICE_NAME", "").strip() and not named:
        yield no_service_name("OTEL_SERVICE_NAME is not set")


def no_service_name(because: str) -> Finding:
    """
    That the orchestrator is called unknown_service.
    """
    return warning(
        "no_service_name",
        f"{because}, so the orchestrator is called unknown_service, as any other without a name.",
        "Set OTEL_SERVICE_NAME, or call droidscope.configure(service_name=...).",
    )


def check_target(target: Target) -> Iterator[Finding]:
    """
    What can be seen of a target without asking it.
    """
    where = f"{target.signal} go to {target.url}" + (f" ({target.source})" if target.source else "")
    if target.protocol not in {HTTP, GRPC}:
        yield error(
            "unknown_protocol",
            f"The protocol of {target.signal} is {target.protocol}.",
            f"Set OTEL_EXPORTER_OTLP_PROTOCOL to {HTTP} or {GRPC}.",
        )
        return
    if not target.parts.hostname or (
        target.protocol == HTTP and target.parts.scheme not in {"http", "https"}
    ):
        yield error("no_url", f"{where}, which is no URL.", "Give one such as http://127.0.0.1:4318.")
        return
    yield from _check_port(target, where)
    if target.protocol == HTTP and target.parts.path.count("/v1/") > 1:
        yield error(
            "path_twice",
            f"{where}: the path of the signal is there twice.",
            "OTEL_EXPORTER_OTLP_ENDPOINT is without path; those of single signals, such as "
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, are with it.",
        )
    yield from _check_proxy(target)


def _check_port(target: Target, where: str) -> Iterator[Finding]:
    if target.port == PAGES_PORT:
        yield wrong_port(where, "that is the port of the exporter's pages", target)
    elif target.protocol == HTTP and target.port == GRPC_PORT:
        yield wrong_port(where, "that is the port of gRPC, and the protocol is HTTP", target)
    elif target.protocol == GRPC and target.port == HTTP_PORT:
        yield wrong_port(where, "that is the port of HTTP, and the protocol is gRPC", target)


def wrong_port(where: str, because: str, target: Target) -> Finding:
    """
    That somebody else listens where telemetry goes.
    """
    port, other = (HTTP_PORT, GRPC) if target.protocol == HTTP else (GRPC_PORT, HTTP)
    return error(
        "wrong_port",
        f"{where}: {because}.",
        f"Take port {port} for {target.protocol}, or OTEL_EXPORTER_OTLP_PROTOCOL={other} for this one.",
    )


def _check_proxy(target: Target) -> Iterator[Finding]:
    proxies, host = getproxies_environment(), target.parts.hostname or ""
    scheme = "https" if target.parts.scheme == "https" else "http"
    proxy = proxies.get(scheme)
    if proxy and not is_loopback(f"http://{host}") and not proxy_bypass(host):
        yield note(
            "proxy",
            f"{target.signal} go to {host} by the proxy {proxy} ({scheme}_proxy).",
            f"If it does not lead there, add {host} to NO_PROXY.",
        )


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # a parent of it
        return False
