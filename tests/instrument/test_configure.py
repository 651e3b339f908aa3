"""
What `configure` is given holds, or is refused; and it may be called again.
"""

import pytest

import droidscope as ds
from droidscope.conventions import attributes as names
from otlp_receiver import serve
from own_processes import records_counted, run_process, span_rows


@pytest.fixture
def receiver():
    """
    Where records arrive.
    """
    with serve() as serving:
        yield serving


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"service_name": ""}, "service_name is ''; expected a text"),
        ({"service_name": 5}, "service_name is 5; expected a text"),
        ({"endpoint": "localhost"}, "endpoint is 'localhost'; expected a URL such as http://localhost:4318"),
        ({"endpoint": "ftp://host"}, "endpoint is 'ftp://host'; expected a URL"),
        ({"endpoint": "http://host:99999"}, "endpoint is 'http://host:99999'; expected a URL"),
        ({"endpoint": "http://"}, "endpoint is 'http://'; expected a URL"),
        ({"endpoint": "http://my host:4318"}, "endpoint is 'http://my host:4318'; expected a URL"),
        ({"endpoint": "http://host:4318\n"}, r"endpoint is 'http://host:4318\\n'; expected a URL"),
        ({"protocol": ["grpc"]}, r"protocol is \['grpc'\]; expected a text"),
        ({"protocol": "udp"}, "protocol is 'udp'; expected one of http/protobuf, grpc"),
        ({"headers": ["a=b"]}, "expected a mapping from names to texts"),
        ({"headers": {"a": 1}}, "expected a mapping from names to texts"),
        ({"resource_attributes": "a=b"}, "resource_attributes is 'a=b'; expected a mapping"),
        ({"resource_attributes": {"a": None}}, r"resource_attributes\['a'\] is None; expected a text or a"),
        (
            {"service_name": "a", "resource_attributes": {"service.name": "b"}},
            "service_name is 'a'; expected that of resource_attributes, 'b', or only one of both",
        ),
        (
            {"text_limit": -1},
            "text_limit is -1; expected 128 to 262144 characters, or 0 for no",
        ),
        ({"text_limit": 20}, "text_limit is 20; expected 128 to 262144 characters"),
        ({"text_limit": 10**7}, "text_limit is 10000000; expected 128 to 262144 characters"),
        ({"text_limit": True}, "text_limit is True; expected 128 to 262144 characters"),
        ({"stack_traces": "no"}, "stack_traces is 'no'; expected True or False"),
        ({"stack_traces": "false", "text_limit": 0}, "stack_traces is 'false'; expected True or False"),
        ({"stack_traces": None}, "stack_traces is None; expected True or False"),
        ({"on_exit": "yes"}, "on_exit is 'yes'; expected True or False"),
        ({"frameworks": 3}, "frameworks is 3; expected True or False"),
        ({"headers": {"a\n": "b"}}, r"headers has the name 'a\\n'; expected letters"),
        ({"headers": {"": "b"}}, "headers has the name ''; expected letters"),
        ({"headers": {"ä": "b"}}, "headers has the name 'ä'; expected letters"),
        ({"headers": {"a": "b\n"}}, "the value of 'a' in headers cannot be sent; expected Latin-1"),
        ({"headers": {"a": "b\x00"}}, "the value of 'a' in headers cannot be sent"),
        ({"headers": {"a": "€"}}, "the value of 'a' in headers cannot be sent; expected Latin-1"),
        ({"headers": {"a": "ä"}, "protocol": "grpc"}, "in headers cannot be sent; expected ASCII"),
        (
            {"endpoint": "http://host:4318/v1/traces"},
            "endpoint is 'http://host:4318/v1/traces'; expected the base URL of all signals, http://host:4318$",
        ),
        ({"endpoint": "https://host/otlp/v1/logs/"}, "the base URL of all signals, https://host/otlp$"),
        ({"endpoint": "http://host/?key=a"}, "the base URL of all signals, http://host$"),
        (
            {"endpoint": "host:4317/v1/metrics", "protocol": "grpc"},
            "the base URL of all signals, host:4317$",
        ),
    ],
)
def test_what_cannot_be_honoured_is_refused(arguments, message):
    """
    The message names it; nothing has been set up.
    """
    with pytest.raises(ds.ConfigError, match=message):
        ds.configure(**arguments)


