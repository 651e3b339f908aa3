"""
Hooks and callbacks: a framework says when work begins and ends, in calls that know nothing of each other.

    droidscope serve &
    python examples/callbacks.py
"""

from concurrent.futures import ThreadPoolExecutor

import droidscope as ds

ds.configure(service_name="example-callbacks")


class Hooks:
    """
    What a framework calls, on whichever thread; the ids are its own.
    """

    def on_run_start(self, run_id):
        ds.start_session(run_id, "triage")

    def on_run_end(self, run_id, result):
        ds.complete(run_id, result)  # failed if the result says so, such as {"success": False}

    def on_run_error(self, run_id, error):
        ds.fail(run_id, error)

    def on_run_abort(self, run_id):
        ds.cancel(run_id)


def framework(hooks, run_id):
    """
    Somebody's event loop, with a thread for each run.
    """
    hooks.on_run_start(run_id)
    if run_id == "run-1":
        hooks.on_run_error(run_id, TimeoutError("no answer"))
    elif run_id == "run-2":
        hooks.on_run_abort(run_id)
    else:
        hooks.on_run_end(run_id, {"success": run_id != "run-3"})


with ThreadPoolExecutor(4) as pool:
    list(pool.map(framework, [Hooks()] * 6, [f"run-{n}" for n in range(6)]))

print("""expect
sessions: 3 completed, 2 failed, 1 cancelled""")
