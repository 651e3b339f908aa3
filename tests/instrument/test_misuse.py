"""
What a type checker would refuse is a TypeError; a value that does not fit costs itself, and nothing else.
"""

import itertools
import math
import subprocess
import sys
import textwrap
from datetime import timedelta

import pytest

import droidscope as ds
from droidscope.conventions import attributes as names
from droidscope.instrument import never_raise, providers


class Unprintable:
    """
    Raises whatever is asked of it.
    """

    def __str__(self):
        raise RuntimeError("cannot be printed")

    __repr__ = __float__ = __int__ = __bool__ = __len__ = __hash__ = __str__


class Convertible:
    """
    Like a number of a library, but registered as none.
    """

    def __int__(self):
        return 3

    def item(self):
        return 3

    __float__ = __int__


def broken():
    """
    Raises after its first item.
    """
    yield "a"
    raise RuntimeError("no more")


class Unhashable:
    """
    What cannot be the key of anything.
    """

    def __hash__(self):
        raise RuntimeError("has no hash")


def set_attribute(key):
    """
    Set an attribute of a task.
    """
    with ds.task("d") as task:
        task.set_attribute(key, 1)


NUMBERS = itertools.count()
"""
For ids that are used once.
"""


def opened(operation):
    """
    What a block of *operation* holds, without a provider.
    """
    with providers.override(None), operation as handle:
        return handle


def function():
    """
    What a decorator stands above.
    """


class Klass:
    """
    A class of the user's.
    """


