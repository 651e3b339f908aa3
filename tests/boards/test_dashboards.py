"""
House rules for boards, checked on the committed JSON.
"""

from __future__ import annotations

import re
from itertools import combinations
from typing import get_args

import pytest

from droidscope.conventions import insight_kinds, thresholds
from droidscope.conventions.attributes import Outcome
from promql import panels
from rendered import boards

UNITS = {"short", "percentunit", "s", "currencyUSD", "cps", "none"}


def cells(panel):
    """
    Units of a panel: its own and those of its columns, with the queries they are for.
    """
    yield panel["fieldConfig"]["defaults"]["unit"]
    for override in panel["fieldConfig"].get("overrides", ()):
        yield from (one["value"] for one in override["properties"] if one["id"] == "unit")


def steps_of(uid, title):
    """
    Values of a panel's colour steps.
    """
    panel = next(one for one in panels(boards()[uid]) if one["title"] == title)
    return [step.get("value") for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]]


def test_there_are_the_three_boards_with_their_fixed_uids():
    """
    Links from alerts rest on these uids.
    """
    assert {uid: board["uid"] for uid, board in boards().items()} == {
        uid: uid for uid in ("orchestrator-overview", "orchestrator-droids", "orchestrator-patterns")
    }


def test_a_board_is_classic_generated_and_not_editable(board):
    """
    Classic schema 42, which file provisioning reads, with the tag the boards find each other by.
    """
    assert board["schemaVersion"] == 42
    assert board["editable"] is False
    assert board["tags"] == ["orchestrator"]
    assert "Rendered by `droidscope boards render`" in board["description"]


def test_every_panel_says_what_it_shows(board):
    """
    Title, description in sentences, a known unit, and a dash where nothing is known.
    """
    for panel in panels(board):
        assert panel["title"]
        assert len(panel["description"]) >= 20, panel["title"]
        assert panel["description"].endswith("."), panel["title"]
        assert set(cells(panel)) <= UNITS, panel["title"]
        assert panel["fieldConfig"]["defaults"]["noValue"] in {"—", "none"}, panel["title"]


def test_ids_are_unique(board):
    """
    A link to one panel keeps leading to that panel.
    """
    ids = [panel["id"] for panel in board["panels"]]

    assert len(ids) == len(set(ids))
    assert min(ids) > 0


def test_titles_are_unique(board):
    """
    A panel can be spoken of by its title.
    """
    titles = [panel["title"] for panel in panels(board)]

    assert len(titles) == len(set(titles))


def test_panels_fill_their_rows_and_do_not_overlap(board):
    """
    No panel leaves the 24 columns or covers another.
    """
    spots = [panel["gridPos"] for panel in board["panels"]]

    assert all(spot.get("x", 0) + spot["w"] <= 24 for spot in spots)
    for one, other in combinations(spots, 2):
        beside = one.get("x", 0) + one["w"] <= other.get("x", 0) or other.get("x", 0) + other["w"] <= one.get(
            "x", 0
        )
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or below, (one, other)


def test_the_data_source_is_always_the_variable(board):
    """
    A board works with whatever data source is chosen.
    """
    sources = [one["datasource"]["uid"] for one in board["annotations"]["list"]]
    sources += [one["datasource"]["uid"] for one in board["templating"]["list"] if one["type"] == "query"]
    for panel in panels(board):
        sources += [panel["datasource"]["uid"], *(target["datasource"]["uid"] for target in panel["targets"])]

    assert set(sources) == {"${datasource}"}


def test_variables_come_in_order_and_all_means_empty_labels_too(board):
    """
    The data source first; `.+` would drop the series whose pattern is empty.
    """
    variables = board["templating"]["list"]
    chosen = [one for one in variables if one["type"] == "query"]

    assert [one["name"] for one in variables][:2] == ["datasource", "orchestrator"]
    assert all(one["multi"] and one["includeAll"] and one["allValue"] == ".*" for one in chosen)


def test_queries_never_invent_a_zero(board):
    """
    Absent is not zero: no `or vector(0)`.
    """
    assert "vector(0)" not in str(board)


def test_every_name_a_table_uses_comes_out_of_its_queries(board):
    """
    Renamed, sorted and styled columns exist: Grafana would drop a misspelt one without a word.
    """
    for panel in panels(board):
        fields = {"Time"}
        several = len(panel["targets"]) > 1
        for target in panel["targets"]:
            fields.add(f"Value #{target['refId']}" if several else "Value")
            fields |= set(re.findall(r"\w+", " ".join(re.findall(r"by \(([^)]*)\)", target["expr"]))))
            fields |= set(re.findall(r'"(\w+)"', " ".join(re.findall(r"label_join\(.*", target["expr"]))))
            fields |= (
                {*Outcome} if target.get("legendFormat") == "{{outcome}}" else {target.get("legendFormat")}
            )
        for step in panel.get("transformations", ()):
            options = step["options"]
            if step["id"] == "organize":
                assert set(options["renameByName"]) <= fields, panel["title"]
                assert set(options["excludeByName"]) <= fields, panel["title"]
                fields = set(options["renameByName"].values())
            if step["id"] == "sortBy":
                assert {one["field"] for one in options["sort"]} <= fields, panel["title"]
            if step["id"] == "groupingToMatrix":
                assert {options["rowField"], options["columnField"], options["valueField"]} <= fields
            if step["id"] == "calculateField":
                used = options.get("reduce", {}).get("include", []) or [options["cumulative"]["field"]]
                assert set(used) <= fields, panel["title"]
                fields.add(options["alias"])
        named = [one["matcher"] for one in panel["fieldConfig"].get("overrides", ())]
        assert {one["options"] for one in named if one["id"] == "byName"} <= fields, panel["title"]


