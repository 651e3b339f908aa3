"""
Forks of a process that sends over gRPC, while its requests are under way: real processes, many of them.
"""

import random
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from own_processes import run_process

CODE = """
import os, threading, time

ds.configure(service_name="fleet", endpoint="{url}", protocol="grpc")
ended = threading.Event()
lost = []

def busy():
    while not ended.is_set():
        with ds.session("p"), ds.task("parent"):
            pass
        if not ds.flush(30):
            lost.append(1)

def child():
    with ds.session("p"), ds.task("child"):
        pass
    os._exit(0 if ds.flush(30) else 1)

threads = [threading.Thread(target=busy) for _ in range(2)]
for thread in threads:
    thread.start()
time.sleep(0.2)
longest, running, statuses = 0.0, [], []
for _ in range({forks}):
    began = time.monotonic()
    running.append(os.fork() or child())
    longest = max(longest, time.monotonic() - began)
    if len(running) > 3:
        statuses.append(os.waitpid(running.pop(0), 0)[1])
statuses += [os.waitpid(pid, 0)[1] for pid in running]
ended.set()
for thread in threads:
    thread.join()
assert not any(statuses), statuses
assert not lost and ds.shutdown(30), lost
assert longest < {limit}, longest
"""


@contextmanager
def serving(pause):
    """
    A receiver of OTLP over gRPC that takes *pause* seconds for an answer: its URL, and the spans it has.
    """
    names = []

    class Receiver(grpc.GenericRpcHandler):
        def service(self, details):
            def export(body, _context):
                time.sleep(pause())
                if "TraceService" in details.method:
                    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                        names.extend(span.name for scope in resource.scope_spans for span in scope.spans)
                return b""

            return grpc.unary_unary_rpc_method_handler(export)

    with ThreadPoolExecutor(16) as pool:
        server = grpc.server(pool, (Receiver(),))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        yield f"http://127.0.0.1:{port}", names
        server.stop(0).wait()


def test_a_request_that_is_under_way_is_waited_for():
    """
    By the fork: neither the child nor the parent crashes or hangs, and both go on sending.
    """
    forks = 60
    with serving(lambda: random.uniform(0, 0.02)) as (url, names):
        run_process(CODE.format(url=url, forks=forks, limit=10))

    assert names.count("invoke_agent child") == forks
    assert names.count("invoke_agent parent") > 0


@pytest.mark.slow
@pytest.mark.long
def test_hundreds_of_forks():
    """
    Likewise.
    """
    forks = 500
    with serving(lambda: random.uniform(0, 0.02)) as (url, names):
        run_process(CODE.format(url=url, forks=forks, limit=10))

    assert names.count("invoke_agent child") == forks


@pytest.mark.slow
def test_a_receiver_that_takes_its_time_holds_no_fork():
    """
    For longer than about a second: its request is cancelled, and sent again.
    """
    with serving(lambda: 2.0) as (url, names):
        run_process(CODE.format(url=url, forks=2, limit=10))

    assert names.count("invoke_agent child") == 2
