"""
Log records know the session and the task they were written in.
"""

import io
import logging
import logging.handlers
import queue
from threading import Thread

import pytest
import structlog

import droidscope as ds

FORMAT = "%(levelname)s [%(session_id)s %(pattern)s %(phase_id)s %(task_id)s %(droid)s] %(message)s"


@pytest.fixture
def log():
    """
    A logger with the filter on its handler, and what it has written as `written()`.
    """
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter(FORMAT))
    handler.addFilter(ds.IdFilter())
    logger = logging.Logger("somebody", logging.DEBUG)  # noqa: LOG001 - of this test alone
    logger.addHandler(handler)
    logger.written = lambda: stream.getvalue().splitlines()
    return logger


@pytest.mark.usefixtures("seen")
def test_a_record_has_the_ids_it_is_written_in(log):
    """
    Each appears with what it is the id of, and goes with it.
    """
    with ds.session("bug-fix", id="s1"):
        log.info("planned")
        with ds.phase("build"), ds.task("coder", "code", id="t1"):
            log.warning("working")
        log.info("over")

    assert log.written() == [
        "INFO [s1 bug-fix   ] planned",
        "WARNING [s1 bug-fix build t1 coder] working",
        "INFO [s1 bug-fix   ] over",
    ]


@pytest.mark.parametrize("configured", [True, False])
def test_outside_of_a_session_the_ids_are_empty(log, configured, request):
    """
    So that one format serves all records; without a provider there is no session.
    """
    if configured:
        request.getfixturevalue("seen")
        log.info("idle")
    else:
        with ds.session("bug-fix", id="s1"):
            log.info("idle")

    assert log.written() == ["INFO [    ] idle"]


@pytest.mark.usefixtures("seen")
def test_what_a_record_has_already_stays(log):
    """
    Somebody's own `session_id`, given as extra.
    """
    with ds.session("bug-fix", id="s1"):
        log.info("hello", extra={"session_id": "browser-7"})

    assert log.written() == ["INFO [browser-7 bug-fix   ] hello"]


@pytest.mark.usefixtures("seen")
def test_the_ids_are_those_of_where_it_was_written(log):
    """
    A handler that writes on another thread has the filter on the queue's side.
    """
    records = queue.SimpleQueue()
    handler = logging.handlers.QueueHandler(records)
    handler.addFilter(ds.IdFilter())
    elsewhere = logging.Logger("elsewhere")  # noqa: LOG001 - likewise
    elsewhere.addHandler(handler)

    with ds.session("bug-fix", id="s1"):
        elsewhere.warning("hello")
    writer = Thread(target=lambda: log.handle(records.get()))
    writer.start()
    writer.join()

    assert log.written() == ["WARNING [s1 bug-fix   ] hello"]


@pytest.mark.usefixtures("seen")
def test_structlog_gets_them_by_a_processor():
    """
    As the documentation has it.
    """

    def add_ids(_logger, _method, event):
        return {**ds.IdFilter.ids(), **event}

    with ds.session("bug-fix", id="s1"), structlog.testing.capture_logs(processors=[add_ids]) as logs:
        structlog.get_logger().info("hello")

    assert logs[0]["session_id"] == "s1"
    assert logs[0]["task_id"] == ""