def words(uid, title, heading=None):
    """
    The text of each value that a panel, or one of its columns, says in words.
    """
    panel = next(one for one in panels(boards()[uid]) if one["title"] == title)
    config = panel["fieldConfig"]
    if heading is None:
        mappings = config["defaults"]["mappings"]
    else:
        properties = next(
            one["properties"] for one in config["overrides"] if one["matcher"]["options"] == heading
        )
        mappings = next(one["value"] for one in properties if one["id"] == "mappings")
    return {value: name["text"] for mapping in mappings for value, name in mapping["options"].items()}


@pytest.mark.parametrize(
    ("uid", "title"),
    [("orchestrator-overview", "Recommendations"), ("orchestrator-patterns", "Optimisation opportunities")],
)
def test_every_rule_of_advice_is_a_sentence(uid, title):
    """
    What to do and why, for each rule that can be a label; kinds have their words, too.
    """
    rules = {rule.id for rule in insight_kinds.RECOMMENDATION_RULES}

    assert words(uid, title, "Recommendation").keys() == words(uid, title, "Reason").keys() == rules
    assert all(text.endswith(".") for text in words(uid, title, "Reason").values())
    assert words(uid, title, "Type").keys() == {rule.kind for rule in insight_kinds.RECOMMENDATION_RULES}


def test_every_kind_of_bottleneck_has_a_name():
    """
    So that the table needs no legend.
    """
    kinds = set(get_args(insight_kinds.BottleneckKind))

    assert words("orchestrator-patterns", "Bottlenecks", "Kind").keys() == kinds


def test_a_droids_status_is_said_in_words_over_time_and_now():
    """
    The query numbers the states as the words do.
    """
    over_time = words("orchestrator-droids", "Status over time")
    panel = next(one for one in panels(boards()["orchestrator-droids"]) if one["title"] == "Status over time")
    numbered = dict(re.findall(r"(\d) \* \w+\{[^}]*status=\"(\w+)\"\}", panel["targets"][0]["expr"]))

    assert panel["type"] == "state-timeline"
    assert over_time == numbered
    assert sorted(over_time.values()) == sorted(insight_kinds.STATUSES)
    assert over_time == words("orchestrator-droids", "KPIs of each droid", "Status")


def test_the_graph_has_edges_with_a_stat():
    """
    The node graph reads fields id, source, target and mainstat, by field name.
    """
    graph = next(one for one in panels(boards()["orchestrator-droids"]) if one["type"] == "nodeGraph")
    expr = graph["targets"][0]["expr"]

    assert all(f'"{name}"' in expr for name in ("id", "source", "target"))
    assert graph["transformations"][0]["options"]["alias"] == "mainstat"


def test_a_panel_of_durations_names_the_settings_of_their_limit():
    """
    A board cannot see them; its colours are those of the default.
    """
    (panel,) = (one for one in panels(boards()["orchestrator-overview"]) if one["title"] == "Running now")

    assert "above the settings session_limit and pattern_limits (2h by default)" in panel["description"]


def test_colours_change_at_the_limits_of_the_alerts():
    """
    A figure turns red where its alert fires.
    """
    overview, droids = "orchestrator-overview", "orchestrator-droids"

    assert steps_of(overview, "Success rate today") == [
        None,
        thresholds.LOW_SUCCESS_RATE.limit,
        thresholds.SUCCESS_TARGET,
    ]
    assert steps_of(overview, "Average duration today") == [None, thresholds.LONG_DURATION.limit]
    assert steps_of(droids, "Error rate") == [None, thresholds.HIGH_ERROR_RATE.limit]
    assert steps_of(droids, "Code quality") == [None, thresholds.LOW_CODE_QUALITY.limit]
    assert steps_of(droids, "Response time") == [None, thresholds.RESPONSE_TIME_HIGH.limit]


def test_today_is_the_day_of_the_viewer():
    """
    The three figures of today count from midnight of the board's time zone.
    """
    today = [one for one in panels(boards()["orchestrator-overview"]) if one.get("timeFrom")]

    assert [one["title"] for one in today] == [
        "Completed today",
        "Success rate today",
        "Average duration today",
    ]
    assert {one["timeFrom"] for one in today} == {"now/d"}
    assert all("[$__range]" in target["expr"] for one in today for target in one["targets"])
