"""
Threads: an executor's threads begin without the caller's context, so it is given to them on request.

    droidscope serve &
    python examples/threads.py
"""

import threading
from concurrent.futures import ThreadPoolExecutor

import droidscope as ds

ds.configure(service_name="example-threads")


@ds.task(droid="tester", type="test")
def test(module):
    with ds.tool("pytest"):
        return len(module)


@ds.session(pattern="test-all")
def test_all(modules, executor):
    # Without `carry` these tasks would belong to no session; droidscope warns about each such line once.
    results = list(executor.map(ds.carry(test), modules))
    last = threading.Thread(target=ds.carry(test), args=["everything"])
    last.start()
    last.join()
    return sum(results)


# One pool for the whole life of a service: each call has the context of the session that made it.
with ThreadPoolExecutor(4) as pool:
    for size in (3, 5):
        print(test_all([f"module{n}" for n in range(size)], pool))

print("""expect
sessions: 2 completed
tasks: 10 completed
attempts: 10 succeeded
tools: 10 succeeded""")
