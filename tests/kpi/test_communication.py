"""
Communication, against the messages and queries themselves.
"""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from droidscope.conventions import metrics
from droidscope.kpi.communication import (
    answered_ratio,
    collaboration_score,
    conflict_ratio,
    efficiency_ratio,
    message_balance,
    response_score,
    success_ratio,
    wait_ratio,
)
from droidscope.kpi.totals import DroidTotals, MessageTotals, QueryTotals, by_subject
from kpi.full_history import Expected
from kpi.history import DROIDS, History, Message, Phase, Query, Session, histories, of, share

IN_FULL = {
    metrics.COMMUNICATION_SUCCESS_RATIO: Expected(1, 8),
    metrics.COMMUNICATION_CONFLICT_RATIO: Expected(1 / 8, 8),
    metrics.COMMUNICATION_EFFICIENCY_RATIO: Expected(7 / 8, 8),
    metrics.COMMUNICATION_WAIT_RATIO: Expected(0.5, 180),
    metrics.DROID_RESPONSE_SCORE: Expected(80, 9),
    metrics.DROID_COLLABORATION_SCORE: Expected(40 * 0.5 + 30 * 0.8 + 30, 4),
}

SECOND_NS = 1_000_000_000


def is_success(message):
    wanted = "answered" if message.message_type == "query" else "accepted"
    return message.outcome == wanted


def credit(query):
    if query.outcome != "answered":
        return 0
    return max(0.0, 1 - query.response_ns / SECOND_NS / 300)


def balance(messages):
    """
    The definition's three pieces.
    """
    if messages < 10:
        return messages / 10
    if messages <= 20:
        return 1
    return max(0, 1 - (messages - 20) / 30)


def messages_sent(history, droid):
    return [
        session.sent[droid] for session in history.sessions if len(session.sent) > 1 and droid in session.sent
    ]


@given(histories)
def test_messages_of_an_orchestrator(history):
    """
    Success, conflicts and their product, from messages of all types.
    """
    traffic = by_subject(history.totals()).orchestrator.traffic
    success = share(history.messages, is_success)

    assert success_ratio(traffic) == pytest.approx(success)
    if not history.messages:
        assert conflict_ratio(traffic) is None
        assert efficiency_ratio(traffic) is None
    else:
        conflicts = min(1, len(history.conflicts) / len(history.messages))
        assert conflict_ratio(traffic) == pytest.approx(conflicts)
        assert efficiency_ratio(traffic) == pytest.approx(success * (1 - conflicts))


@given(histories)
def test_waiting_is_a_share_of_phase_time(history):
    """
    Seconds waited over seconds of all phases, failed ones too.
    """
    traffic = by_subject(history.totals()).orchestrator.traffic
    phase_ns = sum(phase.duration_ns for phase in history.phases)
    waited_ns = sum(phase.wait_ns for phase in history.phases)

    assert wait_ratio(traffic) == (pytest.approx(waited_ns / phase_ns) if phase_ns else None)


@given(histories)
def test_communication_ratios_stay_on_their_scale(history):
    """
    Every ratio is absent or within 0 and 1, every score absent or within 0 and 100.
    """
    facts = by_subject(history.totals())
    traffic, droids = facts.orchestrator.traffic, facts.droids.values()
    ratios = [measure(traffic) for measure in (success_ratio, conflict_ratio, efficiency_ratio, wait_ratio)]
    ratios += [answered_ratio(droid.queries) for droid in droids]
    scores = [collaboration_score(droid) for droid in droids] + [
        response_score(droid.queries) for droid in droids
    ]

    assert all(0 <= ratio <= 1 for ratio in ratios if ratio is not None)
    assert all(0 <= score <= 100 for score in scores if score is not None)


@given(histories)
def test_response_and_answers_are_over_every_query_put(history):
    """
    Late, unanswered and rejected queries count, and count nothing.
    """
    droids = by_subject(history.totals()).droids

    for droid in DROIDS:
        queries = of(history.queries, droid=droid)
        found = droids.get(droid, DroidTotals()).queries
        assert answered_ratio(found) == pytest.approx(
            share(queries, lambda query: query.outcome == "answered")
        )
        if queries:
            expected = 100 * sum(credit(query) for query in queries) / len(queries)
            assert response_score(found) == pytest.approx(expected, abs=1e-6)
        else:
            assert response_score(found) is None


