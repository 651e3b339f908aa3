"""
Critical paths: of sessions against schedules whose path is known, of plans against networkx.
"""

from __future__ import annotations

from itertools import pairwise

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from droidscope.kpi.critical_path import (
    Interval,
    critical_path,
    ns_by_droid,
    ns_by_phase,
    planned_length,
    sequencing_ratio,
)

MINUTE_NS = 60_000_000_000

ECOMMERCE = (
    {
        "architecture": 20,
        "database": 15,
        "backend": 45,
        "admin": 40,
        "public": 35,
        "security-review": 25,
        "testing": 30,
    },
    {
        "database": ["architecture"],
        "backend": ["database"],
        "admin": ["backend"],
        "public": ["backend"],
        "security-review": ["admin", "public"],
        "testing": ["security-review"],
    },
)
API_SERVICE = (
    {
        "api-design": 30,
        "security-design": 20,
        "implementation": 60,
        "documentation": 25,
        "monitoring": 20,
        "testing": 35,
    },
    {
        "implementation": ["api-design", "security-design"],
        "documentation": ["implementation"],
        "monitoring": ["implementation"],
        "testing": ["documentation", "monitoring"],
    },
)


def interval(name, start, end, parent="s", **where):
    """
    An interval of some name, part of the session unless said otherwise.
    """
    return Interval(name, parent, start, end, **where)


def session(end, start=0):
    return Interval("s", "", start, end)


def held(whole, *parts):
    """
    The critical path in short: who, from, to.
    """
    return [(subject.id, start, end) for subject, start, end in critical_path(whole, parts)]


@st.composite
def trees(draw):
    """
    A session and intervals below it, some outside their parents, some without one.
    """
    parents = ["s"]
    parts = []
    for k in range(draw(st.integers(0, 12))):
        start = draw(st.integers(-5, 30))
        parent = draw(st.sampled_from([*parents, "missing"]))
        parts.append(interval(f"p{k}", start, start + draw(st.integers(0, 20)), parent))
        parents.append(f"p{k}")
    return session(draw(st.integers(0, 30))), parts


@st.composite
def graphs(draw):
    """
    Durations and acyclic dependencies; no two sets of nodes take equally long.
    """
    n = draw(st.integers(1, 9))
    nodes = [f"n{k}" for k in draw(st.permutations(range(n)))]
    durations = {node: 1 << k for k, node in enumerate(nodes)}
    order = draw(st.permutations(nodes))
    dependencies = {
        node: sorted(draw(st.sets(st.sampled_from(order[:k])))) if k else [] for k, node in enumerate(order)
    }
    return durations, dependencies


def longest_path(durations, dependencies):
    """
    Nodes of the longest path, by networkx, which weighs edges: a node's duration is on those into it.
    """
    graph = nx.DiGraph()
    for node, duration in durations.items():
        graph.add_edge("start", node, weight=duration)
        for other in dependencies.get(node, ()):
            graph.add_edge(other, node, weight=duration)
    return nx.dag_longest_path(graph)[1:], nx.dag_longest_path_length(graph)


def test_the_88_minutes_of_the_worked_session():
    """
    18 + 12 + 40 + 18 minutes: of the two parallel implementations the longer one holds the phase.
    """
    phases = [
        ("architecture", 0, 18, ["backend-architect"]),
        ("security", 18, 30, ["security-auditor"]),
        ("implementation", 30, 70, ["backend-typescript-architect", "frontend-developer"]),
        ("testing", 70, 88, ["test-automator"]),
    ]
    parts = []
    for phase, start, end, droids in phases:
        parts.append(interval(phase, start * MINUTE_NS, end * MINUTE_NS, phase=phase))
        for early, droid in enumerate(droids):
            stop = end - 5 * early
            parts.append(
                interval(droid, start * MINUTE_NS, stop * MINUTE_NS, phase, phase=phase, droid=droid)
            )

    segments = critical_path(session(88 * MINUTE_NS), parts)

    assert {phase: ns // MINUTE_NS for phase, ns in ns_by_phase(segments).items()} == {
        "architecture": 18,
        "security": 12,
        "implementation": 40,
        "testing": 18,
    }
    assert {droid: ns // MINUTE_NS for droid, ns in ns_by_droid(segments).items()} == {
        "backend-architect": 18,
        "security-auditor": 12,
        "backend-typescript-architect": 40,
        "test-automator": 18,
    }