WRONG_CALLS = {
    "session without parentheses": lambda: ds.session(function),
    "phase without parentheses": lambda: ds.phase(function),
    "task without parentheses": lambda: ds.task(function),
    "tool without parentheses": lambda: ds.tool(function),
    "gate without parentheses": lambda: ds.gate(function),
    "ask without parentheses": lambda: ds.ask(function),
    "session above a class": lambda: ds.session(Klass),
    "task above a classmethod": lambda: ds.task(classmethod(function)),
    "tool above a staticmethod": lambda: ds.tool(staticmethod(function)),
    "gate above a property": lambda: ds.gate(property(function)),
    "a pattern that is no text": lambda: ds.session(3)(function),
    "a phase that is no text": lambda: ds.phase(None)(function),
    "a droid that is no text": lambda: ds.task(b"d")(function),
    "a type that is no text": lambda: ds.task("d", 3)(function),
    "a tool that is no text": lambda: ds.tool(Unprintable())(function),
    "a gate that is no text": lambda: ds.gate(math.nan)(function),
    "a sender that is no text": lambda: ds.ask(None, "e")(function),
    "an empty pattern": lambda: ds.session("")(function),
    "an empty phase": lambda: ds.phase("")(function),
    "an empty droid": lambda: ds.task("")(function),
    "an empty tool": lambda: ds.tool("")(function),
    "an empty gate": lambda: ds.gate("")(function),
    "no pattern": ds.session,
    "no phase": ds.phase,
    "no droid": ds.task,
    "no tool": ds.tool,
    "no gate": ds.gate,
    "no receiver": lambda: ds.ask("d"),
    "no sender": ds.tell,
    "no type of conflict": ds.conflict,
    "two patterns": lambda: ds.session("p", "q"),
    "two tools": lambda: ds.tool("x", "y"),
    "three names of a task": lambda: ds.task("d", "t", "id"),
    "a number in front": lambda: ds.attempt(3),
    "two verdicts": lambda: ds.gate("g", "security"),
    "session(idd)": lambda: ds.session("p", idd="s"),
    "phase(depends)": lambda: ds.phase("f", depends=["e"]),
    "task(kind)": lambda: ds.task("d", kind="t"),
    "attempt(no)": lambda: ds.attempt(no=1),
    "tool(args)": lambda: ds.tool("x", args=1),
    "gate(level)": lambda: ds.gate("g", level="high"),
    "ask(timeout)": lambda: ds.ask("d", "e", timeout=1),
    "synthesis(conflicts)": lambda: ds.synthesis(conflicts=1),
    "tell(kind)": lambda: ds.tell("d", kind="discovery"),
    "conflict(level)": lambda: ds.conflict("schema", level="high"),
    "progress(percent)": lambda: ds.progress(percent=1),
    "blocked(why)": lambda: ds.blocked(why="review"),
    "unblocked(reason)": lambda: ds.unblocked("review"),
    "output(filez)": lambda: ds.output(filez=3),
    "output of one number": lambda: ds.output(3),
    "carry nothing": ds.carry,
    "carry no function": lambda: ds.carry(3),
    "carry a generator function": lambda: ds.carry(broken),
    "percent of nothing": ds.percent,
    "ten of two": lambda: ds.ten(1, 2),
    "a verdict of nothing": ds.Verdict,
    "integrated(conflict)": lambda: opened(ds.synthesis()).integrated(conflict=1),
    "integrated in order": lambda: opened(ds.synthesis()).integrated(1),
    "passed(points)": lambda: opened(ds.gate("g")).passed(points=1),
    "failed twice": lambda: opened(ds.gate("g")).failed(ds.ten(1), ds.ten(2)),
    "an outcome of nothing": lambda: opened(ds.task("d")).outcome(),
    "outcome(error)": lambda: opened(ds.task("d")).outcome("failed", error="timeout"),
    "task.output(filez)": lambda: opened(ds.task("d")).output(filez=3),
    "skip(reason)": lambda: opened(ds.phase("f")).skip("late"),
    "rejected(why)": lambda: opened(ds.ask("d", "e")).rejected("busy"),
    "start_session(title)": lambda: ds.start_session("s", "p", title="n"),
    "no id to complete": ds.complete,
    "fail(reason)": lambda: ds.fail("s", reason="timeout"),
    "model_call without parentheses": lambda: ds.model_call(function),
    "model_call(vendor)": lambda: ds.model_call("m", vendor="v"),
    "used(tokens)": lambda: opened(ds.model_call("m")).used(tokens=1),
    "waiting without parentheses": lambda: ds.waiting(function),
    "blocked without parentheses": lambda: ds.blocked(function),
    "progress as a decorator": lambda: ds.progress(function),
    "conflict as a decorator": lambda: ds.conflict(classmethod(function)),
    "tell as a decorator": lambda: ds.tell(Klass),
    "a pattern of spaces": lambda: ds.session("  ")(function),
    "a type of spaces": lambda: ds.task("d", " ")(function),
    "waiting(why)": lambda: ds.waiting(why="approval"),
    "resumed of something": lambda: ds.resumed("approval"),
    "a session made": ds.Session,
    "a task made of a name": lambda: ds.Task("d"),
    "a call decorated": lambda: ds.tool("x")(function()),
    "a number decorated": lambda: ds.tool("x")(3),
    "a class decorated": lambda: ds.task("d")(Klass),
    "a decorator decorated": lambda: ds.task("d")(ds.tool("x")),
    "a property without a getter": lambda: ds.tool("x")(property()),
}


@pytest.mark.parametrize("call", WRONG_CALLS.values(), ids=WRONG_CALLS.keys())
def test_what_is_no_call_is_a_type_error(seen, call):
    """
    Where it is called or decorated, before any work is done.
    """
    with pytest.raises(TypeError):
        call()

    assert not seen.spans


