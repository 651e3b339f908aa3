"""
A real exporter for the tests of the API.
"""

from __future__ import annotations

import time
from urllib.parse import urlencode

import pytest

import builders as b
from api.api_requests import post
from e2e.processes import Exporter, fetch_json


def message(type_, sender, receiver, outcome, **more):
    """
    A span of a message in session s1.
    """
    attributes = {"type": type_, "sender": sender, "receiver": receiver, "outcome": outcome}
    return b.span("message", **{f"message__{name}": value for name, value in attributes.items()}, **more)


@pytest.fixture(scope="module")
def exporter(tmp_path_factory):
    """
    A real one with data of two orchestrators: atlas, of which half fails and one session runs, and
    hermes, which has no failure, and whose coder queries its reviewer twice and sends one message to all.
    """
    ago = {"start": time.time() - 600 - b.NOON / b.SECOND}
    work = [
        b.task(id=f"t{n}", session=f"s{n}", error="Broken" if n % 2 else "", seconds=30, **ago)
        for n in range(12)
    ]
    ended = [b.session(f"s{n}", error="Broken" if n % 2 else "", seconds=60, **ago) for n in range(12)]
    report = b.task("reviewer", id="r1", session="s0", output__findings__high=2, seconds=5, **ago)
    earlier = {"start": ago["start"] - 3 * 3600}
    scored = b.task(id="t0", output__code_quality_score=80.0, **earlier)
    talk = [
        message("query", "coder", "reviewer", "answered", seconds=60, **ago),
        message("query", "coder", "reviewer", "answered", seconds=30, **ago),
        message("discovery", "coder", "", "accepted", **ago),
    ]
    started = b.event(
        "orchestrator.started", kind="session", session="open", at=ago["start"], pattern__id="build"
    )
    with Exporter(tmp_path_factory.mktemp("api"), birth_hold="1ms") as exporter:
        post(exporter, "/v1/traces", b.traces(*work, *ended, report))
        post(exporter, "/v1/traces", b.traces(b.task(), b.session(**ago), scored, *talk, service="hermes"))
        post(exporter, "/v1/logs", b.logs(started))
        yield exporter


@pytest.fixture
def ask(exporter):
    """
    Asks for a path with parameters; the JSON it gets.
    """
    return lambda path, **query: fetch_json(f"{exporter.url}/api/v1/{path}?{urlencode(query)}")
