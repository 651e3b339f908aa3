"""
Who does best, who needs help.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from droidscope.kpi.rankings import (
    Outcomes,
    Rank,
    Standing,
    fastest_completions,
    has_collaboration_issue,
    needs_improvement,
    problematic_patterns,
    rank_droids,
    rank_patterns,
)
from droidscope.kpi.statistics import wilson_interval

outcomes = st.integers(0, 60).flatmap(lambda n: st.builds(Outcomes, st.integers(0, n), st.just(n)))
names = st.text("abc", min_size=1, max_size=3)
patterns = st.dictionaries(names, outcomes, max_size=8)
droids = st.dictionaries(names, st.builds(Standing, st.none() | st.floats(0, 100), outcomes), max_size=8)


def test_evidence_ranks_above_luck():
    """
    95 of 100 is surer than 5 of 5; 4 of 4 is too little to rank.
    """
    ranks = rank_patterns(
        {"lucky": Outcomes(5, 5), "proven": Outcomes(95, 100), "new": Outcomes(4, 4), "bad": Outcomes(1, 9)}
    )

    assert [rank.subject for rank in ranks] == ["proven", "lucky", "bad"]
    assert [rank.n for rank in ranks] == [100, 5, 9]


@given(patterns)
def test_patterns_rank_by_their_lower_bound(sessions):
    """
    All with 5 sessions or more, and no others, in order of what is sure.
    """
    ranks = rank_patterns(sessions)

    assert {rank.subject for rank in ranks} == {name for name, (_, n) in sessions.items() if n >= 5}
    assert [rank.value for rank in ranks] == sorted((rank.value for rank in ranks), reverse=True)
    assert all(rank.value == wilson_interval(*sessions[rank.subject])[0] for rank in ranks)


@given(patterns)
def test_a_pattern_is_problematic_if_significantly_below_the_target(sessions):
    """
    Its upper bound misses 0.85, from 5 sessions; the worst comes first.
    """
    ranks = problematic_patterns(sessions)
    expected = {name for name, (s, n) in sessions.items() if n >= 5 and wilson_interval(s, n)[1] < 0.85}

    assert {rank.subject for rank in ranks} == expected
    assert [rank.value for rank in ranks] == sorted(rank.value for rank in ranks)


@given(droids)
def test_droids_rank_by_their_score(standings):
    """
    All with a score and 5 tasks or more.
    """
    ranks = rank_droids(standings)

    assert [rank.value for rank in ranks] == sorted((rank.value for rank in ranks), reverse=True)
    assert {rank.subject for rank in ranks} == {
        name for name, (score, tasks) in standings.items() if score is not None and tasks.n >= 5
    }


def test_equals_rank_by_evidence_then_by_name():
    """
    So that a list never depends on the order of arrival.
    """
    standings = {"b": Standing(80, Outcomes(5, 5)), "c": Standing(80, Outcomes(9, 9))}
    standings["a"] = standings["b"]

    assert [rank.subject for rank in rank_droids(standings)] == ["c", "a", "b"]


def test_who_needs_improvement():
    """
    Below 60 or below 0.85 of success, by success; under 5 tasks nobody does.
    """
    standings = {
        "fine": Standing(60.0, Outcomes(17, 20)),
        "weak": Standing(59.9, Outcomes(20, 20)),
        "weaker": Standing(20.0, Outcomes(20, 20)),
        "unlucky": Standing(90.0, Outcomes(16, 20)),
        "unscored": Standing(None, Outcomes(4, 5)),
        "failing": Standing(None, Outcomes(1, 5)),
        "new": Standing(10.0, Outcomes(0, 4)),
    }

    assert needs_improvement(standings) == ["failing", "unscored", "unlucky", "weaker", "weak"]


@pytest.mark.parametrize(
    ("collaboration", "unanswered", "messages", "expected"),
    [
        (None, 0, None, False),
        (60.0, 0, 20.0, False),
        (59.9, 0, 20.0, True),
        (100.0, 1, 20.0, True),
        (100.0, 0, 20.5, True),
    ],
    ids=["nothing known", "fine", "low score", "unanswered", "too many messages"],
)
def test_collaboration_issues(collaboration, unanswered, messages, expected):
    """
    Any of the three is one, at the limit none is.
    """
    assert has_collaboration_issue(collaboration, unanswered, messages) is expected


def test_fastest_is_against_the_own_pattern():
    """
    Two hours where three are usual beats ten minutes where five are.
    """
    sessions = {"quick": (10, 5.0), "swift": (120, 180.0), "no median": (1, 0.0)}

    assert fastest_completions(sessions) == [Rank("swift", 120 / 180, 1), Rank("quick", 2.0, 1)]
