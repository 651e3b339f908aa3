"""
Tasks that a queue delivers again: each delivery is an attempt, and the last one ends the task.
"""

import os
from contextlib import suppress

import pytest
from opentelemetry.trace import StatusCode

import droidscope as ds
from droidscope.conventions import attributes as names
from droidscope.testing import capture
from otlp_receiver import serve
from own_processes import run_process, span_rows


def deliver(number, error=None, *, last=None, act=lambda _: None):
    """
    One delivery of the same task.
    """
    with suppress(BaseException), ds.task("d", "t", id="1", delivery=number, max_deliveries=last) as task:
        act(task)
        if error is not None:
            raise error


def attempts(seen):
    """
    Number and outcome of each attempt.
    """
    return [(span.attributes[names.TASK_ATTEMPT], outcome(span)) for span in seen.records("attempt")]


def tasks(seen):
    """
    Attempts and outcome of each task.
    """
    return [(span.attributes[names.TASK_ATTEMPTS], outcome(span)) for span in seen.records("task")]


def outcome(span):
    default = "failed" if span.status.status_code is StatusCode.ERROR else "good"
    return span.attributes.get(names.TASK_OUTCOME, default)


def test_three_deliveries_are_one_task(seen):
    """
    Of three attempts, the last of which succeeds.
    """
    deliver(1, TimeoutError(), last=5)
    deliver(2, TimeoutError(), last=5)
    deliver(3, last=5)

    assert attempts(seen) == [(1, "failed"), (2, "failed"), (3, "good")]
    assert tasks(seen) == [(3, "good")]
    assert {span.attributes[names.TASK_ID] for span in seen.spans} == {"1"}


def test_the_last_delivery_fails_the_task(seen):
    """
    There is no other; the task has the error of its last attempt.
    """
    deliver(1, TimeoutError(), last=2)
    deliver(2, OSError("no"), last=2)

    assert tasks(seen) == [(2, "failed")]
    span = seen.one("task")
    assert span.attributes[names.ERROR_TYPE] == "OSError"
    assert span.status.description == "no"


def test_the_task_is_as_long_as_its_last_delivery(seen):
    """
    It begins with it, and is there once that has ended: order decides nothing.
    """
    deliver(1)

    attempt, task = seen.one("attempt"), seen.one("task")
    assert task.start_time <= attempt.start_time <= attempt.end_time <= task.end_time
    assert task.parent == attempt.parent
    assert task.name == "invoke_agent d"
    assert attempt.name == "attempt d"
    assert [event.attributes[names.KIND] for event in seen.events_named(names.STARTED_EVENT)] == ["attempt"]


def test_deliveries_in_other_processes_agree(seen):
    """
    Each knows its number only.
    """
    with capture() as elsewhere:
        deliver(1, TimeoutError(), last=2)
    deliver(2, last=2)

    assert (attempts(elsewhere), tasks(elsewhere)) == ([(1, "failed")], [])
    assert (attempts(seen), tasks(seen)) == ([(2, "good")], [(2, "good")])


def test_without_a_maximum_a_failure_is_the_last(seen):
    """
    Nobody has asked for another delivery.
    """
    deliver(2, TimeoutError())

    assert tasks(seen) == [(2, "failed")]


def test_a_task_can_say_that_it_is_retried(seen):
    """
    Whatever the number; without an exception the attempt has failed nevertheless.
    """
    deliver(1, TimeoutError(), act=lambda task: task.retry_later())
    deliver(2, last=2, act=lambda task: task.retry_later())

    assert attempts(seen) == [(1, "failed"), (2, "failed")]
    assert tasks(seen) == []


def test_a_cancelled_delivery_is_the_last(seen):
    """
    Nobody wants the result, so nobody delivers it again.
    """
    deliver(1, KeyboardInterrupt(), last=3)

    assert attempts(seen) == [(1, "cancelled")]
    assert tasks(seen) == [(1, "cancelled")]


@pytest.mark.parametrize(("stated", "of_attempt"), [("completed", "succeeded"), ("failed", "failed")])
def test_an_outcome_that_is_stated_is_of_both(seen, stated, of_attempt):
    """
    In the words of each; the queue sees no exception, so this delivery is the last.
    """
    deliver(1, last=3, act=lambda task: task.outcome(stated))

    assert attempts(seen) == [(1, of_attempt)]
    assert tasks(seen) == [(1, stated)]


def celery_exceptions():
    return pytest.importorskip("celery.exceptions")


def test_celery_asks_for_another_delivery(seen):
    """
    By an exception, which has the one that really happened.
    """
    deliver(1, celery_exceptions().Retry("again", exc=TimeoutError("slow")))
    deliver(2)

    assert tasks(seen) == [(2, "good")]
    failed = seen.records("attempt")[0]
    assert failed.attributes[names.ERROR_TYPE] == "TimeoutError"
    assert failed.status.description == "slow"


def test_celery_rejects_a_task(seen):
    """
    To be delivered again, or for good whatever is left.
    """
    reject = celery_exceptions().Reject
    deliver(1, reject("memory", requeue=True))
    deliver(2, reject("memory", requeue=False), last=9)

    assert tasks(seen) == [(2, "failed")]


