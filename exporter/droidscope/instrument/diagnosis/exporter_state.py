"""
What the exporter says about itself and about what it has received.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Iterator
from http.client import HTTPException
from typing import Any, Final, NamedTuple
from urllib.error import HTTPError
from urllib.request import Request

from droidscope.instrument.diagnosis.findings import Finding, error, note, warning
from droidscope.instrument.diagnosis.probes import TIMEOUT_SECONDS, check_clock
from droidscope.instrument.orchestrators.client import URL_VARIABLE, open_url

_SAMPLE: Final = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)
_LABEL: Final = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_HARMLESS: Final = {
    "not_found",
    "wrong_method",
    "unsupported_media_type",
    "disconnected",
    "stopping",
    "queue_full",
}
"""
Reasons for which a whole request was refused, of which the sender knows, or which is sent again.
"""


class Sample(NamedTuple):
    """
    One line of the exporter's metrics page.
    """

    name: str
    labels: dict[str, str]
    value: float


def check_exporter(url: str, orchestrator: str | None = None) -> Iterator[Finding]:
    """
    What is wrong with the exporter whose pages are at *url*; of one *orchestrator*, or of all.
    """
    where = f"The exporter at {url}"
    try:
        asked = time.time()
        summary = json.loads(_page(url, "/api/v1/summary"))
        ours = (asked + time.time()) / 2
        status = summary["status"]
    except (OSError, HTTPException) as failure:
        yield error(
            "exporter_unreachable",
            f"{where} does not answer: {getattr(failure, 'reason', None) or failure}.",
            f"Start it (droidscope serve), or give the address of its pages ({URL_VARIABLE}).",
        )
        return
    except (ValueError, KeyError, TypeError):
        yield error(
            "no_exporter",
            f"{where} answers, but not as a droidscope exporter does.",
            f"Give the address of its pages, by default http://127.0.0.1:9788 ({URL_VARIABLE}).",
        )
        return
    if not status.get("ready"):
        yield warning(
            "exporter_not_ready",
            f"{where} is not ready: {status.get('message') or 'it starts'}.",
            "Wait, and ask again.",
        )
        return
    yield from check_clock(summary["summary"]["time_seconds"], ours, f"Pages are at {url}")
    samples = _samples(_page(url, "/metrics", {"Accept": "text/plain"}))
    yield from check_receipts(where, samples, orchestrator)
    yield from check_held_back(where, summary["summary"], samples)


def check_receipts(where: str, samples: Iterable[Sample], orchestrator: str | None) -> Iterator[Finding]:
    """
    What the metrics page says about what has arrived, was refused and is missing.
    """
    samples = list(samples)
    received = {
        sample.labels.get("orchestrator", "")
        for sample in samples
        if sample.name == "droidscope_last_receipt_timestamp_seconds"
    }
    if not received:
        yield warning(
            "nothing_received",
            f"{where} has not received anything of an orchestrator yet.",
            "Run a session, and look at what its process says (ds.check(send=True) in it).",
        )
    elif orchestrator is not None and orchestrator not in received:
        yield warning(
            "orchestrator_unknown",
            f"{where} has received nothing of {orchestrator}, but of {_listed(received)}.",
            "Compare with service_name=, or OTEL_SERVICE_NAME.",
        )
    yield from _check_refusals(where, samples)
    yield from _check_completeness(where, samples, orchestrator)


def _check_refusals(where: str, samples: Iterable[Sample]) -> Iterator[Finding]:
    refused = {
        sample.labels.get("reason", ""): int(sample.value)
        for sample in samples
        if sample.name == "droidscope_rejected_total" and sample.value
    }
    if refused.get("no_session"):
        yield warning(
            "no_session",
            f"{where} has refused {refused['no_session']} records that belong to no session.",
            "Record within a session; its context goes to threads by ds.carry, to processes by headers.",
        )
    others = {
        reason: n for reason, n in refused.items() if reason != "no_session" and reason not in _HARMLESS
    }
    if others:
        reasons = ", ".join(f"{reason} {n}" for reason, n in sorted(others.items()))
        yield warning(
            "refused_items", f"{where} has refused items: {reasons}.", "Its log names them at level debug."
        )


def _check_completeness(where: str, samples: Iterable[Sample], orchestrator: str | None) -> Iterator[Finding]:
    for sample in samples:
        if sample.name == "droidscope_completeness_ratio" and sample.value < 1:
            name = sample.labels.get("orchestrator", "")
            if orchestrator in {None, name}:
                yield warning(
                    "incomplete",
                    f"{where} has {sample.value:.1%} of what {name} says it has sent.",
                    "Some of it is on its way, was lost, or was refused: look at ds.check() in its process.",
                )


def check_held_back(where: str, summary: dict[str, Any], samples: Iterable[Sample]) -> Iterator[Finding]:
    """
    Counters that do not show yet what is counted.
    """
    counted = {
        "orchestrator_sessions_total": _total(
            summary, "completed_sessions", "failed_sessions", "lost_sessions"
        ),
        "orchestrator_tasks_total": _total(summary, "completed_tasks", "failed_tasks"),
    }
    shown = dict.fromkeys(counted, 0)
    for sample in samples:
        if sample.name in shown and sample.labels.get("outcome") in {"completed", "failed", "lost"}:
            shown[sample.name] += int(sample.value)
    for name, n in counted.items():
        if shown[name] < n:
            yield note(
                "held_back",
                f"{where} has counted {n}, and {name} shows {shown[name]}: a new series shows its value "
                "before its first event for birth_hold (by default 1 minute), or increase() would miss it.",
                "Wait that long; the live page and the API show everything at once.",
            )


def _total(summary: dict[str, Any], *fields: str) -> int:
    return sum(int(summary.get(field) or 0) for field in fields)


def _listed(names: Iterable[str]) -> str:
    first = sorted(names)[:5]
    return ", ".join(name or "(no name)" for name in first)


def _page(url: str, path: str, headers: dict[str, str] | None = None) -> str:
    try:
        request = Request(f"{url.rstrip('/')}{path}", headers=headers or {})  # noqa: S310 - the caller has seen its scheme
        with open_url(request, TIMEOUT_SECONDS) as answer:
            return str(answer.read().decode())
    except HTTPError as refusal:
        with refusal:
            return str(refusal.read().decode(errors="replace"))


def _samples(text: str) -> list[Sample]:
    return [
        Sample(name, dict(_LABEL.findall(labels)), float(value))
        for name, labels, value in _SAMPLE.findall(text)
    ]
