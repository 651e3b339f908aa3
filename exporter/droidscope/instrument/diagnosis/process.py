"""
`ds.check()`: what is wrong with this process, and on request with the way to the exporter.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import propagate, trace
from opentelemetry.baggage import set_baggage
from opentelemetry.context import Context

from droidscope.errors import ConfigError
from droidscope.instrument import configure, providers
from droidscope.instrument.diagnosis import exporter_state, probes, variables
from droidscope.instrument.diagnosis.findings import Finding, error, note, warning
from droidscope.instrument.diagnosis.targets import Target, targets
from droidscope.instrument.emission.sink import Destination
from droidscope.instrument.orchestrators.client import URL_VARIABLE, exporter_url
from droidscope.instrument.sending.otlp_variables import SIGNALS

if TYPE_CHECKING:
    from droidscope.instrument.emission.setup import Setup

_WELL: Final = {"delivered", "none yet"}
"""
Answers that need no attention.
"""


def check(*, send: bool = False) -> list[Finding]:
    """
    What is wrong with how this process is set up, the worst first; an empty list if nothing is.

    It prints nothing and never raises. Call it after `configure`.

    Args:
        send: Whether to send what waits, and to ask the endpoint, by an empty request, and the exporter at
            DROIDSCOPE_URL; that may take some seconds.
    """
    try:
        return worst_first(_findings(send=bool(send)))
    except Exception as failure:  # noqa: BLE001 - who looks for a fault needs no other
        return [warning("check_failed", f"The check itself failed: {failure!r}.", "Report it to droidscope.")]


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """
    Errors, then warnings, then notes, each once.
    """
    order = ("error", "warning", "note")
    return sorted(dict.fromkeys(findings), key=lambda finding: order.index(finding.severity))


def _findings(*, send: bool) -> Iterator[Finding]:
    setup = configure.current_setup()
    environment = {**os.environ} if setup is None else {**os.environ, **setup.variables}
    yield from variables.check_packages()
    yield from variables.check_interpreter()
    destination = Destination() if setup is None else setup.destination
    found = variables.check_variables(environment, destination.endpoint)
    yield from (finding for finding in found if finding.name != "no_baggage")
    yield from _check_propagator()
    emitter = providers.current()
    if emitter is None:
        if not variables.is_disabled(environment):
            yield _not_configured(setup)
    else:
        if (emitter.service or "unknown_service").startswith("unknown_service"):
            yield variables.no_service_name("service.name is not known here")
        yield from _check_providers(setup)
    if setup is None:
        return
    chosen = targets(environment, destination.endpoint, destination.protocol, destination.headers)
    if send:
        configure.flush()
    yield from _check_sender()
    yield from check_targets(chosen, send=send)
    if send:
        yield from _check_pages(None if emitter is None else emitter.service)


def _not_configured(setup: Setup | None) -> Finding:
    if setup is not None:  # its road could not be made
        return error(
            "not_configured",
            "What configure was to set up failed, so nothing is recorded.",
            "Look at what else is found, and at the log of droidscope.",
        )
    return error(
        "not_configured",
        "Nothing is configured in this process, so nothing is recorded.",
        "Call droidscope.configure() once, before the first session.",
    )


def _check_propagator() -> Iterator[Finding]:
    headers: dict[str, str] = {}
    propagate.inject(headers, set_baggage("droidscope", "1", Context()))
    if "baggage" not in headers:
        propagator = type(propagate.get_global_textmap()).__name__
        yield variables.no_baggage(f"The global propagator ({propagator}) takes no baggage along")


def _check_providers(setup: Setup | None) -> Iterator[Finding]:
    provider = trace.get_tracer_provider()
    kind = f"{type(provider).__module__}.{type(provider).__qualname__}"
    if setup is None:
        yield note(
            "other_provider",
            f"droidscope.configure() was not called: the global provider ({kind}) sends the records.",
            "Call it, if that is not the exporter.",
        )
    elif _is_of_others(provider):
        yield note(
            "other_provider",
            f"Another provider is global ({kind}), and the spans of frameworks go there only.",
            "Nothing, if droidscope's own records suffice.",
        )


def _check_sender() -> Iterator[Finding]:
    """
    What the sender of this process has heard of the endpoint so far.
    """
    now = configure.sender_status()
    if now is None:
        return
    answers: dict[str, list[str]] = {}
    for signal, state in now.signals.items():
        if state.kind not in _WELL:
            answers.setdefault(f"{state.kind}: {state.text}".rstrip(": "), []).append(signal)
    for answer, signals in answers.items():
        yield warning(
            "not_delivered",
            f"The latest answer to {' and '.join(signals)} was {answer.rstrip('.')}; {now.waiting} wait.",
            "Look at what else is found, and at the log of droidscope.",
        )
    if now.lost:
        lost = ", ".join(f"{reason} {n}" for reason, n in sorted(now.lost.items()))
        yield warning(
            "lost_records",
            f"Records of this process are lost: {lost}.",
            "Its log says when and why; configure(spool=DIR) keeps what cannot be sent.",
        )


def _is_of_others(provider: object) -> bool:
    from droidscope.instrument.emission.setup import FRAMEWORKS  # noqa: PLC0415 - needs the SDK

    return hasattr(provider, "force_flush") and provider is not FRAMEWORKS.provider


def check_targets(chosen: Iterable[Target], *, send: bool) -> Iterator[Finding]:
    """
    What is wrong with where telemetry goes; several signals that go to one place are one question.
    """
    groups: dict[Any, list[Target]] = {}
    for target in chosen:
        path = target.parts.path.removesuffix(f"/v1/{target.signal}")
        groups.setdefault((target.protocol, target.parts.scheme, target.parts.netloc, path), []).append(
            target
        )
    for group in groups.values():
        names = [target.signal for target in group]
        who = "All signals" if len(names) == len(SIGNALS) else " and ".join(names)
        target = group[0]._replace(signal=who)
        faults = list(variables.check_target(target))
        yield from faults
        if send and not any(fault.severity == "error" for fault in faults):
            yield from probes.check_answer(target)


def _check_pages(name: str | None) -> Iterator[Finding]:
    try:
        url = exporter_url()
    except ConfigError as failure:
        yield error("no_url", f"{failure}.", f"Correct {URL_VARIABLE}.")
        return
    findings = list(exporter_state.check_exporter(url, name))
    if URL_VARIABLE not in os.environ and any(
        f.name in {"exporter_unreachable", "no_exporter"} for f in findings
    ):
        return  # nobody has said that it is there
    yield from findings
