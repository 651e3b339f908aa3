"""
`flush` from wherever it is called: it never raises, never waits for itself, and returns what is true.
"""

import pytest

from own_processes import run_process


@pytest.fixture
def run(receiver):
    """
    Runs *code* in a process that sends to the receiver.
    """

    def until_end(code, seconds=30):
        begin = f"""
import asyncio, logging, os, signal, sys, threading, time
from concurrent.futures import ThreadPoolExecutor

def work():
    with ds.session("p"), ds.task("d"):
        ds.conflict("schema")

ds.configure(service_name="fleet", endpoint="{receiver.url}")
"""
        return run_process(begin + code, seconds)

    return until_end


def test_with_nothing_recorded(run):
    """
    All of it was sent.
    """
    run("assert ds.flush() is True and ds.flush(0) is True")


def test_after_shutdown(run):
    """
    Nothing is configured any more; what is recorded is lost.
    """
    run(
        """
work()
assert ds.shutdown() is True
assert ds.flush() is False
work()
assert ds.flush() is False and ds.shutdown() is True
"""
    )


def test_by_many_threads_at_once(receiver, run):
    """
    While others record: each call returns, and all was sent in the end.
    """
    run(
        """
def both(_):
    work()
    return ds.flush(20)
with ThreadPoolExecutor(16) as pool:
    assert all(pool.map(both, range(200)))
"""
    )

    assert receiver.spans().count("invoke_agent d") == 200


def test_in_a_signal_handler(run):
    """
    Which interrupts its own thread in the midst of recording and of flushing, again and again.
    """
    run(
        """
answers = []
def handle(*_):
    work()
    answers.append(ds.flush(5))
    signal.setitimer(signal.ITIMER_REAL, 0.003)  # a handler is not to interrupt itself without end
signal.signal(signal.SIGALRM, handle)
signal.setitimer(signal.ITIMER_REAL, 0.003)
until, number = time.monotonic() + 3, 0
while time.monotonic() < until:
    work()
    number += 1
    if number % 50 == 0:
        ds.flush(5)
signal.signal(signal.SIGALRM, signal.SIG_IGN)
assert ds.flush(10) is True
assert len(answers) > 10 and all(answers), answers
"""
    )


def test_in_a_signal_handler_that_interrupts_the_first_record(receiver, run):
    """
    Also one that interrupts what begins with it.
    """
    run(
        f"""
def handle(*_):
    work()
    ds.flush(1)
signal.signal(signal.SIGALRM, handle)
for delay in range(1, 40):
    signal.setitimer(signal.ITIMER_REAL, delay / 4000)
    ds.configure(service_name=f"fleet{{delay}}", endpoint="{receiver.url}")
    work()
"""
    )


def test_in_a_callback_of_asyncio(receiver, run):
    """
    It holds the loop, but nothing that it needs itself.
    """
    run(
        """
async def main():
    done = asyncio.get_running_loop().create_future()
    def call():
        work()
        done.set_result(ds.flush(10))
    asyncio.get_running_loop().call_soon(call)
    assert await done is True
    assert all(await asyncio.gather(*[asyncio.to_thread(ds.flush, 10) for _ in range(5)]))
asyncio.run(main())
"""
    )

    assert receiver.spans().count("invoke_agent d") == 1


def test_in_a_handler_of_logging(run):
    """
    Which the sender's own thread calls: it cannot wait for itself, and knows at once.
    """
    run(
        """
answers = []
class Handler(logging.Handler):
    def emit(self, record):
        began = time.monotonic()
        answers.append((ds.flush(2), time.monotonic() - began, threading.current_thread().name))
logging.getLogger("droidscope").addHandler(Handler())
ds.configure(service_name="fleet", endpoint="http://127.0.0.1:9")
work()
ds.flush(0.5)
time.sleep(1)
assert answers and answers[0][2] == "droidscope", answers
assert all(not is_sent and seconds < 1 for is_sent, seconds, name in answers if name == "droidscope"), answers
"""
    )
