"""
`configure` called again: what the service has counted goes on, and nothing is lost unseen on the way.
"""

import os
from collections import Counter

import pytest

from droidscope.conventions import attributes as names
from otlp_receiver import Reply, serve
from own_processes import records_counted, run_process, span_rows

NOWHERE = "http://127.0.0.1:1"


@pytest.fixture
def receiver():
    """
    Where records arrive.
    """
    with serve() as serving:
        yield serving


WORK = """
def work(count):
    for _ in range(count):
        with ds.session("p"), ds.task("d"):
            pass
"""


def instances(receiver):
    """
    The ids of the instances whose spans have arrived.
    """
    return {row.resource[names.SERVICE_INSTANCE_ID] for row in span_rows(receiver)}


def dropped(receiver):
    """
    What the counts that arrived last say is lost, by reason.
    """
    found = {}
    for path, request, _ in receiver.received:
        if path == "/v1/metrics":
            for metric in request.resource_metrics[0].scope_metrics[0].metrics:
                if metric.name == names.CLIENT_DROPPED:
                    found = {
                        point.attributes[0].value.string_value: point.as_int
                        for point in metric.sum.data_points
                    }
    return found


def test_what_could_not_be_sent_goes_to_the_new_endpoint(receiver):
    """
    As of one instance, with all counts; also where nothing was recorded in between.
    """
    done = run_process(f"""
{WORK}
def configure(url):
    ds.configure(service_name="fleet", endpoint=url)
configure("{receiver.url}")
work(20)
print(ds.flush())
configure("{NOWHERE}")
work(100)
configure("{NOWHERE}0")
configure("{receiver.url}")
work(20)
print(ds.flush(), ds.check(), ds.shutdown())
""")

    assert done.stdout == "True\nTrue [] True\n"
    assert "telemetry is lost" not in done.stderr
    assert Counter(row.name.split()[0] for row in span_rows(receiver)) == {
        "invoke_workflow": 140,
        "invoke_agent": 140,
    }
    assert records_counted(receiver) == {"session": 140, "task": 140}
    assert len(instances(receiver)) == 1


def test_nothing_is_lost_by_threads_that_record_meanwhile(receiver):
    """
    However often it is called.
    """
    done = run_process(f"""
import threading, time
{WORK}
stop, counts = threading.Event(), []
def run():
    count = 0
    while not stop.is_set():
        work(1)
        count += 1
        time.sleep(0.0005)
    counts.append(count)

ds.configure(service_name="fleet", endpoint="{receiver.url}")
threads = [threading.Thread(target=run) for _ in range(3)]
for thread in threads:
    thread.start()
for number in range(8):
    time.sleep(0.05)
    ds.configure(service_name="fleet", endpoint="{receiver.url}", text_limit=1000 + number)
stop.set()
for thread in threads:
    thread.join()
print(ds.flush(), sum(counts))
""")

    flushed, count = done.stdout.split()
    assert flushed == "True"
    assert records_counted(receiver) == {"session": int(count), "task": int(count)}
    assert len(span_rows(receiver)) == 2 * int(count)
    assert len({row.span_id for row in span_rows(receiver)}) == 2 * int(count)
    assert done.stderr == ""


def test_losses_of_before_are_seen_afterwards(receiver):
    """
    In the counts, in the check, and in the first flush.
    """
    receiver.reply_to = lambda _path, _length: Reply(400)
    with serve() as other:
        done = run_process(f"""
{WORK}
ds.configure(service_name="fleet", endpoint="{receiver.url}")
work(5)
ds.configure(service_name="fleet", endpoint="{other.url}")
work(5)
print(ds.flush(), ds.flush(), [finding.name for finding in ds.check()], ds.shutdown())
""")

        assert done.stdout == "False True ['lost_records'] False\n"
        assert records_counted(other) == {"session": 10, "task": 10}
        assert dropped(other) == {"refused": 20}
        assert len(span_rows(other)) == 10


def test_records_of_another_service_do_not_go_to_the_new_endpoint(receiver):
    """
    They are lost, which is counted.
    """
    done = run_process(f"""
{WORK}
ds.configure(service_name="first", endpoint="{NOWHERE}")
work(5)
ds.configure(service_name="second", endpoint="{receiver.url}")
work(1)
print(ds.flush(), ds.flush())
""")

    assert done.stdout == "False True\n"
    assert "20 records, unsent: configure was called again" in done.stderr
    assert {row.resource[names.SERVICE_NAME] for row in span_rows(receiver)} == {"second"}
    assert records_counted(receiver) == {"session": 1, "task": 1}
    assert dropped(receiver) == {"unsent": 20}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_begins_anew_after_it_as_well(receiver):
    """
    With an instance and counts of its own, also for what is recorded by what the parent has begun.
    """
    run_process(f"""
import os
{WORK}
ds.configure(service_name="fleet", endpoint="{NOWHERE}")
with ds.session("open"):
    ds.configure(service_name="fleet", endpoint="{receiver.url}")
    work(3)
    child = os.fork()
    if child == 0:
        ds.progress(0.5)
        work(2)
        ds.configure(service_name="fleet", endpoint="{receiver.url}/")
        work(2)
        assert ds.flush()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
""")

    by_instance = Counter(
        (row.resource[names.SERVICE_INSTANCE_ID], row.name.split()[0]) for row in span_rows(receiver)
    )
    assert sorted(by_instance.values()) == [3, 4, 4, 4]
    assert len(instances(receiver)) == 2


def test_the_reason_of_a_loss_is_never_empty():
    """
    Also where the latest answer was a good one, and there is no time.
    """
    with serve() as slow:
        done = run_process(f"""
{WORK}
ds.configure(service_name="fleet", endpoint="{slow.url}")
work(1)
print(ds.flush())
work(1)
print(ds.shutdown(0))
""")

    assert done.stdout == "True\nFalse\n"
    for line in done.stderr.splitlines():
        assert "there was no time" in line
    assert done.stderr
