"""
A service that runs for months does not grow.
"""

import sys

import pytest

from otlp_receiver import serve
from own_processes import records_counted, run_process

CODE = """
import time

def resident_mb():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4096 / 1e6

def work(tasks):
    for number in range(tasks // 50):
        with ds.session("p", id=f"session {number}", attributes={"n": number}):
            for _ in range(50):
                try:
                    with ds.task("d", "t"), ds.attempt():
                        ds.output(files_created=1)
                        if number % 10 == 0:
                            raise ValueError("x" * 5000)
                except ValueError:
                    pass
        time.sleep(0.005)  # the exporter of a test is slower than that

ds.configure(service_name="fleet", endpoint=URL)
work(5_000)
ds.flush(30)
before = resident_mb()
work(TASKS)
assert ds.flush(60)
print(resident_mb() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("tasks", [10_000, pytest.param(200_000, marks=(pytest.mark.slow, pytest.mark.long))])
def test_memory_is_flat(tasks):
    """
    However many tasks have been, of as many sessions as there are ids, some with long errors.
    """
    with serve() as receiver:
        done = run_process(f"URL, TASKS = {receiver.url!r}, {tasks}\n{CODE}", seconds=110)

        assert float(done.stdout) < 8
        assert records_counted(receiver)["task"] == tasks + 5_000
