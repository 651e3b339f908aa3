"""
Forked and spawned processes: each sends its own, as an instance of its own, and nobody sends twice.
"""

import os
import subprocess
import sys
from collections import Counter

import pytest

from droidscope.conventions import attributes as names
from otlp_receiver import serve
from own_processes import event_rows, records_counted, run_process, span_rows

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@pytest.fixture
def receiver():
    """
    Where records arrive.
    """
    with serve() as serving:
        yield serving


def instances(rows):
    """
    How many processes *rows* are from.
    """
    return len({row.resource[names.SERVICE_INSTANCE_ID] for row in rows})


START = """
import os, sys, warnings
warnings.simplefilter("ignore", DeprecationWarning)

def fork(work):
    child = os.fork()
    if child == 0:
        try:
            work()
            status = 0 if ds.flush() else 1
        except BaseException as error:
            print(repr(error), file=sys.stderr)
            status = 2
        os._exit(status)
    return child

def wait(*children):
    for child in children:
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert status == 0, status

def task(name):
    with ds.task(name):
        pass
"""


def configured(receiver, code):
    """
    Runs *code* in a process that sends to *receiver*.
    """
    return run_process(f"{START}\nds.configure(service_name='fleet', endpoint='{receiver.url}')\n{code}")


def test_children_continue_the_session_of_their_parent(receiver):
    """
    Their tasks are inside of it; it ends once, where it began; each counts what it has sent itself.
    """
    configured(
        receiver,
        """
with ds.session("p", id="s"):
    task("parent")
    wait(*[fork(lambda: task("child")) for _ in range(3)])
""",
    )

    rows = span_rows(receiver)
    assert Counter(row.name for row in rows) == {
        "invoke_workflow p": 1,
        "invoke_agent parent": 1,
        "invoke_agent child": 3,
    }
    session = next(row for row in rows if row.name == "invoke_workflow p")
    children = [row for row in rows if row.name == "invoke_agent child"]
    assert {row.parent_id for row in children} == {session.span_id}
    assert {row.attributes[names.SESSION_ID] for row in children} == {"s"}
    assert instances(children) == 3
    assert instances(rows) == 4
    assert len({row.span_id for row in rows}) == 5
    assert records_counted(receiver) == {"session": 1, "task": 4}
    assert Counter(name for name, *_ in event_rows(receiver)) == {names.STARTED_EVENT: 5}


@pytest.mark.parametrize("ending", ["pass", "raise SystemExit(0)", "raise ValueError"])
def test_a_child_that_leaves_the_blocks_of_its_parent_ends_none_of_them(receiver, ending):
    """
    Neither well nor by an exception; what it does afterwards is outside of them.
    """
    configured(
        receiver,
        f"""
is_child = False
try:
    with ds.session("p"), ds.task("d"):
        is_child = os.fork() == 0
        if is_child:
            task("inside")
            {ending}
        else:
            os.wait()
except (SystemExit, ValueError):
    pass
if is_child:
    with ds.session("q"):
        pass
    os._exit(0 if ds.flush() else 1)
""",
    )

    rows = span_rows(receiver)
    assert sorted(row.name for row in rows) == [
        "invoke_agent d",
        "invoke_agent inside",
        "invoke_workflow p",
        "invoke_workflow q",
    ]
    assert not any(row.status == 2 for row in rows)
    assert not next(row.parent_id for row in rows if row.name == "invoke_workflow q")
    assert records_counted(receiver) == {"session": 2, "task": 2}


def test_workers_forked_before_and_after_the_first_record(receiver):
    """
    A server that loads its application first, and forks from a process that has recorded or has not.
    """
    configured(
        receiver,
        """
def work():
    for _ in range(10):
        with ds.session("p"):
            task("d")
early = [fork(work) for _ in range(2)]
work()
late = [fork(lambda: wait(fork(work))) for _ in range(2)]
wait(*early, *late)
""",
    )

    rows = span_rows(receiver)
    assert Counter(row.name for row in rows) == {"invoke_workflow p": 50, "invoke_agent d": 50}
    assert instances(rows) == 5
    assert records_counted(receiver) == {"session": 50, "task": 50}


