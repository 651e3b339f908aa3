"""
Durable ingest against decoding alone: spans a second and core, and where the time goes.

    python bench/ingest.py [--spans 50000]

Everything is measured in one run, since machines are noisy: trust the ratios. CPU is the
exporter's own, user and system, read from /proc; so a second is a second of one core.
"""

from __future__ import annotations

import argparse
import gzip
import http.client
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

import builders as b
from droidscope.assembly.foreign_settings import ForeignSettings
from droidscope.head.head import Head
from droidscope.ingest.decode import decode
from droidscope.ingest.sink import Signal
from droidscope.mapping.mapper import Mapper, relevant
from droidscope.model.identity import span_identity
from droidscope.series.label_limits import SeriesLimits
from droidscope.sessions.settings import HeadSettings
from droidscope.store.log import Frame, FrameKind, Log
from droidscope.store.seen import SeenIds

DROIDS = ("backend-architect", "frontend-developer", "security-auditor", "test-automator", "code-reviewer")
SENDERS = 4


def session_spans(number: int, rng: random.Random) -> list:
    """
    One session as an orchestrator emits it: 20 spans of about 12 attributes.
    """
    trace = rng.randbytes(16)
    common = {"session": f"{number:032x}", "trace_id": trace, "pattern__id": "full-stack-feature"}
    spans = []
    for phase in range(3):
        in_phase = {**common, "phase__id": f"phase-{phase}-implementation"}
        for droid in DROIDS[phase : phase + 2]:
            in_task = {
                **in_phase,
                "task__id": rng.randbytes(16).hex(),
                "task__type": "implementation",
                "gen_ai__agent__name": droid,
            }
            spent = {
                "gen_ai__usage__input_tokens": 1200,
                "gen_ai__usage__output_tokens": 300,
                "gen_ai__request__model": "m",
            }
            spans.append(
                b.span("attempt", span_id=rng.randbytes(8), task__attempt=1, seconds=20, **spent, **in_task)
            )
            spans.append(
                b.span("task", span_id=rng.randbytes(8), task__attempts=1, seconds=21,
                       output__code_quality_score=88.5, output__test_coverage=91.0, **in_task)
            )  # fmt: skip
            spans.append(
                b.span("message", span_id=rng.randbytes(8), message__type="query", message__sender=droid,
                       message__receiver=DROIDS[0], message__outcome="answered", seconds=3, **in_task)
            )  # fmt: skip
        spans.append(b.span("phase", span_id=rng.randbytes(8), seconds=30, **in_phase))
    spans.append(b.span("session", span_id=rng.randbytes(8), seconds=95, **common))
    return spans


def requests(total: int, size: int, rng: random.Random) -> list[bytes]:
    pending, made = [], []
    number = rng.getrandbits(64)
    while len(made) * size < total:
        while len(pending) < size:
            pending += session_spans(number, rng)
            number += 1
        made.append(b.traces(*pending[:size]))
        del pending[:size]
    return made


def decode_alone(bodies: list[bytes]) -> float:
    """
    CPU seconds of protobuf's own `FromString`.
    """
    start = time.process_time()
    for body in bodies:
        ExportTraceServiceRequest.FromString(body)
    return time.process_time() - start


def stages(bodies: list[bytes], directory: Path) -> Counter:
    """
    Seconds in each stage of the road, walked in a loop without a network.
    """
    spent: Counter = Counter()
    seen = SeenIds(5_000_000, 10**15)
    mapper = Mapper(("deployment.environment.name",))
    head = Head(HeadSettings(), SeriesLimits(resource_labels=("environment",)), ForeignSettings())
    log = Log(directory)
    log.start(1)
    clock = time.perf_counter
    for number, body in enumerate(bodies):
        t0 = clock()
        batch = relevant(decode(Signal.TRACES, body))
        t1 = clock()
        fresh = [span for span in batch.spans if seen.add(span_identity(span))]
        t2 = clock()
        mapped = mapper.map(batch)
        t3 = clock()
        log.append([Frame(FrameKind.TRACES, number, b.NOON, body)])
        t4 = clock()
        head.take(mapped, number * 1_000_000, b.NOON + 3600 * b.SECOND)
        t5 = clock()
        for name, seconds in zip(
            ("decode", "dedupe", "map", "log + fdatasync", "head"),
            (t1 - t0, t2 - t1, t3 - t2, t4 - t3, t5 - t4),
            strict=True,
        ):
            spent[name] += seconds
        assert len(fresh) == len(batch.spans)
    log.close()
    return spent


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def over_http(bodies: list[bytes]) -> tuple[float, float]:
    """
    Wall and exporter CPU seconds to have everything acknowledged, gzip over HTTP.
    """
    packed = [gzip.compress(body, 1) for body in bodies]
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, "-m", "droidscope", "serve", "--store", directory]
        command += ["--listen", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0", "--otlp-grpc", "127.0.0.1:0"]
        exporter = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        ready = exporter.stdout.readline()
        port = int(ready.split("OTLP/HTTP on 127.0.0.1:")[1].split(",")[0])

        def send(share: list[bytes]) -> None:
            connection = http.client.HTTPConnection("127.0.0.1", port)
            for body in share:
                headers = {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"}
                connection.request("POST", "/v1/traces", body, headers)
                answer = connection.getresponse()
                answer.read()
                assert answer.status == 200, answer.status

        cpu, wall = cpu_seconds(exporter.pid), time.perf_counter()
        with ThreadPoolExecutor(SENDERS) as pool:
            list(pool.map(send, [packed[start::SENDERS] for start in range(SENDERS)]))
        result = time.perf_counter() - wall, cpu_seconds(exporter.pid) - cpu
        exporter.terminate()
        exporter.wait(10)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spans", type=int, default=50_000)
    total = parser.parse_args().spans
    rng = random.Random(1)
    for size in (512, 10):
        bodies = requests(total, size, rng)
        spans = len(bodies) * size
        alone = min(decode_alone(bodies) for _ in range(3))
        with tempfile.TemporaryDirectory() as directory:
            spent = stages(bodies, Path(directory))
        wall, cpu = over_http(bodies)
        print(f"\n{spans} spans in requests of {size} ({sum(map(len, bodies)) // spans} bytes a span)")
        print(f"  {'FromString alone':<34} {spans / alone:>12,.0f} spans/s/core")
        road = spent.total()
        print(f"  {'whole road in a loop':<34} {spans / road:>12,.0f} spans/s/core   {road / alone:6.1f}x")
        for stage, seconds in spent.items():
            print(f"    {stage:<32} {seconds / road:>12.0%}")
        print(
            f"  {'acknowledged over HTTP, gzip':<34} {spans / cpu:>12,.0f} spans/s/core   {cpu / alone:6.1f}x"
        )
        print(f"  {'the same by the wall clock':<34} {spans / wall:>12,.0f} spans/s ({SENDERS} senders)")


if __name__ == "__main__":
    main()
