"""
SIGKILL at any moment: what was acknowledged is counted, and counted once.
"""

from __future__ import annotations

import http.client
import random
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

import builders as b
from e2e.processes import Exporter

KILLS = 7
DYING_BETWEEN_WRITE_AND_ACKNOWLEDGEMENT = {1, 4}
SENDERS = 2

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def session_spans(number, rng):
    """
    A session of one to three tasks, some failed, with its truth.
    """
    trace, id_ = rng.randbytes(16), f"{rng.getrandbits(64):016x}"
    common = {"session": id_, "trace_id": trace, "pattern__id": "bug-fix"}
    truth = Counter()
    spans = []
    for task in range(rng.randint(1, 3)):
        failed = rng.random() < 0.3
        droid = rng.choice(["coder", "tester"])
        truth["tasks", droid, "failed" if failed else "completed"] += 1
        in_task = {
            **common,
            "gen_ai__agent__name": droid,
            "task__id": f"{number}-{task}",
            "task__type": "code",
        }
        error = "ValueError" if failed else ""
        spans.append(
            b.span("task", span_id=rng.randbytes(8), error=error, output__files_created=2, **in_task)
        )
        truth["files", droid] += 2
    spans.append(b.span("session", span_id=rng.randbytes(8), seconds=9, **common))
    truth["sessions"] += 1
    return spans, truth


class Sender(threading.Thread):
    """
    Sends sessions one request each, every one until it is acknowledged. *in_flight* is set while a
    request has been sent and not answered; *broken* counts those the exporter's death cut off.
    """

    def __init__(self, port, seed):
        super().__init__()
        self.rng = random.Random(seed)
        self.port = port
        self.truth = Counter()
        self.in_flight = threading.Event()
        self.ending = threading.Event()
        self.broken = 0
        self.error = None

    def run(self):
        try:
            number = 0
            while not self.ending.is_set():
                number += 1
                spans, truth = session_spans(number, self.rng)
                body = b.traces(*spans)
                while not self.acknowledged(body):
                    time.sleep(0.02)
                self.truth += truth
        except BaseException as error:
            self.error = error
            raise

    def acknowledged(self, body):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        sent = False
        try:
            connection.request("POST", "/v1/traces", body, {"Content-Type": "application/x-protobuf"})
            sent = True
            self.in_flight.set()
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            self.broken += sent
            return False
        finally:
            self.in_flight.clear()
            connection.close()
        assert answer.status in {200, 503}, answer.status
        return answer.status == 200


def test_sigkill_loses_nothing_acknowledged_and_counts_nothing_twice(tmp_path):
    """
    Seven kills with requests in flight, two of them between the write and the acknowledgement,
    while clients retry: in the end every counter is the truth, and none ever went back.
    """
    rng = random.Random(20261123)
    trigger = tmp_path / "die"
    script = Path(__file__).with_name("mortal_exporter.py")
    exporter = Exporter(
        tmp_path / "exporter",
        command=(str(script), str(trigger)),
        birth_hold="1ms",
        log_segment_bytes="64KiB",
        log_segment_interval="1s",
    )
    exporter.start()
    senders = [Sender(exporter.http, seed) for seed in range(SENDERS)]
    for sender in senders:
        sender.start()
    sessions_seen = 0
    kills = 0
    while kills < KILLS:
        time.sleep(rng.uniform(0.3, 1.5))
        seen = exporter.total("orchestrator_sessions_total", outcome="completed")
        assert seen >= sessions_seen
        sessions_seen = seen
        broken = sum(sender.broken for sender in senders)
        if kills in DYING_BETWEEN_WRITE_AND_ACKNOWLEDGEMENT:
            trigger.touch()
            while not exporter.died:
                time.sleep(0.005)
        else:
            assert any(sender.in_flight.wait(10) for sender in senders)
            exporter.kill()
        # An answer may have been faster than the signal: such a kill proves nothing and does not count.
        kills += wait_for_broken(senders, broken)
        exporter.start()
    for sender in senders:
        sender.ending.set()
    for sender in senders:
        sender.join(60)
        assert sender.error is None
    time.sleep(1.5)  # the hold of a first event, and the last session's close

    assert_counted(exporter, sum((sender.truth for sender in senders), Counter()))
    assert exporter.stop() == 0


def assert_counted(exporter, truth):
    """
    Every counter of the exporter is the *truth*.
    """
    assert exporter.total("orchestrator_sessions_total", outcome="completed") == truth["sessions"]
    assert exporter.total("orchestrator_sessions_started_total") == truth["sessions"]
    for droid in ("coder", "tester"):
        assert exporter.total("orchestrator_files_created_total", droid=droid) == truth["files", droid]
        for outcome in ("completed", "failed"):
            counted = exporter.total("orchestrator_tasks_total", droid=droid, outcome=outcome)
            assert counted == truth["tasks", droid, outcome]


def wait_for_broken(senders, before, seconds=5):
    """
    Whether the senders notice that a request of theirs was cut off.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if sum(sender.broken for sender in senders) > before:
            return True
        time.sleep(0.01)
    return False
