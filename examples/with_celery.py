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

from celery import Celery, chord
from celery.signals import before_task_publish, task_postrun, task_prerun
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
    The session's ids go with each message, as W3C headers.
    """
    propagate.inject(headers)


@task_prerun.connect
def take_ids(task, **_):
    task.request.context_token = context.attach(propagate.extract(task.request.headers or {}))


@task_postrun.connect
def leave_ids(task, **_):
    """
    Only now: what follows in a chain or chord was published by the worker, after the function returned.
    """
    context.detach(task.request.context_token)


@app.task(
    bind=True,
    autoretry_for=(ConnectionError,),
    throws=(ConnectionError,),
    default_retry_delay=0,
    max_retries=2,
)
def build(self, part, failures=0):
    number = self.request.retries + 1
    # Each delivery is an attempt at the task of this id; the last one concludes the task.
    with ds.task(
        "builder", "build", id=self.request.id, delivery=number, max_deliveries=self.max_retries + 1
    ):
        if number <= failures:
            raise ConnectionError
        return f"{part} at delivery {number}"


@ds.session(pattern="build")
def build_all(failures):
    jobs = [build.delay(f"part {n}", many) for n, many in enumerate(failures)]
    jobs.append(chord([build.si("left", 1) | build.si("middle"), build.si("right")])(build.si("whole")))
    return [job.get(propagate=False, timeout=60) for job in jobs]


if __name__ == "__main__":
    command = ["celery", "-A", "with_celery", "worker", "--concurrency=2", "--loglevel=WARNING"]
    worker = subprocess.Popen([sys.executable, "-m", *command], cwd=Path(__file__).parent)
    try:
        print(build_all([0, 1, 2, 3]))
    finally:
        worker.send_signal(signal.SIGTERM)  # as Kubernetes and systemd do
        worker.wait()

    print("""expect
sessions: 1 completed
tasks: 7 completed, 1 failed
attempts: 7 succeeded, 7 failed
retries: 6""")
