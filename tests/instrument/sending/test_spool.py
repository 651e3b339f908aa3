"""
Files for what cannot be sent: bounded, in order, and safe over processes and sudden ends.
"""

import os
import signal
import stat
import subprocess
import sys
import textwrap
from contextlib import ExitStack

import pytest

import otlp_receiver
from droidscope.errors import ConfigError
from droidscope.instrument.sending.encoding import EncodedBatch
from droidscope.instrument.sending.spool import Spool
from otlp_receiver import Reply


@pytest.fixture
def away(receiver):
    receiver.reply_to = lambda _path, _length: Reply(503)
    return receiver


def batches(directory):
    return sorted(directory.glob("*/*.batch"))


def test_what_cannot_be_sent_goes_to_files_and_comes_back_in_order(tmp_path, away, sender_to, span, log):
    """
    At once, so that a killed process loses none of it; nothing is left behind after it was sent.
    """
    sender = sender_to(away.url, spool=Spool(tmp_path / "spool"))
    for number in range(3):
        sender.span(span(f"s{number}"))
        sender.log(log(f"e{number}"))
        assert sender.flush(0.1) is False
    assert len(batches(tmp_path / "spool")) == 6
    assert sender.status().waiting == 6

    away.reply_to = lambda _path, _length: Reply()

    assert sender.flush(10) is True
    assert away.spans() == ["s0", "s1", "s2"]
    assert away.events() == ["e0", "e1", "e2"]
    assert sender.shutdown(5) is True
    assert list((tmp_path / "spool").iterdir()) == []


