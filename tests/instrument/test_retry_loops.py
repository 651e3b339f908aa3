"""
Attempts with the libraries that people retry with: where they stand decides whether they see a failure.
"""

import pytest
import stamina
import tenacity
from opentelemetry.trace import StatusCode

import droidscope as ds


class Flaky:
    """
    Fails twice, then works.
    """

    def __init__(self):
        self.calls = 0

    def __call__(self):
        self.calls += 1
        if self.calls < 3:
            raise ConnectionError(self.calls)
        return "done"


def retrying():
    return tenacity.Retrying(stop=tenacity.stop_after_attempt(5), sleep=lambda _: None)


@pytest.fixture
def _fast():
    stamina.set_testing(testing=True, attempts=5)
    yield
    stamina.set_testing(testing=False)


def loop_of(library):
    """
    The tries of either library.
    """
    return retrying() if library == "tenacity" else stamina.retry_context(on=ConnectionError, attempts=5)


def statuses(seen):
    """
    Whether each attempt failed.
    """
    return [span.status.status_code is StatusCode.ERROR for span in seen.records("attempt")]


@pytest.mark.parametrize("library", ["tenacity", "stamina"])
@pytest.mark.usefixtures("_fast")
def test_inside_of_the_loops_block_an_attempt_sees_the_failure(seen, caplog, library):
    """
    The right form: three attempts, two of which failed, and nothing to warn about.
    """
    flaky = Flaky()
    with ds.session("p"), ds.task("d"):
        for attempt in loop_of(library):
            with attempt, ds.attempt():
                flaky()

    assert statuses(seen) == [True, True, False]
    assert not caplog.records


@pytest.mark.parametrize("library", ["tenacity", "stamina"])
@pytest.mark.usefixtures("_fast")
def test_outside_of_it_the_failure_is_kept_from_the_attempt(seen, caplog, library):
    """
    That cannot be mended from here, but it is warned about, once, where it is.
    """
    flaky = Flaky()
    with ds.session("p"), ds.task("d"):
        for attempt in loop_of(library):
            with ds.attempt(), attempt:
                flaky()

    assert statuses(seen) == [False, False, False]
    (warning,) = caplog.records
    assert warning.pathname == __file__
    assert "put droidscope.attempt inside of that `with`" in warning.getMessage()


async def test_the_same_of_asynchronous_loops(seen, caplog):
    """
    Both forms, of tenacity's asynchronous retrying.
    """
    tries = tenacity.AsyncRetrying(stop=tenacity.stop_after_attempt(5), wait=tenacity.wait_none())
    with ds.session("p"), ds.task("d"):
        right, wrong = Flaky(), Flaky()
        async for attempt in tries:
            with attempt:
                async with ds.attempt():
                    right()
        assert not caplog.records
        async for attempt in tries.copy():
            async with ds.attempt():
                with attempt:
                    wrong()

    assert statuses(seen) == [True, True, False, False, False, False]
    assert len(caplog.records) == 1


def test_decorators_need_no_care(seen, caplog):
    """
    The attempt stands below the decorator that retries, the task above it.
    """
    flaky = Flaky()

    @ds.task("d")
    @tenacity.retry(stop=tenacity.stop_after_attempt(5), sleep=lambda _: None)
    @ds.attempt
    def work():
        return flaky()

    with ds.session("p"):
        assert work() == "done"

    assert statuses(seen) == [True, True, False]
    assert not caplog.records


def test_an_earlier_loop_is_no_concern_of_a_later_attempt(seen, caplog):
    """
    Its last try failed, and its variable is still there.
    """
    with ds.session("p"), ds.task("d"):
        for attempt in tenacity.Retrying(
            stop=tenacity.stop_after_attempt(1), retry_error_callback=lambda _: None
        ):
            with attempt, ds.attempt():
                raise ConnectionError
        with ds.attempt():
            pass

    assert statuses(seen) == [True, False]
    assert not caplog.records
