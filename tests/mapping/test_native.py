"""
Native telemetry: each kind of span and event becomes its record; what does not fit is reported.
"""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from droidscope.conventions import attributes as names
from droidscope.conventions.attributes import Kind, Outcome, Severity
from droidscope.mapping.attribute_reader import LIST_LENGTH, NAME_LENGTH
from droidscope.mapping.mapper import Mapper
from droidscope.mapping.native_events import is_native_log, map_log
from droidscope.mapping.native_items import UnusableError
from droidscope.mapping.native_points import map_point
from droidscope.mapping.native_spans import map_span
from droidscope.model import records as r
from droidscope.model.otlp import STATUS_ERROR, Batch, Event, LogRecord, Resource, Span, SumPoint

SECOND = 1_000_000_000
ATLAS = ("atlas",)
WHERE = {
    names.SESSION_ID: "s1",
    names.PATTERN_ID: "bug-fix",
    names.PHASE_ID: "fix",
    names.TASK_ID: "t1",
    names.TASK_TYPE: "code",
    names.AGENT_NAME: "coder",
}
PLACE = r.Place(ATLAS, "s1", "bug-fix", "fix", "t1", "code", "coder", trace_id="01" * 16)
TIMES = {"place": PLACE, "start_ns": 10 * SECOND, "end_ns": 70 * SECOND, "span_id": "02" * 8}


def span(kind, *, status=0, events=(), seconds=60, **attributes):
    """
    A native span; attribute names are those of the constants in `attributes`, in lower case.
    """
    named = {getattr(names, name.upper()): value for name, value in attributes.items()}
    return Span(
        trace_id=b"\1" * 16,
        span_id=b"\2" * 8,
        parent_id=b"",
        name=f"{kind} x",
        kind=1,
        start_ns=10 * SECOND,
        end_ns=(10 + seconds) * SECOND,
        status=status,
        status_message="",
        attributes={names.KIND: kind, **WHERE, **named},
        resource=Resource({names.SERVICE_NAME: "atlas"}),
        scope=names.SCOPE,
        events=events,
    )


def event(name, **attributes):
    named = {getattr(names, key.upper()): value for key, value in attributes.items()}
    return LogRecord(
        trace_id=b"\1" * 16,
        span_id=b"\2" * 8,
        event_name=name,
        time_ns=10 * SECOND,
        severity=9,
        body=None,
        attributes={**WHERE, **named},
        resource=Resource({names.SERVICE_NAME: "atlas"}),
        scope=names.SCOPE,
    )


def only(mapped):
    (record,), invalid_values = mapped
    assert invalid_values == []
    return record


USAGE = r.Usage("m1", input=1, output=2, cache_read=3, cache_write=4, cost_usd=0.5)
SPENT = {
    "request_model": "m1",
    "input_tokens": 1,
    "output_tokens": 2,
    "cache_read_tokens": 3,
    "cache_write_tokens": 4,
    "cost_usd": 0.5,
}
MADE = {
    "output_files_created": 3,
    "output_code_quality": 92.5,
    "output_test_coverage": 80,
    "output_security": 100,
    "output_issues": ["E501:3"],
}
OUTPUT = r.Output(3, 92.5, 80.0, 100.0, None, ("E501:3",))


