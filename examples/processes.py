"""
Processes: workers that are forked or spawned; the session's ids go with each piece of work.

    droidscope serve &
    python examples/processes.py
"""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

from opentelemetry import context, propagate

import droidscope as ds

# At import: a spawned worker imports this module anew and thereby has it; a forked one inherits it,
# and droidscope begins anew in it, with a connection and a thread of its own.
ds.configure(service_name="example-processes")


@ds.task(droid="renderer", type="render")
def render(page):
    with ds.attempt():
        return page * 2


def render_in_worker(page, headers):
    """
    What a worker is given: the ids of the session arrive as W3C headers, as they would over HTTP.
    """
    token = context.attach(propagate.extract(headers))
    try:
        return render(page)
    finally:
        context.detach(token)


@ds.session(pattern="book")
def book(pages, executor):
    headers = {}
    propagate.inject(headers)
    jobs = [executor.submit(render_in_worker, page, headers) for page in range(pages)]
    return sum(job.result() for job in jobs)


if __name__ == "__main__":
    for method in ("fork", "spawn"):
        with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(method)) as workers:
            print(method, book(4, workers))

    print("""expect
sessions: 2 completed
tasks: 8 completed
attempts: 8 succeeded""")