def test_only_its_owner_may_read_it(tmp_path, away, sender_to, span):
    """
    Telemetry names droids and tools.
    """
    sender = sender_to(away.url, spool=Spool(tmp_path / "spool"))
    sender.span(span())
    sender.flush(0.1)

    for path in [tmp_path / "spool", *(tmp_path / "spool").rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


@pytest.fixture
def run():
    """
    Starts processes, which are ended after the test.
    """
    with ExitStack() as processes:

        def start(code, *arguments):
            command = [sys.executable, "-c", textwrap.dedent(RECORDS + code), *map(str, arguments)]
            process = processes.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
            processes.callback(process.kill)
            return process

        yield start


RECORDS = """
    import os, sys, time
    from pathlib import Path
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import SpanContext
    from droidscope.instrument.sending.destinations import destinations
    from droidscope.instrument.sending.sender import Sender
    from droidscope.instrument.sending.spool import Spool
    sender = Sender(destinations(sys.argv[1]), spool=Spool(Path(sys.argv[2])))
    def record(name):
        sender.span(ReadableSpan(name, SpanContext(1, 2, is_remote=False), resource=Resource({})))
"""


def test_files_of_a_killed_process_are_sent_by_the_next(tmp_path, dead_port, run):
    """
    Oldest first, while those of a process that lives are left to it.
    """
    url = f"http://127.0.0.1:{dead_port}"
    code = """
    record(sys.argv[3])
    sender.flush(0.1)
    print("kept", flush=True)
    time.sleep(60)
    """
    first, second, living = (run(code, url, tmp_path, name) for name in ("first", "second", "living"))
    for process in (first, second, living):
        assert process.stdout.readline() == "kept\n"
    for process in (second, first):
        process.kill()
        process.wait()
    assert len(batches(tmp_path)) == 3

    next_one = run("    record('next')\n    assert sender.flush(20)", url, tmp_path)
    with otlp_receiver.serve(dead_port) as receiver:
        assert next_one.wait(30) == 0
        assert receiver.wait_for(lambda: len(receiver.spans()) == 4)
        assert receiver.spans().index("next") >= 2
        assert sorted(receiver.spans()) == ["first", "living", "next", "second"]


def test_a_forked_child_leaves_files_of_its_own(tmp_path, dead_port, run):
    """
    As the work horses of a queue do: each ends, and the next takes over what it left.
    """
    code = """
    for number in range(3):
        pid = os.fork()
        if pid == 0:
            record(f"job{number}")
            sender.end(2)
            os._exit(0)
        os.waitpid(pid, 0)
    record("parent")
    sender.end(2)
    """
    process = run(code, f"http://127.0.0.1:{dead_port}", tmp_path)
    assert process.wait(60) == 0
    assert len(batches(tmp_path)) == 4

    with otlp_receiver.serve(dead_port) as receiver:
        process = run("    assert sender.flush(20)", receiver.url, tmp_path)
        assert process.wait(60) == 0
        assert receiver.spans() == ["job0", "job1", "job2", "parent"]
    assert batches(tmp_path) == []


def test_many_processes_deliver_each_record_once(tmp_path, dead_port, run):
    """
    However they fight for the folders of those that ended.
    """
    url = f"http://127.0.0.1:{dead_port}"
    leave = """
    for number in range(5):
        record(f"{sys.argv[3]}-{number}")
        sender.flush(0.05)
    sender.end(5)
    """
    leaving = [run(leave, url, tmp_path, name) for name in range(3)]
    for process in leaving:
        process.wait(60)

    with otlp_receiver.serve(dead_port) as receiver:
        senders = [run("    time.sleep(1)\n    assert sender.flush(20)", url, tmp_path) for _ in range(3)]
        for process in senders:
            assert process.wait(60) == 0
        assert sorted(receiver.spans()) == sorted(
            f"{name}-{number}" for name in range(3) for number in range(5)
        )


def test_a_damaged_file_is_set_aside_and_told(tmp_path, away, sender_to, span, caplog):
    """
    The others are sent.
    """
    sender = sender_to(away.url, spool=Spool(tmp_path))
    for name in ("a", "b", "c"):
        sender.span(span(name))
        sender.flush(0.1)
    damaged = batches(tmp_path)[1]
    damaged.write_bytes(damaged.read_bytes()[:-5] + b"wrong")
    away.reply_to = lambda _path, _length: Reply()

    assert sender.flush(10) is False
    assert away.spans() == ["a", "c"]
    assert sender.status().lost == {"spool_damaged": 1}
    (aside,) = (tmp_path / "corrupt").iterdir()
    assert str(aside) in caplog.text


def test_it_is_bounded(tmp_path, away, sender_to, span):
    """
    What has no room waits in memory, and goes where there is room again.
    """
    sender = sender_to(away.url, spool=Spool(tmp_path, limit_bytes=20_000))
    for number in range(10):
        sender.span(span(f"s{number}", text=os.urandom(2000).hex()))
        sender.flush(0.05)
    used = sum(path.stat().st_size for path in tmp_path.rglob("*.batch"))
    assert 10_000 < used <= 20_000
    assert sender.status().waiting == 10
    away.reply_to = lambda _path, _length: Reply()

    assert sender.flush(10) is True
    assert away.spans() == [f"s{number}" for number in range(10)]


def test_counts_are_kept_once(tmp_path):
    """
    They are sums: the latest contain those before.
    """
    spool = Spool(tmp_path)
    for body in (b"older", b"newer"):
        assert spool.write(EncodedBatch("metrics", 1, body))

    assert spool.oldest("metrics").batch.body == b"newer"
    assert len(batches(tmp_path)) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_stops_at_start_up_as_user(tmp_path):
    """
    By its rights.
    """
    tmp_path.chmod(0o500)

    with pytest.raises(ConfigError, match="which cannot be written"):
        Spool(tmp_path / "spool")


def test_a_folder_that_cannot_be_made_stops_at_start_up(tmp_path):
    """
    The message names it.
    """
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(ConfigError, match=r"spool is '.*file/spool', which cannot be written"):
        Spool(tmp_path / "file" / "spool")


def test_a_process_that_is_killed_amid_its_work_loses_at_most_its_last_half_second(tmp_path, dead_port, run):
    """
    What had waited longer is in its files.
    """
    code = """
    for number in range(1000):
        record(f"s{number}")
        print(number, flush=True)
        time.sleep(0.01)
    """
    process = run(code, f"http://127.0.0.1:{dead_port}", tmp_path)
    while int(process.stdout.readline()) < 300:
        pass
    process.send_signal(signal.SIGKILL)
    process.wait()

    with otlp_receiver.serve(dead_port) as receiver:
        process = run("    assert sender.flush(20)", receiver.url, tmp_path)
        assert process.wait(60) == 0
        arrived = receiver.spans()
    assert arrived == [f"s{number}" for number in range(len(arrived))]
    assert len(arrived) > 200


def test_a_full_disk_is_logged_once(tmp_path, dead_port):
    """
    Not for each request; the records wait in memory, and are counted when they are lost at the end.
    """
    code = f"""
        import resource, time
        import droidscope as ds
        ds.configure(service_name="x", endpoint="http://127.0.0.1:{dead_port}", spool={str(tmp_path)!r})
        resource.setrlimit(resource.RLIMIT_FSIZE, (40, 40))
        for _ in range(30):
            with ds.session("p"), ds.task("d"):
                pass
            time.sleep(0.1)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True, timeout=60
    )

    assert done.stderr.count("cannot write to its spool") == 1
    assert "telemetry is lost: 120 records, unsent" in done.stderr