@given(histories)
def test_collaboration_is_its_weighted_parts(history):
    """
    0.4 B + 0.3 R + 0.3 U; without a session to judge B, R and U halve the weight; B alone is
    too little.
    """
    droids = by_subject(history.totals()).droids

    for droid in DROIDS:
        queries, sent = of(history.queries, droid=droid), messages_sent(history, droid)
        score = collaboration_score(droids.get(droid, DroidTotals()))
        if not queries:
            assert score is None
            continue
        response = sum(map(credit, queries)) / len(queries)
        answered = len(of(queries, outcome="answered")) / len(queries)
        if sent:
            expected = 40 * balance(statistics.median(sent)) + 30 * response + 30 * answered
        else:
            expected = 50 * response + 50 * answered
        assert score == pytest.approx(expected, abs=1e-6)


def test_the_worked_collaboration():
    """
    200 messages, one query answered after 60 s: too talkative, but quick and reliable: 54.
    """
    history = History(
        queries=[Query("coder", "answered", 60 * SECOND_NS)],
        sessions=[Session("bug-fix", "completed", 1, None, 0, {"coder": 200, "tester": 0})],
    )

    assert collaboration_score(by_subject(history.totals()).droids["coder"]) == pytest.approx(54)


def test_silence_in_a_session_counts():
    """
    Zeros are part of the median: 0, 0 and 30 messages are a median of 0, so K loses all of B.
    """
    history = History(
        queries=[Query("coder", "answered", 0)],
        sessions=[Session("", "failed", 1, None, 0, {"coder": sent, "tester": 1}) for sent in (0, 0, 30)],
    )

    assert collaboration_score(by_subject(history.totals()).droids["coder"]) == pytest.approx(60)


@given(st.floats(0, 300))
def test_balance_is_its_three_pieces(messages):
    """
    Rising to 10, level to 20, falling to 50.
    """
    assert message_balance(messages) == pytest.approx(balance(messages))


@given(st.integers(1, 50), st.integers(0, 600), st.integers(0, 600))
def test_a_slower_answer_never_scores_higher(others, faster, slower):
    """
    Response falls, or stays, as an answer takes longer.
    """
    faster, slower = sorted((faster, slower))
    rest = [Query("coder", "answered", second * SECOND_NS) for second in range(others)]
    quick, slow = (
        by_subject(History(queries=[*rest, Query("coder", "answered", seconds * SECOND_NS)]).totals())
        for seconds in (faster, slower)
    )

    assert response_score(quick.droids["coder"].queries) >= response_score(slow.droids["coder"].queries)


def test_a_query_that_was_merely_accepted_is_no_success():
    """
    A query wants an answer in time; any other message wants to be accepted.
    """
    history = History(
        messages=[
            Message("coder", "query", "accepted"),
            Message("coder", "query", "answered"),
            Message("coder", "discovery", "accepted"),
            Message("coder", "discovery", "rejected"),
        ]
    )

    assert success_ratio(by_subject(history.totals()).orchestrator.traffic) == 0.5


def test_more_conflicts_than_messages_are_still_one():
    """
    The conflict ratio is clipped, and nothing is left of efficiency.
    """
    traffic = MessageTotals(messages_delivered=2, conflicts=5)

    assert (conflict_ratio(traffic), efficiency_ratio(traffic)) == (1, 0)


def test_a_phase_spent_waiting():
    """
    A quarter of one phase and none of an equal one are an eighth.
    """
    history = History(phases=[Phase("", "a", "failed", 8, 0.25), Phase("", "b", "completed", 8, 0.0)])

    assert wait_ratio(by_subject(history.totals()).orchestrator.traffic) == 0.125


def test_nobody_asked():
    """
    Without queries there is neither response score nor answered ratio.
    """
    assert (response_score(QueryTotals()), answered_ratio(QueryTotals())) == (None, None)
