"""
The public face: complete, light, and useful without an SDK.
"""

import inspect
import subprocess
import sys
import textwrap
from importlib.metadata import version

import pytest

import droidscope as ds
from droidscope import testing
from own_processes import run_process

WITHOUT_SDK = """
    import sys

    class Blocked:
        def find_spec(self, name, path=None, target=None):
            if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter", "opentelemetry.proto")):
                raise ImportError(name)

    sys.meta_path.insert(0, Blocked())
"""


def run(code, prelude=""):
    """
    What a fresh interpreter prints.
    """
    script = textwrap.dedent(prelude) + textwrap.dedent(code)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return done.stdout.strip()


def test_all_names_exist_and_are_sorted():
    """
    Each name of `__all__` can be had, and each in order.
    """
    assert all(getattr(ds, name) is not None for name in ds.__all__)
    constants = [name for name in ds.__all__ if name.startswith("_")]
    classes = [name for name in ds.__all__ if name[0].isupper()]
    functions = [name for name in ds.__all__ if name[0].islower()]
    assert ds.__all__ == sorted(classes) + constants + sorted(functions)


def test_all_is_all():
    """
    What is loaded on demand is public, and what is public is loaded on demand.
    """
    on_demand = ds._HOME_OF  # noqa: SLF001 - users have no use for where a name comes from

    assert {*on_demand, "__version__"} == set(ds.__all__)
    assert set(ds.__all__) <= set(dir(ds))


def test_completion_shows_the_public_names_alone():
    """
    Neither where they come from, nor what the module imports.
    """
    assert dir(ds) == sorted(ds.__all__)


class Mine(ds.AnalyticsOrchestrator):
    """
    An orchestrator of the user's.
    """

    def execute_task(self):
        """
        Nothing to do.
        """


@pytest.mark.parametrize(
    ("make", "shown"),
    [
        (lambda: ds.session("p"), ""),
        (lambda: ds.within("s"), ""),
        (lambda: ds.waiting("approval"), "end"),
        (lambda: ds.blocked("review"), "end"),
        (
            lambda: Mine().analytics,
            "cancel_session complete_session fail_session get_metrics start_session",
        ),
        (
            testing.Capture,
            "close count emitter events events_named one records spans tracer_provider",
        ),
        (lambda: testing, "Capture capture droidscope_capture"),
    ],
)
def test_completion_shows_what_is_documented(make, shown):
    """
    Nothing of how it is done, and no import of a module.
    """
    assert dir(make()) == shown.split()


def test_what_lasts_says_how_it_ends():
    """
    As others do, in place of an address.
    """
    assert repr(ds.waiting("x")) == "<droidscope.waiting(): until the end of its `with` block, or its end()>"
    assert repr(ds.blocked()).startswith("<droidscope.blocked(): ")


OF_TASKS = "droid id outcome output retry_later set_attribute set_attributes"
SHOWN = [
    (ds.session("p"), ds.Session, "id outcome set_attribute set_attributes wait"),
    (ds.phase("f"), ds.Phase, "id outcome skip"),
    (ds.task("d"), ds.Task, OF_TASKS),
    (
        ds.task("d", id="t", delivery=1),
        ds.Task,
        "droid id outcome output retry_later set_attribute set_attributes",
    ),
    (ds.attempt(), ds.Attempt, "number outcome output"),
    (ds.tool("x"), ds.Tool, "outcome"),
    (ds.model_call("m"), ds.ModelCall, "outcome usage used"),
    (ds.gate("g"), ds.Gate, "failed id passed"),
    (ds.synthesis(), ds.Synthesis, "integrated"),
    (ds.ask("d", "e"), ds.Query, "correlation_id id rejected unanswered"),
]


@pytest.mark.parametrize(("operation", "kind", "shown"), SHOWN, ids=[kind.__name__ for _, kind, _ in SHOWN])
def test_what_a_block_holds_shows_what_users_need(operation, kind, shown):
    """
    Nothing of how spans are made; and each of it does something, with the signature that is shown.
    """
    with operation as handle:
        pass

    assert isinstance(handle, kind)
    assert dir(handle) == shown.split()
    assert [name for name in dir(kind) if not name.startswith("_")] == shown.split()
    for name in shown.split():
        stated, done = getattr(kind, name), getattr(type(handle), name)
        assert done is not stated, name
        if callable(stated) and name != "output":
            assert [*inspect.signature(stated).parameters] == [*inspect.signature(done).parameters]


def test_outputs_show_their_keywords():
    """
    To completion and `help`, of the function and of the methods.
    """
    with ds.task("d") as task:
        pass

    for function in (ds.output, task.output):
        assert {"files_created", "cost_usd", "sarif"} <= inspect.signature(function).parameters.keys()