def test_celery_ignores_a_task(seen):
    """
    It is neither done nor failed.
    """
    deliver(1, celery_exceptions().Ignore())

    assert tasks(seen) == [(1, "cancelled")]


@pytest.mark.parametrize(
    ("module", "name"),
    [("dramatiq.errors", "Retry"), ("arq.worker", "Retry"), ("huey.exceptions", "RetryTask")],
)
def test_other_queues_ask_for_another_delivery(seen, module, name):
    """
    Known by name, as if they were here.
    """
    deliver(1, type(name, (Exception,), {"__module__": module})())

    assert (attempts(seen), tasks(seen)) == ([(1, "failed")], [])


def test_tenacity_tries_within_the_delivery(seen):
    """
    Its exception that leaves the block asks no queue for anything.
    """
    deliver(1, type("TryAgain", (Exception,), {"__module__": "tenacity"})())

    assert tasks(seen) == [(1, "failed")]


def test_rq_asks_by_what_is_returned(seen):
    """
    A decorated function that returns a Retry has failed, and is not over.
    """
    rq = pytest.importorskip("rq")

    @ds.task("d", id="1", delivery=1)
    def work():
        return rq.Retry(max=3)

    assert isinstance(work(), rq.Retry)
    assert (attempts(seen), tasks(seen)) == ([(1, "failed")], [])


def test_an_attempt_within_a_delivery_is_not_recorded(seen, caplog):
    """
    The delivery is the attempt, and gets what is produced.
    """

    def work(_):
        for _ in range(2):
            with ds.attempt():
                ds.output(files_created=1)

    deliver(1, act=work)

    assert tasks(seen) == [(1, "good")]
    assert seen.one("attempt").attributes[names.OUTPUT_FILES_CREATED] == 2
    assert caplog.text.count("the delivery is the attempt") == 1


def test_counts_are_those_of_tasks_and_attempts(seen):
    """
    One task, one retry, and a record for each span.
    """
    deliver(1, TimeoutError(), last=2)
    deliver(2, last=2)

    assert seen.count(names.CLIENT_TASKS) == 1
    assert seen.count(names.CLIENT_TASK_DURATION) == 1
    assert seen.count(names.CLIENT_RETRIES) == 1
    assert seen.count(names.CLIENT_RECORDS, {names.RECORD_KIND: "task"}) == 1
    assert seen.count(names.CLIENT_RECORDS, {names.RECORD_KIND: "attempt"}) == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_ends_no_delivery_of_its_parent():
    """
    Also where it leaves the block: attempt and task are sent once, by the process that began them.
    """
    with serve() as receiver:
        run_process(
            f"""
            import os, warnings
            warnings.simplefilter("ignore", DeprecationWarning)
            ds.configure(service_name="fleet", endpoint="{receiver.url}")
            try:
                with ds.session("p"), ds.task("d", id="1", delivery=2):
                    child = os.fork()
                    if not child:
                        raise OSError
            except OSError:
                ds.flush()
                os._exit(0)
            os.waitpid(child, 0)
            """
        )
        kinds = [row.attributes[names.KIND] for row in span_rows(receiver)]

    assert sorted(kinds) == ["attempt", "session", "task"]


@pytest.mark.parametrize("number", [0, -1, True, "two", "²", "9" * 20, 1.5])
def test_a_number_that_is_none_is_dropped(seen, caplog, number):
    """
    It is an ordinary task then.
    """
    deliver(number, last=3)

    assert tasks(seen) == [(0, "good")]
    assert f"task(delivery) is {number!r}" in caplog.text


def test_numbers_may_be_text(seen):
    """
    SQS gives them so.
    """
    deliver("1", TimeoutError(), last="2")
    deliver("2", TimeoutError(), last="2")

    assert attempts(seen) == [(1, "failed"), (2, "failed")]
    assert tasks(seen) == [(2, "failed")]


def test_each_delivery_that_ends_the_task_says_so(seen):
    """
    The exporter counts one of them; a task that no queue delivers has no such mark.
    """
    deliver(1, last=3)
    deliver(2, TimeoutError(), last=3)
    deliver(3, TimeoutError(), last=3)
    with ds.task("d"):
        pass

    assert [span.attributes.get(names.TASK_DELIVERY) for span in seen.records("task")] == [1, 3, None]


def test_a_maximum_below_the_number_is_dropped(seen, caplog):
    """
    As if there were none.
    """
    deliver(3, TimeoutError(), last=2)

    assert tasks(seen) == [(3, "failed")]
    assert "task(max_deliveries) is 2; expected a whole number from 3" in caplog.text


def test_deliveries_need_the_id_of_their_task(seen, caplog):
    """
    Else each would be a task of its own.
    """
    with ds.task("d", delivery=1):
        pass

    assert tasks(seen) == [(0, "good")]
    assert "needs the id=" in caplog.text


def test_only_deliveries_can_be_retried_later(seen, caplog):
    """
    A task of one process is over when its block is.
    """
    with ds.task("d") as task:
        task.retry_later()

    assert tasks(seen) == [(0, "good")]
    assert "retry_later() is ignored" in caplog.text