@pytest.mark.parametrize(
    ("telemetry", "record"),
    [
        (
            span(
                "session",
                session_plan=["a", "b"],
                session_planned_seconds=90.5,
                pattern_name="Bug fix",
                session_outcome="failed",
                error_type="Timeout",
            ),
            r.Session(
                **TIMES,
                outcome=Outcome.FAILED,
                error_type="Timeout",
                pattern_name="Bug fix",
                plan=("a", "b"),
                planned_ns=90_500_000_000,
            ),
        ),
        (
            span(
                "phase",
                phase_name="Fix it",
                phase_depends_on=["plan"],
                phase_planned_seconds=1,
                phase_blocked_seconds=2,
                phase_outcome="skipped",
            ),
            r.Phase(
                **TIMES,
                outcome=Outcome.SKIPPED,
                name="Fix it",
                depends_on=("plan",),
                planned_ns=SECOND,
                blocked_ns=2 * SECOND,
            ),
        ),
        (
            span("task", task_attempts=2, **MADE, **SPENT),
            r.Task(**TIMES, outcome=Outcome.COMPLETED, attempts=2, output=OUTPUT, usage=USAGE),
        ),
        (
            span("attempt", task_attempt=2, status=STATUS_ERROR, error_type="E", **MADE, **SPENT),
            r.Attempt(**TIMES, outcome=Outcome.FAILED, error_type="E", number=2, output=OUTPUT, usage=USAGE),
        ),
        (span("tool", tool_name="pytest"), r.ToolCall(**TIMES, tool="pytest", outcome=Outcome.SUCCEEDED)),
        (
            span(
                "message",
                message_id="m1",
                message_type="query",
                message_sender="a",
                message_receiver="b",
                message_correlation_id="c",
                message_deadline_seconds=60,
                message_outcome="answered",
            ),
            r.Message(
                **TIMES,
                id="m1",
                type="query",
                sender="a",
                receiver="b",
                outcome=Outcome.ANSWERED,
                correlation_id="c",
                deadline_ns=60 * SECOND,
            ),
        ),
        (
            span(
                "gate",
                gate_id="security",
                gate_category="quality",
                gate_severity="high",
                gate_passed=True,
                gate_score=85,
            ),
            r.Gate(**TIMES, gate="security", passed=True, category="quality", severity="high", score=85.0),
        ),
        (
            span(
                "synthesis",
                synthesis_conflicts=1,
                synthesis_unresolved=2,
                synthesis_missing=3,
                synthesis_gates_passed=False,
            ),
            r.Synthesis(**TIMES, conflicts=1, unresolved=2, missing=3, gates_passed=False),
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_kind_of_span_becomes_its_record(telemetry, record):
    """
    Every field of the record has its attribute, and the place has all ids.
    """
    assert only(map_span(telemetry, ATLAS)) == record


NOW = {"place": PLACE, "start_ns": 10 * SECOND, "end_ns": 10 * SECOND}


@pytest.mark.parametrize(
    ("telemetry", "record"),
    [
        (
            event(names.STARTED_EVENT, kind="session", session_plan=["a"], session_planned_seconds=9),
            r.Started(**NOW, span_id="02" * 8, what="session", planned_ns=9 * SECOND, plan=("a",)),
        ),
        (
            event(names.STARTED_EVENT, kind="phase", phase_planned_seconds=8),
            r.Started(**NOW, span_id="02" * 8, what="phase", planned_ns=8 * SECOND),
        ),
        (event(names.PROGRESS_EVENT, progress_ratio=0.4), r.Progress(**NOW, ratio=0.4)),
        (event(names.PROGRESS_EVENT), r.Progress(**NOW)),
        (event(names.ALIVE_EVENT), r.Alive(**NOW)),
        (event(names.BLOCKED_EVENT, blocked_reason="review"), r.Blocked(**NOW, reason="review")),
        (event(names.UNBLOCKED_EVENT), r.Unblocked(**NOW)),
        (
            event(names.CONFLICT_EVENT, conflict_id="c1", conflict_type="schema", conflict_severity="high"),
            r.Conflict(**NOW, id="c1", type="schema", severity="high"),
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_event_becomes_its_record(telemetry, record):
    """
    At the time of the event.
    """
    assert is_native_log(telemetry)
    assert only(map_log(telemetry, ATLAS)) == record


def test_a_count_of_emitted_records_becomes_a_record():
    """
    With the process it is of.
    """
    resource = Resource({names.SERVICE_NAME: "atlas", names.SERVICE_INSTANCE_ID: "i1"})
    point = SumPoint(names.CLIENT_RECORDS, 5.0, 1, 2, 1, True, {names.RECORD_KIND: "task"}, resource, "")

    assert only(map_point(point, ATLAS)) == r.Emitted(ATLAS, "i1", "task", 5, 1, 2, delta=True)


@pytest.mark.parametrize("value", [-1.0, 0.5, 1e300])
def test_a_count_that_is_none_is_refused(value):
    """
    Negative, broken or beyond belief.
    """
    point = SumPoint(names.CLIENT_RECORDS, value, 1, 2, 2, True, {}, Resource({}), "")

    with pytest.raises(UnusableError, match=r"expected a whole number from 0 to 1e\+10"):
        map_point(point, ATLAS)


def test_a_conflict_on_a_span_is_a_record_of_its_own():
    """
    Beside the span's, in its place; without an id it has the span's and its time.
    """
    reported = Event(names.CONFLICT_EVENT, 11 * SECOND, {names.CONFLICT_TYPE: "schema"})
    other = Event("exception", 12 * SECOND, {})

    (_, conflict), _ = map_span(span("phase", events=(reported, other)), ATLAS)

    assert (conflict.place, conflict.type, conflict.end_ns) == (PLACE, "schema", 11 * SECOND)
    assert conflict.id == f"{'02' * 8}:{names.CONFLICT_EVENT}:{11 * SECOND}"


@pytest.mark.parametrize(
    ("kind", "explicit", "status", "outcome"),
    [
        ("session", {}, 0, Outcome.COMPLETED),
        ("session", {}, STATUS_ERROR, Outcome.FAILED),
        ("session", {"session_outcome": "completed"}, STATUS_ERROR, Outcome.COMPLETED),
        ("phase", {"phase_outcome": "failed"}, 0, Outcome.FAILED),
        ("task", {"task_outcome": "failed"}, 0, Outcome.FAILED),
        ("attempt", {}, 0, Outcome.SUCCEEDED),
        ("attempt", {"task_outcome": "succeeded"}, STATUS_ERROR, Outcome.SUCCEEDED),
        ("tool", {}, STATUS_ERROR, Outcome.FAILED),
        ("message", {"message_type": "response"}, 0, Outcome.ACCEPTED),
        ("message", {"message_type": "response"}, STATUS_ERROR, Outcome.REJECTED),
        ("message", {"message_type": "query"}, 0, Outcome.ANSWERED),
        ("message", {"message_type": "query"}, STATUS_ERROR, Outcome.UNANSWERED),
        ("message", {"message_type": "query", "message_deadline_seconds": 59}, 0, Outcome.LATE),
        ("message", {"message_type": "query", "message_deadline_seconds": 0}, 0, Outcome.LATE),
        ("message", {"message_type": "query", "message_outcome": "rejected"}, 0, Outcome.REJECTED),
    ],
)
def test_an_explicit_outcome_wins_over_the_status(kind, explicit, status, outcome):
    """
    Else an error is a failure; an answer past its deadline is always late.
    """
    assert only(map_span(span(kind, status=status, **explicit), ATLAS)).outcome is outcome


def test_a_query_without_a_deadline_has_fifteen_minutes():
    """
    At 900 s in time, a second later not.
    """
    outcomes = [
        only(map_span(span("message", message_type="query", seconds=seconds), ATLAS)).outcome
        for seconds in (900, 901)
    ]

    assert outcomes == [Outcome.ANSWERED, Outcome.LATE]


def test_a_gate_without_a_verdict_gave_none_unless_it_is_an_error():
    """
    It was cancelled, whether it says so or not.
    """
    gates = [span("gate"), span("gate", status=STATUS_ERROR), span("gate", gate_outcome="cancelled")]

    assert [only(map_span(gate, ATLAS)).passed for gate in gates] == [None, False, None]


def test_findings_are_of_a_report_only_if_one_was_given():
    """
    Zeros are a clean report, nothing is none.
    """
    clean = span("task")
    clean.attributes.update({names.OUTPUT_FINDINGS + severity: 0 for severity in Severity})

    assert only(map_span(clean, ATLAS)).output.findings == dict.fromkeys(Severity, 0)
    assert only(map_span(span("task"), ATLAS)).output.findings is None


@pytest.mark.parametrize(
    ("attribute", "kind", "value", "expectation"),
    [
        ("output_code_quality", "task", 140, "a number from 0 to 100"),
        ("output_code_quality", "task", -1, "a number from 0 to 100"),
        ("output_code_quality", "task", float("nan"), "a number from 0 to 100"),
        ("output_code_quality", "task", True, "a number from 0 to 100"),
        ("output_code_quality", "task", "90", "a number from 0 to 100"),
        ("output_files_created", "task", -1, "a whole number from 0 to 1e+10"),
        ("output_files_created", "task", 1.5, "a whole number from 0 to 1e+10"),
        ("input_tokens", "task", 2**63 - 1, "a whole number from 0 to 1e+10"),
        ("cost_usd", "task", float("inf"), "a number from 0 to 1e+10"),
        ("session_planned_seconds", "session", 1e300, "a number from 0 to 1e+10"),
        ("session_plan", "session", "a,b", "an array of strings"),
        ("session_plan", "session", ["a", 1], "an array of strings"),
        ("gate_passed", "gate", "yes", "a boolean"),
        ("gate_id", "gate", ["g"], "a string"),
        ("gate_id", "gate", {"id": "g"}, "a string"),
        ("gate_id", "gate", b"g", "a string"),
        ("session_outcome", "session", "splendid", "one of cancelled, completed, failed, waiting"),
        ("phase_outcome", "phase", "stuck", "one of blocked, cancelled, completed, failed, skipped"),
        ("message_outcome", "message", "answered", "one of accepted, cancelled, rejected"),
    ],
)
def test_an_invalid_value_is_reported_by_key_value_and_expectation(attribute, kind, value, expectation):
    """
    The value is left out; the record is there all the same.
    """
    more = {"message_type": "response"} if kind == "message" else {}

    (record,), invalid_values = map_span(span(kind, **{attribute: value}, **more), ATLAS)

    assert record.place == PLACE
    assert invalid_values == [f"{getattr(names, attribute.upper())} is {value!r}; expected {expectation}"]


@pytest.mark.parametrize(
    ("attributes", "reason", "message"),
    [
        ({names.KIND: "nonsense"}, "unknown_kind", "is 'nonsense'; expected one of session, phase"),
        ({names.KIND: 7}, "unknown_kind", "is ''; expected one of session, phase"),
        ({names.SESSION_ID: ""}, "no_session", "orchestrator.session.id of span 'task x' is missing"),
        ({names.SESSION_ID: ["s1"]}, "no_session", "orchestrator.session.id of span 'task x' is missing"),
    ],
)
def test_a_span_that_cannot_be_placed_is_refused_by_name(attributes, reason, message):
    """
    What it is and which session it belongs to are what nothing can stand in for.
    """
    bad = span("task")
    bad.attributes.update(attributes)

    with pytest.raises(UnusableError) as caught:
        map_span(bad, ATLAS)
    assert caught.value.reason == reason
    assert message in str(caught.value)


def test_a_start_of_something_unknown_is_refused():
    """
    As a span of that kind would be.
    """
    with pytest.raises(UnusableError, match="expected one of session, phase"):
        map_log(event(names.STARTED_EVENT, kind="nonsense"), ATLAS)


def test_names_are_cut_to_what_can_be_remembered():
    """
    A megabyte of session id is held as its beginning, a plan of a million phases as its first ones.
    """
    record = only(map_span(span("session", session_id="s" * 10**6, session_plan=["p" * 999] * 10**5), ATLAS))

    assert record.place.session == "s" * NAME_LENGTH
    assert record.plan == ("p" * NAME_LENGTH,) * LIST_LENGTH


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.text(max_size=10)
    | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)
keys = st.sampled_from(
    sorted(
        value
        for name, value in vars(names).items()
        if name.isupper()
        and isinstance(value, str)
        and value.startswith(("orchestrator.", "gen_ai.", "error."))
    )
    + [names.OUTPUT_FINDINGS + severity for severity in Severity]
)


@given(st.sampled_from(list(Kind)), st.dictionaries(keys, values, max_size=12))
def test_whatever_attributes_say_a_good_neighbour_is_not_lost(kind, attributes):
    """
    A span either becomes a record that fits, or is refused; the one behind it is mapped.
    """
    wild = span(kind)
    wild.attributes.update(attributes)

    mapped = Mapper(()).map(Batch(spans=(wild, span("session"))))

    assert mapped.stored + mapped.rejected.total() == 2
    assert mapped.records[-1] == only(map_span(span("session"), ATLAS))
    for record in mapped.records:
        again = msgspec.msgpack.decode(msgspec.msgpack.encode(record), type=r.AnyRecord)
        assert again == record


@given(
    st.sampled_from([names.STARTED_EVENT, names.PROGRESS_EVENT, names.CONFLICT_EVENT]),
    st.dictionaries(keys, values, max_size=8),
)
def test_whatever_attributes_say_an_event_is_mapped_or_refused(name, attributes):
    """
    The same for log events.
    """
    wild = event(name, kind="phase")
    wild.attributes.update(attributes)

    mapped = Mapper(()).map(Batch(logs=(wild, event(names.ALIVE_EVENT))))

    assert mapped.stored + mapped.rejected.total() == 2
    assert mapped.records[-1] == r.Alive(**NOW)