def test_an_unknown_name_is_an_attribute_error():
    """
    As of any module.
    """
    with pytest.raises(AttributeError, match="module 'droidscope' has no attribute 'sesion'"):
        ds.sesion  # noqa: B018


def test_the_version_is_that_of_the_package():
    """
    Asked for when wanted.
    """
    assert ds.__version__ == version("droidscope")


def test_importing_loads_next_to_nothing():
    """
    OpenTelemetry comes with the first use, the SDK only with `configure`.
    """
    loaded = run("""
        import sys, droidscope as ds
        at_import = [name for name in sys.modules if name.startswith("opentelemetry")]
        ds.session, ds.output, ds.AnalyticsOrchestrator
        in_use = [name for name in sys.modules if name.startswith(("opentelemetry.sdk", "msgspec", "grpc"))]
        print(at_import, in_use)
    """)

    assert loaded == "[] []"


EVERYTHING = """
import asyncio, droidscope as ds

@ds.session(pattern="p")
async def main():
    with ds.phase("f") as phase, ds.task(droid="d", type="t") as task, ds.attempt():
        with ds.ask("d", "e", deadline=5) as query, ds.tool("x"):
            query.rejected()
        ds.output(files_created=1, test_coverage=0.4, sarif="nowhere.sarif")
        ds.conflict("schema"); ds.progress(7); ds.unblocked(); ds.tell("d")
        with ds.blocked("waiting"):
            phase.skip()
        task.outcome("failed"); task.output(files_created=1)
    with ds.gate("g") as gate:
        gate.failed(score=ds.ten(3))
    with ds.synthesis() as synthesis:
        synthesis.integrated(conflicts=1)
    async with ds.session("q") as session:
        assert len(session.id) == len(task.id) == len(query.id) == 32
    return query.correlation_id == query.id

@ds.attempt
def numbers():
    received = yield 1
    return received

@ds.tool("x")
async def letters():
    yield "a"

generator = numbers()
next(generator)
try:
    generator.send("sent")
except StopIteration as stop:
    assert stop.value == "sent"

async def collect():
    return [letter async for letter in letters()]

print(asyncio.run(main()), asyncio.run(collect()))
"""


def test_who_configures_has_every_name():
    """
    A fork amid the import of one in another thread would leave a child that waits for it for ever.
    """
    code = """
        import droidscope as ds
        ds.configure
        print(sorted({*ds.__all__} - {*vars(ds)}))
    """

    assert run(code) == "['__version__']"
    assert run(code, WITHOUT_SDK) == "['IdSpanProcessor', '__version__']"


def test_everything_works_without_an_sdk():
    """
    Decorators, blocks and calls do nothing; ids are there for whoever needs them.
    """
    printed = run(EVERYTHING, WITHOUT_SDK)

    assert printed == "True ['a']"


@pytest.mark.parametrize(
    "wanted", ["ds.configure()", "ds.IdSpanProcessor", "__import__('droidscope.testing')"]
)
def test_what_needs_the_sdk_says_so(wanted):
    """
    The error ends with the commands that install it: in a clone, then from an index.
    """
    printed = run(
        f"""
        import droidscope as ds
        try:
            {wanted}
        except ds.MissingExtraError as error:
            print(error)
        """,
        WITHOUT_SDK,
    )

    assert printed.endswith("pip install '.[sdk]', or once released pip install 'droidscope[sdk]'")


def test_flush_and_shutdown_need_no_sdk():
    """
    They can be at the end of any script; nothing is configured, so nothing is sent.
    """
    assert run("import droidscope as ds; print(ds.flush(), ds.shutdown())", WITHOUT_SDK) == "False False"


def test_a_provider_that_comes_late_is_found():
    """
    Decorated before, traced after.
    """
    printed = run("""
        import droidscope as ds
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

        @ds.tool("x")
        def work():
            pass

        work()
        memory, provider = InMemorySpanExporter(), TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(memory))
        trace.set_tracer_provider(provider)
        with ds.session("p"):
            work()
        print([span.name for span in memory.get_finished_spans()])
    """)

    assert printed == "['execute_tool x', 'invoke_workflow p']"


@pytest.mark.parametrize("before", ["", "ds.configure(endpoint='http://127.0.0.1:1', on_exit=False)\n"])
def test_a_name_that_is_first_used_when_the_interpreter_ends_does_nothing(before):
    """
    Nothing can be imported any more, and what an object does at its end is the user's work.
    """
    done = run_process(
        f"""
{before}
class Late:
    def __del__(self):
        with ds.session("p") as session, ds.task("d"):
            session.set_attribute("a", 1)
            ds.output(files_created=1)
            if ds.current():
                ds.current().outcome("failed")
        print(ds.tool("t")(len)("four"), list(ds.check()), bool(ds.flush(0)))

late = Late()
"""
    )

    assert done.stdout.startswith("4 [")
    assert done.stdout.endswith("] False\n")
    assert "Traceback" not in done.stderr
