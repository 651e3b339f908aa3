"""
RQ: each job runs in a work horse, a process that is forked for it and ends with it; a retry is an attempt.

    redis-server & droidscope serve &
    python examples/with_rq.py
"""

import os
import subprocess
import sys
from pathlib import Path

from opentelemetry import context, propagate
from redis import Redis
from rq import Queue, Retry, get_current_job

import droidscope as ds

ds.configure(service_name="example-rq")

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0")
RETRIES = 2


def summarize(text, failures):
    """
    A job. Its `meta` has the ids of the session, which the producer has put there.
    """
    job = get_current_job()
    number = RETRIES - (job.retries_left or 0) + 1
    token = context.attach(propagate.extract(job.meta))
    try:
        with ds.task("writer", "summary", id=job.id, delivery=number, max_deliveries=RETRIES + 1):
            if number <= failures:
                raise ConnectionError
            return text[:10]
    finally:
        context.detach(token)


@ds.session(pattern="digest")
def digest(texts, queue):
    headers = {}
    propagate.inject(headers)
    jobs = [
        queue.enqueue("with_rq.summarize", text, failures, meta=headers, retry=Retry(max=RETRIES))
        for failures, text in enumerate(texts)
    ]
    # A worker that ends when the queue is empty; a service has others that run for ever.
    worker = [
        sys.executable,
        "-m",
        "rq.cli",
        "worker",
        "--burst",
        "--logging_level",
        "CRITICAL",
        "--url",
        URL,
    ]
    subprocess.run(worker, cwd=Path(__file__).parent, check=True)
    return [job.return_value() for job in jobs]


if __name__ == "__main__":
    texts = ["first text", "second text", "third text", "fourth text"]
    print(digest(texts, Queue(connection=Redis.from_url(URL))))

    print("""expect
sessions: 1 completed
tasks: 3 completed, 1 failed
attempts: 3 succeeded, 6 failed
retries: 5""")