def test_gaps_belong_to_the_parent():
    """
    Before, between and after its attempts a task holds itself; between phases the session does.
    """
    parts = [
        interval("phase", 2, 20),
        interval("task", 3, 19, "phase"),
        interval("first", 5, 8, "task"),
        interval("second", 10, 17, "task"),
    ]

    assert held(session(25), *parts) == [
        ("s", 0, 2),
        ("phase", 2, 3),
        ("task", 3, 5),
        ("first", 5, 8),
        ("task", 8, 10),
        ("second", 10, 17),
        ("task", 17, 19),
        ("phase", 19, 20),
        ("s", 20, 25),
    ]


def test_what_still_runs_did_not_come_before():
    """
    C began once B had ended; A ran beside both and held nothing but the time between them.
    """
    a, b, c = interval("A", 0, 12), interval("B", 0, 7), interval("C", 8, 20)

    assert held(session(20), a, b, c) == [("B", 0, 7), ("A", 7, 8), ("C", 8, 20)]


def test_an_overlap_is_cut():
    """
    Where the next begins a little before the last has ended, as clocks have it, both hold.
    """
    assert held(session(20), interval("A", 0, 10), interval("B", 9, 20)) == [("A", 0, 9), ("B", 9, 20)]


def test_of_those_that_finish_together_the_longest_holds():
    """
    It is the one nobody waited with.
    """
    assert held(session(10), interval("short", 6, 10), interval("long", 0, 10)) == [("long", 0, 10)]


def test_children_are_clipped_to_their_parent():
    """
    A task that began before and ended after its phase holds no more than the phase.
    """
    parts = [interval("phase", 5, 10), interval("task", 0, 99, "phase")]

    assert held(session(12), *parts) == [("s", 0, 5), ("task", 5, 10), ("s", 10, 12)]


def test_an_orphan_is_part_of_the_session():
    """
    An attempt whose task never arrived still held its time.
    """
    assert held(session(10), interval("attempt", 2, 10, "never arrived")) == [("s", 0, 2), ("attempt", 2, 10)]


@pytest.mark.parametrize("end", [0, -5], ids=["no time", "clock ran backwards"])
def test_a_session_without_time_was_held_by_nobody(end):
    """
    Whatever is said to have happened in it.
    """
    assert held(session(end), interval("task", 0, 5)) == []


def test_shared_ids_are_refused():
    """
    Else two intervals might each be part of the other.
    """
    with pytest.raises(ValueError, match="parts of session s share ids"):
        critical_path(session(10), [interval("a", 0, 1), interval("a", 1, 2, "a")])


@given(trees())
def test_segments_tile_the_session(tree):
    """
    From its start to its end without gap or overlap, neighbours of different subjects.
    """
    whole, parts = tree
    segments = critical_path(whole, parts)
    edges = [whole.start_ns, *(segment.end_ns for segment in segments)]

    assert edges[-1] == whole.end_ns
    assert [segment.start_ns for segment in segments] == edges[:-1]
    assert all(before.subject != after.subject for before, after in pairwise(segments))
    assert all(segment.start_ns < segment.end_ns for segment in segments)
    for total in (ns_by_phase(segments), ns_by_droid(segments)):
        assert sum(total.values()) == whole.end_ns - whole.start_ns