def test_a_protocol_that_a_variable_gets_wrong_is_refused(monkeypatch):
    """
    The message names the variable.
    """
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "udp")

    with pytest.raises(ds.ConfigError, match="OTEL_EXPORTER_OTLP_PROTOCOL is 'udp'; expected one of"):
        ds.configure()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("ENDPOINT", "http://host:4318/v1/traces", "ENDPOINT is .*; expected the base URL of all signals"),
        ("HEADERS", "a=b%0Ac", "the value of 'a' in OTEL_EXPORTER_OTLP_HEADERS cannot be sent"),
        ("TRACES_HEADERS", "a=%E2%82%AC", "the value of 'a' in OTEL_EXPORTER_OTLP_HEADERS cannot be sent"),
    ],
)
def test_a_variable_by_which_nothing_could_arrive_is_refused(monkeypatch, name, value, message):
    """
    The message names the variable, and shows no value of a header.
    """
    monkeypatch.setenv(f"OTEL_EXPORTER_OTLP_{name}", value)

    with pytest.raises(ds.ConfigError, match=message) as refused:
        ds.configure()
    assert "€" not in str(refused.value)


def test_headers_that_can_be_sent_arrive(receiver):
    """
    Latin-1 and tabs, too, and a variable for one signal has its whole URL.
    """
    done = run_process(
        f"""
        ds.configure(endpoint="{receiver.url}", service_name="fleet", headers={{"x-team": "re\u00e9\tone"}})
        with ds.session("p"):
            pass
        print(ds.flush())
        """
    )

    assert done.stdout == "True\n"
    assert len(span_rows(receiver)) == 1


def test_the_same_call_again_changes_nothing(receiver):
    """
    One instance goes on, with the counts it has.
    """
    run_process(f"""
for number in range(3):
    ds.configure(service_name="fleet", endpoint="{receiver.url}")
    with ds.session("p"):
        pass
""")

    assert len({row.resource[names.SERVICE_INSTANCE_ID] for row in span_rows(receiver)}) == 1
    assert records_counted(receiver) == {"session": 3}


def test_another_call_goes_on_elsewhere(receiver):
    """
    What waits is sent to the old place first, what is open then ends at the new one; as in a notebook.
    """
    with serve() as other:
        done = run_process(f"""
ds.configure(service_name="first", endpoint="{receiver.url}")
with ds.session("p"):
    with ds.task("before"):
        pass
    ds.configure(service_name="second", endpoint="{other.url}")
    with ds.task("after"):
        pass
print(ds.flush())
""")

        assert done.stdout == "True\n"
        assert [row.name for row in span_rows(receiver)] == ["invoke_agent before"]
        rows = {row.name: row for row in span_rows(other)}
        assert set(rows) == {"invoke_agent after", "invoke_workflow p"}
        assert rows["invoke_agent after"].resource[names.SERVICE_NAME] == "second"


def test_frameworks_follow_to_where_configure_points(receiver):
    """
    The provider that was set for them is the global one for ever; where its spans go is not.
    """
    with serve() as other:
        run_process(f"""
from opentelemetry import trace
for name, url in (("first", "{receiver.url}"), ("second", "{other.url}")):
    ds.configure(service_name=name, endpoint=url)
    with ds.session("p"), trace.get_tracer("framework").start_as_current_span("agent"):
        pass
ds.shutdown()
trace.get_tracer("framework").start_span("late").end()
with ds.session("late"):
    pass
""")

        for place, name in ((receiver, "first"), (other, "second")):
            rows = span_rows(place)
            assert [row.name for row in rows] == ["agent", "invoke_workflow p"]
            assert {row.resource[names.SERVICE_NAME] for row in rows} == {name}
            assert len({row.resource[names.SERVICE_INSTANCE_ID] for row in rows}) == 1


def test_it_may_be_configured_again_after_a_shutdown(receiver):
    """
    With the same arguments as well.
    """
    done = run_process(f"""
for _ in range(2):
    ds.configure(service_name="fleet", endpoint="{receiver.url}")
    with ds.session("p"):
        pass
    print(ds.shutdown(), end=" ")
""")

    assert done.stdout == "True True "
    assert len(span_rows(receiver)) == 2


OWN_PROVIDER = """
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
trace.set_tracer_provider(TracerProvider(resource=Resource.create(
    {"service.name": "web", "deployment.environment.name": "production", "k8s.pod.name": "web-1"})))
"""


@pytest.mark.parametrize(
    ("arguments", "variables", "name", "environment"),
    [
        ("", {}, "web", "production"),
        ("", {"OTEL_SERVICE_NAME": "by-variable"}, "by-variable", "production"),
        (
            "",
            {"OTEL_RESOURCE_ATTRIBUTES": "service.name=v,deployment.environment.name=test"},
            "v",
            "test",
        ),
        ("service_name='given'", {"OTEL_SERVICE_NAME": "by-variable"}, "given", "production"),
        ("resource_attributes={'service.name': 'given', 'n': 5}", {}, "given", "production"),
    ],
)
def test_a_name_is_given_by_argument_variable_or_provider(receiver, arguments, variables, name, environment):
    """
    In this order; the instance is droidscope's own, so that its counts are of one process.
    """
    done = run_process(
        f"{OWN_PROVIDER}\nds.configure({arguments})\nwith ds.session('p'):\n    pass\n"
        "print(trace.get_tracer_provider().resource.attributes.get('service.instance.id'))",
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url,
        **variables,
    )

    (row,) = span_rows(receiver)
    assert row.resource[names.SERVICE_NAME] == name
    assert row.resource[names.DEPLOYMENT_ENVIRONMENT] == environment
    assert row.resource["k8s.pod.name"] == "web-1"
    assert row.resource[names.SERVICE_INSTANCE_ID] != done.stdout.strip()
    assert "has no name" not in done.stderr