def test_spans_of_frameworks_are_of_the_process_they_began_in(receiver):
    """
    A child sends its own, as its own instance; its copy of its parent's it does not.
    """
    configured(
        receiver,
        """
from opentelemetry import trace
tracer = trace.get_tracer("framework")
with ds.session("p"), ds.task("d"):
    with tracer.start_as_current_span("outer"):
        child = os.fork()
        if child == 0:
            tracer.start_span("inner").end()
    if child == 0:
        os._exit(0 if ds.flush() else 1)
    wait(child)
""",
    )

    rows = {row.name: row for row in span_rows(receiver)}
    assert len(rows) == len(span_rows(receiver)) == 4
    assert rows["inner"].parent_id == rows["outer"].span_id
    assert rows["inner"].attributes[names.TASK_ID] == rows["outer"].attributes[names.TASK_ID]
    assert instances([rows["outer"], rows["invoke_agent d"]]) == 1
    assert instances(rows.values()) == 2


def test_a_fork_while_threads_record_waits_for_nobody(receiver):
    """
    Whatever locks they hold at that moment.
    """
    configured(
        receiver,
        """
from threading import Event, Thread
ended = Event()
def busy():
    while not ended.is_set():
        with ds.session("thread"):
            task("t")
            ds.conflict("schema")
threads = [Thread(target=busy) for _ in range(4)]
for thread in threads:
    thread.start()
children = [fork(lambda: task("child")) for _ in range(20)]
ended.set()
for thread in threads:
    thread.join()
wait(*children)
""",
    )

    rows = [row for row in span_rows(receiver) if row.name == "invoke_agent child"]
    assert len(rows) == instances(rows) == 20


def test_a_fork_while_a_thread_records_for_the_first_time(receiver):
    """
    What that thread needs to begin, and holds at that moment, the child needs, too.
    """
    configured(
        receiver,
        """
import threading, time
from opentelemetry.sdk.resources import Resource

begun, once, create = threading.Event(), threading.Lock(), Resource.create
def slow(*arguments):
    with once:
        begun.set()
        time.sleep(0.5)
        return create(*arguments)
Resource.create = slow

thread = threading.Thread(target=task, args=("thread",))
thread.start()
assert begun.wait(20)
began = time.monotonic()
children = [fork(lambda: task("child")) for _ in range(3)]
assert time.monotonic() - began < 4.5
thread.join()
wait(*children)
""",
    )

    assert Counter(row.name for row in span_rows(receiver)) == {
        "invoke_agent thread": 1,
        "invoke_agent child": 3,
    }


def test_a_child_goes_on_with_what_a_thread_of_its_parent_was_using(receiver):
    """
    The pauses of a session and its counts, whoever held their locks.
    """
    configured(
        receiver,
        """
from threading import Event, Thread
ended = Event()
def busy():
    while not ended.is_set():
        with ds.waiting("x"):
            ds.conflict("schema")
with ds.session("p"):
    threads = [Thread(target=ds.carry(busy)) for _ in range(3)]
    for thread in threads:
        thread.start()
    def child():
        with ds.waiting("child"):
            task("child")
    children = [fork(child) for _ in range(20)]
    ended.set()
    for thread in threads:
        thread.join()
wait(*children)
""",
    )

    assert sum(row.name == "invoke_agent child" for row in span_rows(receiver)) == 20


POOL = """
import multiprocessing, sys
from concurrent.futures import ProcessPoolExecutor
from opentelemetry import context, propagate
import droidscope as ds

ds.configure(service_name="fleet", endpoint=sys.argv[1])

def work(headers):
    token = context.attach(propagate.extract(headers))
    with ds.task("d"):
        pass
    context.detach(token)
    return ds.flush()

if __name__ == "__main__":
    method = multiprocessing.get_context(sys.argv[2])
    with ds.session("p"):
        headers = {}
        propagate.inject(headers)
        with ProcessPoolExecutor(2, mp_context=method) as executor:
            assert all(executor.map(work, [headers] * 6))
        with method.Pool(2) as pool:
            assert all(pool.map(work, [headers] * 6, 1))
"""


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_pools_of_processes(receiver, tmp_path, method):
    """
    By each of the ways in which Python starts processes.
    """
    script = tmp_path / "pool.py"
    script.write_text(POOL)

    subprocess.run([sys.executable, str(script), receiver.url, method], check=True, timeout=60)

    rows = span_rows(receiver)
    assert Counter(row.name for row in rows) == {"invoke_agent d": 12, "invoke_workflow p": 1}
    assert len({row.attributes[names.SESSION_ID] for row in rows}) == 1
    assert records_counted(receiver) == {"task": 12, "session": 1}
