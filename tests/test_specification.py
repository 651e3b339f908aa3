"""
docs/specification.md has each field of the specification once, and every name in it exists.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

import droidscope as ds
from droidscope.api.endpoints import PREFIX
from droidscope.api.openapi import openapi
from droidscope.conventions.metrics import ASSIGNMENTS_JUDGED, CATALOGUE, KPIS, samples_of
from droidscope.conventions.thresholds import ALERTS
from every_series import UNWEIGHTED

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/specification.md").read_text("utf-8")
FIELDS = (ROOT / "tests/data/specification_fields.txt").read_text("utf-8")
NOWHERE = "—"

PATHS = openapi(ds.__version__)["paths"]
SCHEMAS = openapi(ds.__version__)["components"]["schemas"]
SERIES = {spec.name: spec for spec in CATALOGUE} | {
    samples_of(spec).name: samples_of(spec)
    for spec in (*KPIS, *ASSIGNMENTS_JUDGED)
    if spec not in UNWEIGHTED and spec.name.endswith(("_ratio", "_score"))
}
LIMITS = {limit.name: limit for limit in ALERTS}

API_FIELD = re.compile(r"`([a-z]+)` -> `([a-z_.*]+)`")
CODE = re.compile(r"`([^`]+)`")
A_SERIES = re.compile(r"((?:orchestrator|droidscope)_[a-z_]+)(?:\{([a-z_,]+)\})?")


class Row(NamedTuple):
    """
    A row of the page: *name* is the field with its interface, as the list has it.
    """

    name: str
    here: str
    held_by: str
    remark: str


def rows():
    """
    All rows of the page; the name of a section that is a sentence is no interface.
    """
    found = []
    for section in PAGE.split("\n## ")[1:]:
        title = section.splitlines()[0]
        prefix = "" if " " in title else f"{title}."
        found += [
            Row(prefix + name, here.strip(), held_by.strip(), remark.strip())
            for name, here, held_by, remark in re.findall(
                r"^\| `([^`]+)` \|([^|]*)\|([^|]*)\|([^|]*)\|$", section, re.MULTILINE
            )
        ]
    return found


ROWS = rows()
HELD = [row for row in ROWS if row.held_by != NOWHERE]


def in_answer(path, field):
    """
    Whether the answer of a path has a field; lists are passed through, `*` is any key.
    """
    operation = PATHS.get(f"{PREFIX}/{path}")
    if operation is None:
        return False
    answer = operation["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    places = plain(answer)
    for name in field.split("."):
        places = [each for place in places for each in within(place, name)]
    return bool(places)


def within(schema, name):
    """
    What an object's schema says of a field, or of any key; nothing if it has none.
    """
    inner = schema.get("additionalProperties") if name == "*" else schema.get("properties", {}).get(name)
    return plain(inner) if inner else []


def plain(schema):
    """
    What a schema may be: references followed, alternatives apart, of a list what it holds.
    """
    if "$ref" in schema:
        return plain(SCHEMAS[schema["$ref"].rpartition("/")[2]])
    if "anyOf" in schema:
        return [each for of in schema["anyOf"] for each in plain(of)]
    if schema.get("type") == "array":
        return plain(schema["items"])
    return [schema]


def is_series(code):
    """
    Whether this is a series of the catalogue, and has the labels in its braces.
    """
    found = A_SERIES.fullmatch(code)
    if found is None or found[1] not in SERIES:
        return False
    return set((found[2] or "").split(",")) - {""} <= set(SERIES[found[1]].labels)


def is_python(code):
    """
    Whether this is a name that an orchestrator can use.
    """
    place = ds
    for name in code.removeprefix("ds.").split("."):
        place = getattr(place, name, None)
    return place is not None and code.startswith(("ds.", "AnalyticsOrchestrator."))


def exists(code):
    return is_series(code) or is_python(code) or code in LIMITS or code in {*PATHS, "/metrics"}


def test_every_field_of_the_specification_has_exactly_one_row():
    """
    Nothing is left out, told twice, or made up.
    """
    listed = [line for line in FIELDS.splitlines() if not line.startswith("#")]

    assert sorted(row.name for row in ROWS) == sorted(listed)


def test_every_row_of_a_table_is_read():
    """
    What looks like a row and is not read would not be checked.
    """
    tables = re.findall(r"^\| `", PAGE, re.MULTILINE)

    assert len(tables) == len(ROWS)


@pytest.mark.parametrize("row", HELD, ids=lambda row: row.name)
def test_every_name_in_a_row_exists(row):
    """
    API fields are in the OpenAPI document, series in the catalogue, the others can be imported or asked for.
    """
    fields = API_FIELD.findall(row.held_by)
    others = CODE.findall(API_FIELD.sub("", row.held_by))
    others += [code for code in CODE.findall(row.remark) if code.startswith("orchestrator_")]

    assert fields or others
    assert [field for field in fields if not in_answer(*field)] == []
    assert [code for code in others if not exists(code)] == []


@pytest.mark.parametrize("row", [row for row in ROWS if row.held_by == NOWHERE], ids=lambda row: row.name)
def test_what_nothing_holds_yet_says_why(row):
    """
    All of that belongs to the reports.
    """
    assert row.remark.startswith(("Comes with the report", "Likewise"))


@pytest.mark.parametrize("name", LIMITS)
def test_limits_are_those_in_force(name):
    """
    Threshold, severity and action of each alert, as the page has them.
    """
    limit = LIMITS[name]
    told = {row.name.rpartition(".")[2]: row.here for row in ROWS if f"`{name}`" in row.held_by}

    assert told["threshold"].startswith(f"{limit.limit:g}, ")
    assert (told["severity"], told["action"]) == (limit.severity, limit.action)


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)]+)\)", PAGE))))
def test_links_lead_to_a_section(link):
    """
    Of a page in the same folder.
    """
    page, _, anchor = link.partition("#")
    titles = re.findall(r"^#+ (.+)$", (ROOT / "docs" / page).read_text("utf-8"), re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}

    assert not anchor or anchor in anchors


class TestTheChecks:
    """
    The page is only as true as what checks it.
    """

    @pytest.mark.parametrize(
        ("path", "field"),
        [
            ("droid", "droids"),
            ("droids", "droids.kpis.colour"),
            ("droids", "droids.kpis.*"),
            ("droids", "droids.by_task_type.code"),
            ("droids", "droids.droid.name"),
        ],
    )
    def test_a_field_that_is_not_there_is_not_found(self, path, field):
        """
        Neither path, nor field, nor key, nor anything within a text.
        """
        assert not in_answer(path, field)

    @pytest.mark.parametrize(
        "code",
        [
            "orchestrator_colours_total",
            "orchestrator_tasks_total{pattern}",
            "orchestrator_efficiency_weight_ratio_samples",
            "ds.colour",
            "ds.Session.colour",
            "Session",
            "SessionsPurple",
            "/api/v1/colours",
        ],
    )
    def test_a_name_that_is_not_there_is_not_found(self, code):
        """
        Neither a series, nor a label of one, nor a Python name, an alert or a path.
        """
        assert not exists(code)
