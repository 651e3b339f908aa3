"""
The query builder refuses what the catalogue does not have.
"""

from __future__ import annotations

import pytest

from droidscope.conventions import metrics
from droidscope.rules.promql import Scope, at_least, more_than

ALL = Scope()


def test_a_scope_restricts_a_metric_to_the_variables_it_has():
    """
    Variables the metric has no label for are left out.
    """
    scope = Scope(("orchestrator", "droid"))

    assert (
        scope.select(metrics.SESSIONS_ACTIVE) == 'orchestrator_sessions_active{orchestrator=~"$orchestrator"}'
    )
    assert scope.select(metrics.ATTEMPTS_ACTIVE) == (
        'orchestrator_attempts_active{orchestrator=~"$orchestrator", droid=~"$droid"}'
    )


def test_the_exporters_own_metrics_have_no_orchestrator_unless_they_say_so():
    """
    `droidscope_*` families carry exactly the labels of the catalogue.
    """
    scope = Scope(("orchestrator",))

    assert scope.select(metrics.QUEUE_BYTES) == "droidscope_queue_bytes"
    assert "$orchestrator" in scope.select(metrics.COMPLETENESS)


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        (
            lambda: ALL.select(metrics.SESSIONS, 'outcom="failed"'),
            "orchestrator_sessions_total has no label outcom",
        ),
        (lambda: ALL.select(metrics.SESSIONS, "failed"), "has no label failed"),
        (
            lambda: ALL.increase(metrics.SESSIONS, ("droid",), "1h"),
            "orchestrator_sessions_total has no label droid",
        ),
        (lambda: ALL.newest(metrics.SESSIONS_ACTIVE, ("phase",)), "has no label phase"),
        (lambda: ALL.lowest(metrics.COMPLETENESS, ("phase",)), "has no label phase"),
        (lambda: ALL.select(metrics.SESSION_DURATION), "is a histogram; part is ''"),
        (lambda: ALL.select(metrics.SESSIONS, part="sum"), "is a counter; part is 'sum'"),
    ],
)
def test_a_name_the_catalogue_does_not_have_is_an_error(query, sentence):
    """
    The message names the metric and the label.
    """
    with pytest.raises(ValueError, match=sentence):
        query()


def test_counts_have_half_a_unit_of_slack():
    """
    An `increase` of whole events is no whole number; a limit between two counts is as the lower one.
    """
    assert [at_least(5), more_than(5), more_than(5.7)] == ["> 4.5", "> 5.5", "> 5.5"]