@given(trees())
def test_who_holds_was_at_work_and_had_delegated_to_nobody(tree):
    """
    A segment lies within its subject and all around it, and no part of the subject runs in it.
    """
    whole, parts = tree
    by_id = {part.id: part for part in (*parts, whole)}

    for subject, start, end in critical_path(whole, parts):
        around = subject
        while around is not whole:
            assert around.start_ns <= start < end <= around.end_ns
            around = by_id.get(around.parent, whole)
        for part in parts:
            if by_id.get(part.parent, whole) is subject:
                assert part.end_ns <= start or part.start_ns >= end or part.start_ns >= part.end_ns


@given(trees(), st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(tree, shuffler):
    """
    Late or early, the path is the same.
    """
    whole, parts = tree
    shuffled = shuffler.sample(parts, len(parts))

    assert critical_path(whole, shuffled) == critical_path(whole, parts)


@given(graphs())
def test_the_path_of_a_schedule_is_the_longest_of_its_graph(graph):
    """
    Where each part starts as soon as all it needs is there, walking back finds networkx's path.
    """
    durations, dependencies = graph
    parts = {}
    while len(parts) < len(durations):
        for node, duration in durations.items():
            if node not in parts and all(other in parts for other in dependencies[node]):
                start = max((parts[other].end_ns for other in dependencies[node]), default=0)
                parts[node] = interval(node, start, start + duration)
    path, length = longest_path(durations, dependencies)

    segments = critical_path(session(length), parts.values())

    assert [segment.subject.id for segment in segments] == path


@pytest.mark.parametrize(
    ("plan", "length"),
    [(ECOMMERCE, 175), (API_SERVICE, 150)],
    ids=["ecommerce-product-management", "api-service-development"],
)
def test_the_worked_plans(plan, length):
    """
    Their lengths are known.
    """
    assert planned_length(*plan) == length


@given(graphs())
def test_a_plan_is_as_long_as_networkx_says(graph):
    """
    Whatever its graph is.
    """
    assert planned_length(*graph) == longest_path(*graph)[1]


def test_a_cycle_is_shown():
    """
    The message says who waits for whom.
    """
    with pytest.raises(ValueError, match=r"dependencies form a cycle: (a -> b -> a|b -> a -> b)$"):
        planned_length({"a": 1, "b": 1}, {"a": ["b"], "b": ["a"]})


def test_a_node_that_waits_for_itself_is_a_cycle():
    """
    The shortest there is.
    """
    with pytest.raises(ValueError, match="a -> a"):
        planned_length({"a": 1}, {"a": ["a"]})


def test_what_is_not_in_the_plan_is_met():
    """
    A resumed session need not wait for the phase it completed before.
    """
    assert planned_length({"b": 3}, {"b": ["a"], "c": ["b"]}) == 3


def test_an_empty_plan_takes_no_time():
    """
    It has no last node.
    """
    assert planned_length({}, {}) == 0


@pytest.mark.parametrize(
    ("makespan", "critical", "share"),
    [(210, 175, 35 / 210), (175, 175, 0), (170, 175, 0), (0, 0, None)],
    ids=["in sequence", "as planned", "faster than its phases", "nothing"],
)
def test_what_sequencing_costs(makespan, critical, share):
    """
    The share of the makespan in which no dependency asked for waiting.
    """
    assert sequencing_ratio(makespan, critical) == share


def test_a_phase_that_holds_again_and_again_is_walked_once():
    """
    Twenty thousand short tasks with gaps between, in each of which a phase with as many tasks of its own
    holds: it takes a moment, not hours.
    """
    n = 20_000
    phase, last = interval("phase", 0, 20 * n + 10), interval("last", 10 * n, 20 * n + 11)
    short = [interval(f"short {k}", 10 * k, 10 * k + 5) for k in range(n)]
    inside = [interval(f"inside {k}", 10 * k, 10 * k + 8, "phase") for k in range(n)]

    found = held(session(20 * n + 11), phase, last, *short, *inside)

    assert found[:3] == [("short 0", 0, 5), ("inside 0", 5, 8), ("phase", 8, 10)]
    assert len(found) == 3 * n + 1
