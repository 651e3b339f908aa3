"""
The sample orchestrator of the end-to-end tests tells the truth about itself.
"""

import pytest

from demo.recorded_series import recorded
from droidscope import testing
from droidscope.conventions import attributes as names
from droidscope.conventions import metrics
from droidscope.conventions.attributes import Kind
from droidscope.conventions.thresholds import HIGH_ERROR_RATE
from sample_orchestrator import ARCHITECT, PATTERN, Plan, SampleOrchestrator


@pytest.fixture(scope="module")
def run():
    """
    Twelve sessions, every second one failed.
    """
    sample = SampleOrchestrator(Plan(sessions=12, fail_every=2))
    with testing.capture() as captured:
        sample.run()
        yield captured, sample.truth


def test_its_truth_is_what_its_telemetry_tells(run):
    """
    Every series, but for the attempts of a task without any: that one counts as an attempt itself.
    """
    captured, truth = run
    counted = {(one["name"], *list(one["labels"].values())[1:]): one["value"] for one in truth.samples()}
    implied = (metrics.ATTEMPTS.name, ARCHITECT, "architecture", "succeeded")

    assert counted.pop(implied) == 12
    assert counted == recorded(captured)


def test_it_emits_every_kind_of_record(run):
    """
    All kinds of spans but model requests, whose usage stands on the tasks, and all events of what has not
    ended yet but the sign of life.
    """
    captured, _ = run

    assert all(captured.records(kind) for kind in Kind if kind is not Kind.MODEL_REQUEST)
    for event in (
        names.STARTED_EVENT,
        names.PROGRESS_EVENT,
        names.BLOCKED_EVENT,
        names.UNBLOCKED_EVENT,
        names.CONFLICT_EVENT,
    ):
        assert captured.events_named(event)


def test_its_droid_fails_often_enough_for_the_alert(run):
    """
    More than 25 % of at least 10 attempts fail.
    """
    _, truth = run
    droid = Plan.droid
    failed = truth.counter(metrics.ATTEMPTS, droid, "implementation", "failed")
    attempts = failed + truth.counter(metrics.ATTEMPTS, droid, "implementation", "succeeded")

    assert attempts >= HIGH_ERROR_RATE.minimum
    assert failed / attempts > HIGH_ERROR_RATE.limit


def test_its_syntheses_have_all_outcomes():
    """
    Conflict wins over a failed gate, which wins over integrated.
    """
    sample = SampleOrchestrator(Plan(sessions=4))

    with testing.capture():
        sample.run()

    outcomes = ("integrated", "conflict", "gate_failed")
    assert [sample.truth.counter(metrics.SYNTHESES, PATTERN, one) for one in outcomes] == [2, 1, 1]


def test_findings_are_a_choice():
    """
    Without any, the report is a clean one.
    """
    sample = SampleOrchestrator(Plan(sessions=1, findings=0))

    with testing.capture() as captured:
        sample.run()

    assert sample.truth.total(metrics.SECURITY_FINDINGS) == 0
    reported = [span.attributes.get(f"{names.OUTPUT_FINDINGS}high") for span in captured.records("attempt")]
    assert reported == [0]