def test_they_are_type_errors_without_an_sdk():
    """
    What is wrong in production is wrong in development.
    """
    program = """
        import sys

        class Blocked:
            def find_spec(self, name, path=None, target=None):
                if name.startswith("opentelemetry.sdk"):
                    raise ImportError(name)

        sys.meta_path.insert(0, Blocked())
        import droidscope as ds

        def function(): ...

        calls = [
            lambda: ds.session(function), lambda: ds.ask(function), lambda: ds.task("")(function),
            lambda: ds.task(3)(function), lambda: ds.output(filez=3), lambda: ds.conflict(),
            lambda: ds.progress(percent=1), lambda: ds.blocked(why=""), lambda: ds.tell(),
        ]
        for call in calls:
            try:
                call()
            except TypeError:
                continue
            print("silent")
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=True
    )

    assert not done.stdout


@pytest.mark.parametrize(
    ("decorator", "form"),
    [
        (ds.session, 'write @droidscope.session("pattern")'),
        (ds.phase, 'write @droidscope.phase("id")'),
        (ds.task, 'write @droidscope.task("droid", "type")'),
        (ds.tool, 'write @droidscope.tool("name")'),
        (ds.gate, 'write @droidscope.gate("id")'),
        (ds.ask, 'write @droidscope.ask("sender", "receiver")'),
    ],
)
def test_without_parentheses_the_right_form_is_shown(decorator, form):
    """
    In the message of the error.
    """
    with pytest.raises(TypeError) as caught:
        decorator(function)

    assert form in str(caught.value)


def gate_with(score):
    with ds.gate("g") as gate:
        gate.passed(score=score)


def synthesis_with(**reported):
    with ds.synthesis() as synthesis:
        synthesis.integrated(**reported)


def used(**amounts):
    with ds.model_call("m") as call:
        call.used(**amounts)


def outcome_of_task(word):
    with ds.task("d") as task:
        task.outcome(word)


def late_output():
    with ds.task("d") as task:
        pass
    task.output(files_created=1)


def late_verdict():
    with ds.gate("g") as gate:
        pass
    gate.failed()


def late_integration():
    with ds.synthesis() as synthesis:
        pass
    synthesis.integrated(conflicts=1)


def entered(operation):
    with operation:
        pass


WRONG_VALUES = {
    "a pattern": lambda: entered(ds.session(3)),
    "a pattern of None": lambda: entered(ds.session(None)),
    "a phase": lambda: entered(ds.phase(7)),
    "a droid of None": lambda: entered(ds.task(None)),
    "an empty droid": lambda: entered(ds.task("")),
    "a droid that cannot be printed": lambda: entered(ds.task(Unprintable())),
    "a type of a task": lambda: entered(ds.task("d", 3)),
    "a tool of bytes": lambda: entered(ds.tool(b"x")),
    "a gate": lambda: entered(ds.gate(1.5)),
    "a sender": lambda: entered(ds.ask(3, "e")),
    "a receiver": lambda: entered(ds.ask("d", 3)),
    "an empty id of a session": lambda: entered(ds.session("p", id="")),
    "an id of a task": lambda: entered(ds.task("d", id=1.5)),
    "an id of a query": lambda: entered(ds.ask("d", "e", id=b"q")),
    "a correlation id": lambda: entered(ds.ask("d", "e", correlation_id=[])),
    "a name of a session": lambda: entered(ds.session("p", name=3)),
    "a name of a phase": lambda: entered(ds.phase("f", name=Unprintable())),
    "a plan": lambda: entered(ds.session("p", plan=5)),
    "a plan of bytes": lambda: entered(ds.session("p", plan=b"ab")),
    "a plan that breaks": lambda: entered(ds.session("p", plan=broken())),
    "a phase in a plan": lambda: entered(ds.session("p", plan=["a", None])),
    "what a phase depends on": lambda: entered(ds.phase("f", depends_on=Unprintable())),
    "a planned time below zero": lambda: entered(ds.session("p", planned=-1)),
    "a planned time as text": lambda: entered(ds.phase("f", planned="1h")),
    "an endless planned time": lambda: entered(ds.phase("f", planned=math.inf)),
    "a huge planned time": lambda: entered(ds.phase("f", planned=10**400)),
    "a planned time of True": lambda: entered(ds.phase("f", planned=True)),
    "a deadline below zero": lambda: entered(ds.ask("d", "e", deadline=-1)),
    "a deadline in the past": lambda: entered(ds.ask("d", "e", deadline=timedelta(seconds=-1))),
    "a deadline that is no number": lambda: entered(ds.ask("d", "e", deadline=math.nan)),
    "an attempt of zero": lambda: entered(ds.attempt(number=0)),
    "an attempt of text": lambda: entered(ds.attempt(number="2")),
    "a severity of a gate": lambda: entered(ds.gate("g", severity="urgent")),
    "a severity in capitals": lambda: entered(ds.gate("g", severity="HIGH")),
    "a category of a gate": lambda: entered(ds.gate("g", category=3)),
    "a score without a scale": lambda: gate_with(0.9),
    "a score above its scale": lambda: gate_with(ds.ten(11)),
    "a score of text": lambda: gate_with(ds.ten("9")),
    "a score of True": lambda: gate_with(ds.ratio(True)),
    "a score that cannot be printed": lambda: gate_with(ds.ten(Unprintable())),
    "a huge score": lambda: gate_with(ds.percent(10**400)),
    "conflicts below zero": lambda: synthesis_with(conflicts=-1),
    "conflicts as text": lambda: synthesis_with(conflicts="1"),
    "conflicts of True": lambda: synthesis_with(conflicts=True),
    "conflicts and a half": lambda: synthesis_with(conflicts=1.5),
    "missing components": lambda: synthesis_with(missing_components=["a"]),
    "unresolved conflicts": lambda: synthesis_with(unresolved=2**63),
    "gates that passed": lambda: synthesis_with(gates_passed="yes"),
    "gates that passed in a number": lambda: synthesis_with(gates_passed=1),
    "files below zero": lambda: ds.output(files_created=-1),
    "files as text": lambda: ds.output(files_created="3"),
    "files as a list": lambda: ds.output(files_created=["a.py"]),
    "files of a foreign number": lambda: ds.output(files_created=Convertible()),
    "files that cannot be printed": lambda: ds.output(files_created=Unprintable()),
    "too many files": lambda: ds.output(files_created=2**63),
    "tokens as a fraction": lambda: ds.output(input_tokens=1.5),
    "tokens below zero": lambda: ds.output(output_tokens=-5),
    "tokens without bound": lambda: ds.output(cache_read_tokens=10**5000),
    "a cost below zero": lambda: ds.output(cost_usd=-0.1),
    "a cost as text": lambda: ds.output(cost_usd="0.1"),
    "a cost that is no number": lambda: ds.output(cost_usd=math.nan),
    "a cost without bound": lambda: ds.output(cost_usd=10**400),
    "a model of bytes": lambda: ds.output(model=b"m"),
    "a model of a class": lambda: ds.output(model=Klass),
    "a coverage without a scale": lambda: ds.output(test_coverage=94),
    "a security above its scale": lambda: ds.output(security=ds.percent(101)),
    "findings of a severity unknown": lambda: ds.output(findings={"enormous": 1}),
    "findings below zero": lambda: ds.output(findings={"high": -1}),
    "findings as a number": lambda: ds.output(findings=3),
    "issues as a number": lambda: ds.output(issues=3),
    "issues below zero": lambda: ds.output(issues={"E501": -1}),
    "issues that break": lambda: ds.output(issues=broken()),
    "issues of objects": lambda: ds.output(issues=[Klass()]),
    "a report as a number": lambda: ds.output(sarif=3),
    "a report as bytes": lambda: ds.output(junit=b"a.xml"),
    "a report that is not there": lambda: ds.output(sarif="nowhere.sarif"),
    "reports that break": lambda: ds.output(sarif=broken()),
    "an output that is late": late_output,
    "a verdict that is late": late_verdict,
    "an integration that is late": late_integration,
    "a message of another type": lambda: ds.tell("d", "e", "query"),
    "a message of no type": lambda: ds.tell("d", "e", 3),
    "a message from nobody": lambda: ds.tell(None),
    "a message to a number": lambda: ds.tell("d", 3),
    "a message that is perhaps rejected": lambda: ds.tell("d", rejected="yes"),
    "a conflict of no type": lambda: ds.conflict(None),
    "a conflict without a type": lambda: ds.conflict(""),
    "a severity of a conflict": lambda: ds.conflict("schema", severity="urgent"),
    "a severity of a number": lambda: ds.conflict("schema", severity=1),
    "a severity that cannot be hashed": lambda: ds.conflict("schema", severity=["high"]),
    "progress beyond its end": lambda: ds.progress(1.5),
    "progress below zero": lambda: ds.progress(-0.1),
    "progress of True": lambda: ds.progress(True),
    "progress as text": lambda: ds.progress("half"),
    "progress that is no number": lambda: ds.progress(math.nan),
    "progress without bound": lambda: ds.progress(10**400),
    "a reason of a number": lambda: ds.blocked(3),
    "a reason that cannot be printed": lambda: ds.blocked(Unprintable()),
    "a kind of text": lambda: ds.current("task"),
    "an id that starts a session": lambda: ds.start_session(None, "p"),
    "a pattern that starts a session": lambda: ds.start_session(str(next(NUMBERS)), 3),
    "a planned time that starts a session": lambda: ds.start_session(str(next(NUMBERS)), "p", planned=-1),
    "an id that completes": lambda: ds.complete(None),
    "an id that fails": lambda: ds.fail(Unprintable(), "timeout"),
    "an id that cancels": lambda: ds.cancel(""),
    "an id to be within": lambda: entered(ds.within(None)),
    "a provider of a model": lambda: entered(ds.model_call("m", provider=3)),
    "tokens of a model": lambda: used(input_tokens=-1),
    "a cost of a model": lambda: used(cost_usd="0.1"),
    "a reason to wait": lambda: ds.waiting(3),
    "a reason of a session to wait": lambda: opened(ds.session("p")).wait(5),
    "a droid of spaces": lambda: entered(ds.task(" \t")),
    "a type of spaces": lambda: entered(ds.task("d", "  ")),
    "an id of spaces": lambda: entered(ds.task("d", id=" ")),
    "a sender of spaces": lambda: ds.tell("\n"),
    "a receiver of spaces": lambda: ds.tell("d", " "),
    "a conflict of spaces": lambda: ds.conflict(" "),
    "an answer of a list": lambda: used(response_model=[1]),
    "more of the cache than of the input": lambda: used(input_tokens=10, cache_read_tokens=50),
    "more to the cache than of the input": lambda: used(input_tokens=10, cache_write_tokens=11),
    "a key that is none": lambda: set_attribute(["a"]),
    "a key without a hash": lambda: set_attribute(Unhashable()),
    "attributes of a session": lambda: entered(ds.session("p", attributes=3)),
    "an attribute of a task": lambda: entered(ds.task("d", attributes={"k": [1]})),
    "a session that resumes": lambda: entered(ds.session("p", id="r", resume="yes")),
    "an outcome": lambda: outcome_of_task("brilliant"),
    "an outcome of None": lambda: outcome_of_task(None),
    "an outcome of a list": lambda: outcome_of_task(["failed"]),
    "a verdict of text": ds.gate("g")(lambda: ds.Verdict("yes")),
    "a verdict without a scale": ds.gate("g")(lambda: ds.Verdict(True, 0.9)),
}


@pytest.mark.parametrize("misuse", WRONG_VALUES.values(), ids=WRONG_VALUES.keys())
def test_a_wrong_value_is_logged_once_and_dropped(seen, caplog, misuse):
    """
    The work goes on; the warning names the line, and every drop is counted.
    """
    with ds.session("p"), ds.task("d"):
        for _ in range(2):
            misuse()

    assert seen.count(names.CLIENT_DROPPED) == 2
    (warning,) = caplog.records
    assert (warning.pathname, warning.levelname) == (__file__, "WARNING")
    assert warning.getMessage().endswith(f"({__file__}:{warning.lineno})")


@pytest.mark.parametrize(
    "number",
    [3, 3.0, True],
)
def test_numbers_are_what_python_calls_numbers(seen, number):
    """
    A whole number is integral; a fraction that happens to be whole is none, nor is a truth value.
    """
    with ds.session("p"), ds.task("d"):
        ds.output(files_created=number)

    kept = seen.one("task").attributes.get(names.OUTPUT_FILES_CREATED)
    assert kept == (3 if type(number) is int else None)


def test_a_warning_is_given_once_for_each_line(seen, caplog):
    """
    Two places that misuse it are two warnings.
    """
    with ds.session("p"):
        ds.progress(2)
        for _ in range(3):
            ds.progress(2)

    assert len({record.lineno for record in caplog.records}) == len(caplog.records) == 2
    assert seen.count(names.CLIENT_DROPPED, {names.DROP_REASON: "out_of_range"}) == 4


def test_what_was_logged_is_bounded(caplog):
    """
    Keys may hold what users invent: the oldest are forgotten.
    """
    with never_raise.fresh_warnings():
        for number in [*range(1001), 1000, 0]:
            never_raise.warn_once(f"key {number}", "again")

    assert len(caplog.records) == 1002
