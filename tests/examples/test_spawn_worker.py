"""
RQ's SpawnWorker: each job runs in a process of its own that is not forked, and ends by os._exit.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter

import pytest

from otlp_receiver import serve

pytestmark = pytest.mark.slow

JOBS = """
import os
import droidscope as ds

ds.configure(service_name="fleet", endpoint=os.environ["RECEIVER"])

def work(name):
    with ds.session("p"), ds.task(name):
        pass
"""
MAIN = """
import os
from redis import Redis
from rq import Queue, SpawnWorker

connection = Redis.from_url(os.environ["REDIS_URL"])
queue = Queue(connection=connection)
for number in range(3):
    queue.enqueue("jobs.work", f"job{number}")
SpawnWorker([queue], connection=connection).work(burst=True, logging_level="CRITICAL")
"""


def test_a_spawned_work_horse_loses_nothing(redis_url, tmp_path):
    """
    With nothing in the job that sends: its records are sent before the process ends.
    """
    (tmp_path / "jobs.py").write_text(JOBS)
    with serve() as receiver:
        subprocess.run(
            [sys.executable, "-c", MAIN],
            env={**os.environ, "REDIS_URL": redis_url, "RECEIVER": receiver.url},
            cwd=tmp_path,
            check=True,
            timeout=60,
        )

        assert Counter(receiver.spans()) == {
            "invoke_workflow p": 3,
            "invoke_agent job0": 1,
            "invoke_agent job1": 1,
            "invoke_agent job2": 1,
        }
