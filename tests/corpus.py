"""
Recorded telemetry of real agent frameworks, and the counts their workloads kept themselves.

`traces/<framework>/traces.otlp.gz` holds the export requests in order of arrival, each after its
length in four bytes; `ground_truth.json` was counted by the script that ran the agents and never
read from telemetry. Its `pattern` is the one that the sessions must have.
"""

import gzip
import json
from collections import Counter
from functools import cache
from pathlib import Path

from droidscope.assembly.foreign_sessions import ForeignSessions
from droidscope.ingest.decode import decode
from droidscope.ingest.sink import Signal
from droidscope.mapping.foreign_spans import read_step
from droidscope.model import records as r

TRACES = Path(__file__).parent / "traces"
FRAMEWORKS = sorted(path.name for path in TRACES.iterdir() if path.is_dir())

HOUR = 3_600_000_000_000


@cache
def requests(framework):
    """
    The bodies of the export requests, as they arrived.
    """
    data = gzip.decompress((TRACES / framework / "traces.otlp.gz").read_bytes())
    bodies = []
    while data:
        size = int.from_bytes(data[:4], "big")
        bodies.append(data[4 : 4 + size])
        data = data[4 + size :]
    return tuple(bodies)


@cache
def steps(framework):
    """
    The foreign steps of a recording with the orchestrator that sent each, in order of arrival.
    """
    spans = [span for body in requests(framework) for span in decode(Signal.TRACES, body).spans]
    return tuple((read_step(span), (span.resource.attributes["service.name"],)) for span in spans)


@cache
def truth(framework):
    return json.loads((TRACES / framework / "ground_truth.json").read_text())


def settle(arrivals, sessions=None):
    """
    The records of steps that all arrive at once and are then left alone for an hour.
    """
    sessions = ForeignSessions() if sessions is None else sessions
    for step, orchestrator in arrivals:
        sessions.add(step, orchestrator, 0)
    return sessions.settle(HOUR)


def only(kind, records):
    return [record for record in records if isinstance(record, kind)]


def tries(records):
    """
    Every agent run: the attempts, and the tasks that are their only one.
    """
    return only(r.Attempt, records) + [task for task in only(r.Task, records) if not task.attempts]


def failures(records):
    return sum(record.outcome == "failed" for record in records)


def by_droid(records):
    return dict(Counter(record.place.droid for record in records))
