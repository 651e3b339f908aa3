"""
Celery: the web process opens the session, workers do its tasks; a task that is delivered again is one task.

    redis-server & droidscope serve &
    python examples/with_celery.py
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

from celery import Celery
from celery.signals import before_task_publish
from opentelemetry import context, propagate

import droidscope as ds

# At import: the worker's children are forked afterwards, and droidscope begins anew in each of them.
ds.configure(service_name="example-celery")

REDIS = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0")
app = Celery("with_celery", broker=REDIS, backend=REDIS)
app.conf.worker_max_tasks_per_child = 2  # children that are recycled send what they have before they end


@before_task_publish.connect
def send_ids(headers, **_):
    """
    The session's ids go with each message, as W3C headers; a retry keeps those of the first delivery.
    """
    propagate.inject(headers)


@app.task(
    bind=True,
    autoretry_for=(ConnectionError,),
    throws=(ConnectionError,),
    default_retry_delay=0,
    max_retries=2,
)
def build(self, part, failures):
    token = context.attach(propagate.extract(self.request.headers or {}))
    try:
        number = self.request.retries + 1
        # Each delivery is an attempt at the task of this id; the last one concludes the task.
        with ds.task(
            "builder", "build", id=self.request.id, delivery=number, max_deliveries=self.max_retries + 1
        ):
            if number <= failures:
                raise ConnectionError
            return f"{part} at delivery {number}"
    finally:
        context.detach(token)


@ds.session(pattern="build")
def build_all(failures):
    jobs = [build.delay(f"part {n}", many) for n, many in enumerate(failures)]
    return [job.get(propagate=False, timeout=60) for job in jobs]


if __name__ == "__main__":
    command = [
        sys.executable,
        "-m",
        "celery",
        "-A",
        "with_celery",
        "worker",
        "--concurrency=2",
        "--loglevel=ERROR",
    ]
    worker = subprocess.Popen(command, cwd=Path(__file__).parent)
    try:
        print(build_all([0, 1, 2, 3]))
    finally:
        worker.send_signal(signal.SIGTERM)  # as Kubernetes and systemd do
        worker.wait()

    print("""expect
sessions: 1 completed
tasks: 3 completed, 1 failed
attempts: 3 succeeded, 6 failed
retries: 5""")