def test_a_service_without_a_name_is_warned_about_once(receiver):
    """
    The warning names the variable and the argument.
    """
    done = run_process(
        """
        ds.configure()
        for _ in range(2):
            with ds.session("p"):
                pass
        """,
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url,
    )

    assert done.stderr.count("this service has no name") == 1
    assert "droidscope.configure(service_name=...), or set OTEL_SERVICE_NAME" in done.stderr
    assert {row.resource[names.SERVICE_NAME] for row in span_rows(receiver)} == {"unknown_service"}


BROKEN_TEXTS = """
class Unprintable(Exception):
    def __str__(self):
        raise RuntimeError("cannot be printed")
    __repr__ = __str__

def deep(number):
    return deep(number - 1) if number else 1 / 0

FAULTS = [
    lambda: (_ for _ in ()).throw(Unprintable()),
    lambda: (_ for _ in ()).throw(ValueError("x" * 50_000)),
    lambda: (_ for _ in ()).throw(ValueError("lone \\ud800 surrogate")),
    lambda: deep(300),
]
for fault in FAULTS:
    for block in (ds.session("p"), ds.task("d\\udc80"), ds.tool("x\\ud83d"), ds.gate("g\\udfff")):
        try:
            with ds.session("outer \\ud801"), ds.phase("f\\ud802"), block:
                ds.conflict("schema\\ud803")
                fault()
        except Exception:
            pass
print(ds.flush())
"""


@pytest.mark.parametrize(
    ("arguments", "limit", "texts"),
    [("", 4096, True), ("text_limit=200", 200, True), ("text_limit=0", 4096, False)],
)
def test_no_text_of_a_user_costs_a_batch_or_an_outcome(receiver, arguments, limit, texts):
    """
    Texts without end, lone surrogates and exceptions that cannot be printed: all spans arrive, as failed.
    """
    done = run_process(
        f"ds.configure({arguments})\n{BROKEN_TEXTS}",
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url,
        OTEL_SERVICE_NAME="fleet \ufffd",
    )

    assert done.stdout == "True\n"
    rows = span_rows(receiver)
    assert len(rows) == 48
    assert all(row.status == 2 for row in rows if row.attributes[names.KIND] != "gate")
    kinds = {row.attributes[names.KIND] for row in rows}
    assert kinds == {"session", "phase", "task", "tool", "gate"}
    assert {row.attributes[names.GATE_ID] for row in rows if names.GATE_ID in row.attributes} == {"g\ufffd"}
    assert not any(row.attributes[names.GATE_PASSED] for row in rows if names.GATE_ID in row.attributes)
    assert all(row.attributes[names.ERROR_TYPE] for row in rows if row.status == 2)
    for row in rows:
        exception = row.events.get("exception", {})
        assert set(exception) - {"exception.type"} == (
            {"exception.message", "exception.stacktrace"} if texts and exception else set()
        )
        assert all(len(text) <= limit for text in exception.values())
    assert records_counted(receiver)["task"] == 4


def test_stack_traces_can_be_left_out(receiver):
    """
    Messages stay.
    """
    run_process(f"""
ds.configure(service_name="fleet", endpoint="{receiver.url}", stack_traces=False)
try:
    with ds.session("p"):
        1 / 0
except ZeroDivisionError:
    pass
""")

    (row,) = span_rows(receiver)
    assert row.events["exception"] == {
        "exception.type": "ZeroDivisionError",
        "exception.message": "division by zero",
    }


@pytest.mark.parametrize("timeout", [None, "soon", -1, float("nan")])
def test_flush_and_shutdown_never_raise(receiver, timeout):
    """
    Whatever they are given.
    """
    done = run_process(f"""
nan = float("nan")
ds.configure(service_name="fleet", endpoint="{receiver.url}")
with ds.session("p"):
    pass
print(*(type(result).__name__ for result in (ds.flush({timeout!r}), ds.shutdown({timeout!r}))))
""")

    assert done.stdout == "bool bool\n"


def test_a_variable_that_the_sdk_refuses_is_refused():
    """
    Under its name.
    """
    done = run_process(
        """
        try:
            ds.configure(service_name="fleet")
        except ds.ConfigError as error:
            print(error)
        """,
        OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT="many",
    )

    assert done.stdout == "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT must be a non-negative integer but got many\n"
