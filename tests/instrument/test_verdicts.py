"""
What decides about a gate: what its function returns, what is stated, an exception.
"""

import asyncio

import pytest

import droidscope as ds
from droidscope.conventions import attributes as names


def verdict_of(seen):
    """
    Whether the only gate passed, and its score.
    """
    attributes = seen.one("gate").attributes
    return attributes.get(names.GATE_PASSED), attributes.get(names.GATE_SCORE)


@pytest.mark.parametrize(
    ("returned", "passed", "score"),
    [
        (True, True, None),
        (False, False, None),
        (ds.Verdict(passed=False), False, None),
        (ds.Verdict(passed=False, score=ds.ten(3)), False, 30),
        (ds.Verdict(passed=True, score=ds.percent(85)), True, 85),
        (None, True, None),
        (0, True, None),
        ("", True, None),
        ([], True, None),
        ("failed", True, None),
    ],
)
def test_only_a_truth_value_or_a_verdict_decides(seen, returned, passed, score):
    """
    Whatever else a gate returns, it passes; the caller gets what was returned.
    """

    @ds.gate("g")
    def check():
        return returned

    with ds.session("p"):
        assert check() is returned

    assert verdict_of(seen) == (passed, score)


def numpy_boolean(value, name):
    """
    What numpy's comparisons return, for a machine that need not have numpy.
    """
    return type(name, (), {"__bool__": lambda _: value, "__module__": "numpy"})()


@pytest.mark.parametrize("name", ["bool_", "bool"])
@pytest.mark.parametrize("passed", [True, False])
def test_a_boolean_of_numpy_is_one(seen, caplog, name, passed):
    """
    Under both of its names, by itself and in a verdict.
    """
    returned = numpy_boolean(passed, name)
    with ds.session("p"):
        assert ds.gate("g")(lambda: returned)() is returned
        ds.gate("g")(lambda: ds.Verdict(returned))()
        with ds.synthesis() as synthesis:
            synthesis.integrated(gates_passed=returned)

    assert [span.attributes[names.GATE_PASSED] for span in seen.records("gate")] == [passed] * 2
    assert seen.one("synthesis").attributes[names.SYNTHESIS_GATES_PASSED] is passed
    assert not caplog.records


def test_a_comparison_of_an_array_is_a_verdict(seen):
    """
    As numpy itself has it.
    """
    numpy = pytest.importorskip("numpy")
    with ds.session("p"):
        ds.gate("g")((numpy.array([1, 2]) > 5).any)()

    assert verdict_of(seen) == (False, None)


@pytest.mark.parametrize("returned", [(False, "why"), 0, "failed", [], numpy_boolean(False, "ndarray")])
def test_what_is_no_verdict_is_logged_once(seen, caplog, returned):
    """
    With the place; nothing is dropped.
    """

    @ds.gate("g")
    def check():
        return returned

    with ds.session("p"):
        for _ in range(2):
            check()

    (warning,) = caplog.records
    assert "is no verdict; the gate has passed" in warning.getMessage()
    assert warning.pathname == __file__
    assert seen.count(names.CLIENT_DROPPED) == 0


def test_a_gate_that_has_stated_its_verdict_may_return_anything(caplog, seen):
    """
    Nothing is logged, nor for a gate that returns nothing.
    """

    @ds.gate("g")
    def check(stated):
        if stated:
            ds.current(ds.Gate).failed()
            return "why"
        return None

    with ds.session("p"):
        check(True)
        check(False)

    assert [span.attributes[names.GATE_PASSED] for span in seen.records("gate")] == [False, True]
    assert not caplog.records


async def test_every_kind_of_function_can_decide(seen):
    """
    Coroutine functions, what returns a coroutine, generators that return.
    """

    async def later():
        await asyncio.sleep(0)
        return False

    def stepwise():
        yield 1
        return False

    gate = ds.gate("g")
    with ds.session("p"):
        assert await gate(later)() is False
        assert await gate(lambda *_: later())() is False
        assert list(gate(stepwise)()) == [1]

    assert [span.attributes[names.GATE_PASSED] for span in seen.records("gate")] == [False] * 3


@pytest.mark.parametrize("state", ["passed", "failed"])
def test_a_stated_verdict_wins_over_what_is_returned(seen, state):
    """
    It was stated on purpose.
    """

    @ds.gate("g")
    def check():
        getattr(ds.current(ds.Gate), state)(ds.ten(5))
        return state != "passed"

    with ds.session("p"):
        check()

    assert verdict_of(seen) == (state == "passed", 50)


def test_a_verdict_counts_in_the_synthesis(seen):
    """
    As one that is stated.
    """
    with ds.session("p"):
        ds.gate("g")(lambda: False)()
        with ds.synthesis():
            pass

    assert seen.one("synthesis").attributes[names.SYNTHESIS_GATES_PASSED] is False


def test_an_exception_fails_the_gate_whatever_was_stated(seen):
    """
    The check did not come to its end.
    """

    @ds.gate("g")
    def check():
        ds.current(ds.Gate).passed()
        raise KeyError

    with ds.session("p"), pytest.raises(KeyError):
        check()

    assert verdict_of(seen) == (False, None)
