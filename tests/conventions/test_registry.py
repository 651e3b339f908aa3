"""
The registry in OpenTelemetry's format, the names in the code, the page, and what is emitted are the same.
"""

from __future__ import annotations

import re
from asyncio import CancelledError
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

import droidscope as ds
from droidscope.conventions import attributes
from droidscope.conventions.attributes import Kind, MessageType, Severity
from droidscope.testing import capture

ROOT = Path(__file__).parents[2]
REGISTRY = ROOT / "docs/conventions"
PAGE = (ROOT / "docs/conventions.md").read_text()
GROUPS = [
    group
    for path in sorted(REGISTRY.glob("*.yaml"))
    for group in yaml.safe_load(path.read_text()).get("groups", [])
]
BY_ID = {group["id"]: group for group in GROUPS}
DEFINED = {one["id"]: one for group in GROUPS for one in group.get("attributes", []) if "id" in one}
EVENTS = {group["name"]: group for group in GROUPS if group["type"] == "event"}
METRICS = {group["metric_name"]: group for group in GROUPS if group["type"] == "metric"}
SPANS = {group["id"].rpartition(".")[2]: group for group in GROUPS if group["type"] == "span"}
NO_NAMES = {"SCOPE", "SCHEMA_VERSION", "CONFLICT_RECORD"}
"""
Texts of the module that name nothing on the wire.
"""
CONTENT_OF_EXCEPTIONS = {"exception.type", "exception.message", "exception.stacktrace", "exception.escaped"}
PYTHON_TYPES = {"string": str, "int": int, "double": float, "boolean": bool}


def names_in_code(*, events=False, metrics=False):
    """
    The names of attributes, or else those of events or metrics, that the module of names has.
    """
    texts = {
        name: value for name, value in vars(attributes).items() if name.isupper() and isinstance(value, str)
    }
    return {
        value.rstrip(".")
        for name, value in texts.items()
        if name not in NO_NAMES
        if (name.endswith("_EVENT"), name.startswith("CLIENT_")) == (events, metrics)
    }


def attributes_of(group):
    """
    What a group refers to, what it extends included: reference by name, its own last.
    """
    inherited = attributes_of(BY_ID[group["extends"]]) if "extends" in group else {}
    return inherited | {one["ref"]: one for one in group.get("attributes", []) if "ref" in one}


def definition(name):
    """
    The definition of an attribute, also where its name is made from a template; None if there is none.
    """
    if name in DEFINED:
        return DEFINED[name]
    templates = [one for key, one in DEFINED.items() if name.startswith(f"{key}.") and is_template(one)]
    return templates[0] if templates else None


def is_template(one):
    return str(one["type"]).startswith("template[")


def fits(value, type_):
    """
    Whether an emitted value is of a type of the registry.
    """
    if isinstance(type_, dict):
        return value in {member["value"] for member in type_["members"]}
    inner = type_.removeprefix("template[").removesuffix("]") if type_.startswith("template[") else type_
    if inner == "any":
        return True
    if inner.endswith("[]"):
        return all(fits(one, inner.removesuffix("[]")) for one in value)
    return type(value) is PYTHON_TYPES[inner] or (inner == "double" and type(value) is int)


def test_the_registry_and_the_code_have_the_same_names():
    """
    Attributes, events and metrics, in both directions.
    """
    assert set(DEFINED) == names_in_code()
    assert set(EVENTS) == names_in_code(events=True)
    assert set(METRICS) == names_in_code(metrics=True)
    assert set(SPANS) == {kind.value for kind in Kind}


def test_the_version_is_that_of_the_code():
    """
    It is the last part of the schema URL, whose host is reserved and never resolves.
    """
    url = yaml.safe_load((REGISTRY / "manifest.yaml").read_text())["schema_url"]

    assert url == f"https://droidscope.invalid/schemas/{attributes.SCHEMA_VERSION}"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("orchestrator.kind", Kind),
        ("orchestrator.message.type", MessageType),
        ("orchestrator.gate.severity", Severity),
        ("orchestrator.conflict.severity", Severity),
    ],
)
def test_closed_words_are_those_of_the_code(name, words):
    """
    Outcomes differ by kind: what is emitted is compared below.
    """
    assert {member["value"] for member in DEFINED[name]["type"]["members"]} == {word.value for word in words}


def test_every_definition_is_whole():
    """
    All have brief and stability, texts and lists examples; each belongs to a signal or a resource.
    """
    referred = {name for group in GROUPS for name in attributes_of(group)}
    resource = {attributes.SERVICE_NAME, attributes.SERVICE_INSTANCE_ID, attributes.DEPLOYMENT_ENVIRONMENT}

    assert [
        name for name, one in DEFINED.items() if not (one["brief"].endswith(".") and one["stability"])
    ] == []
    assert [
        name
        for name, one in DEFINED.items()
        if isinstance(one["type"], str) and one["type"] != "boolean" and not one.get("examples")
    ] == []
    assert set(DEFINED) - referred == resource
    assert referred <= set(DEFINED)


def test_the_page_has_every_name_and_no_other():
    """
    `.x` behind a name on the page replaces its last part.
    """
    told, last = set(), ""
    for name in re.findall(r"`(\.?[a-z_]+(?:\.[a-z_*|<>]+)*)`", PAGE):
        whole = last.rpartition(".")[0] + name if name.startswith(".") else name
        if whole.partition(".")[0] in {"orchestrator", "gen_ai", "service", "error", "deployment"}:
            last = whole
            told.add(whole)
    told |= {found["id"] for name in told if (found := definition(name))}  # of names made from templates
    usage = {name for name in DEFINED if name.startswith("gen_ai.usage.")}
    known = {*DEFINED, *EVENTS, *METRICS}

    assert known - told - usage == {
        attributes.RECORD_KIND,
        attributes.DROP_REASON,
        attributes.DEPLOYMENT_ENVIRONMENT,
    }
    assert {name for name in told if name not in known and definition(name) is None} == {
        "gen_ai.usage.*",
        "gen_ai.*",
    }


class Emitted(NamedTuple):
    spans: list
    events: list

    def records(self, kind):
        return [span for span in self.spans if span.attributes[attributes.KIND] == kind]


@pytest.fixture(scope="module")
def emitted():
    """
    Every kind of record, with all that can be said about it.
    """
    with capture() as seen, ds.session("p", name="P", plan=["a"], planned=9, attributes={"size": 3}):
        with ds.waiting("approval"):
            pass
        with ds.phase("a", name="A", depends_on=["z"], planned=3), ds.task("d", "t"):
            with ds.model_call("m", provider="openai") as call:
                call.usage(
                    {"model": "m-1", "usage": {"prompt_tokens": 3, "completion_tokens": 1, "cost": 0.1}}
                )
            with ds.attempt(), ds.tool("search"):
                ds.conflict("schema", severity="high")
            ds.output(files_created=1, code_quality=ds.ten(9), findings={"high": 1}, issues=["E501"])
            ds.output(model="m", input_tokens=2, output_tokens=1, cache_read_tokens=1, cost_usd=0.1)
            ds.progress(0.5)
            with ds.blocked("review"), ds.ask("d", "e", deadline=5, correlation_id="c"):
                pass
        ds.tell("d", None, type="discovery")
        with ds.gate("g", category="security", severity="high") as gate:
            gate.passed(score=ds.ten(8))
        with ds.synthesis() as synthesis:
            synthesis.integrated(conflicts=1, missing_components=0)
        cancel()
    with capture() as later, ds.session("p", id="s", resume=True) as session:
        session.wait("approval")
    return Emitted([*seen.spans, *later.spans], [*seen.events, *later.events])


def cancel():
    """
    One of each kind that nobody wants any more.
    """
    with (
        suppress(CancelledError),
        ds.session("p"),
        ds.phase("a"),
        ds.task("d"),
        ds.attempt(),
        ds.tool("t"),
        ds.gate("g"),
        ds.synthesis(),
        ds.model_call("m"),
        ds.ask("d", "e"),
    ):
        raise CancelledError


@pytest.mark.parametrize("kind", sorted(SPANS))
def test_a_span_has_what_the_registry_says(emitted, kind):
    """
    Every attribute is one of its kind, of its type; what is required is there; the name is right.
    """
    wanted = attributes_of(SPANS[kind])
    spans = emitted.records(kind)
    assert len(spans) > 1
    for span in spans:
        check(span.attributes, wanted)
        assert span.kind.name.lower() == SPANS[kind]["span_kind"]
        template = re.search(r"`(.+)`", SPANS[kind]["note"])[1]
        assert span.name == re.sub(r"{(.+?)}", lambda found, span=span: span.attributes[found[1]], template)


def test_an_event_has_what_the_registry_says(emitted):
    """
    The start of a span has what the span begins with.
    """
    assert {event.event_name for event in emitted.events} >= {
        attributes.STARTED_EVENT,
        attributes.CONFLICT_EVENT,
    }
    for event in emitted.events:
        wanted = attributes_of(EVENTS[event.event_name])
        if event.event_name == attributes.STARTED_EVENT:
            wanted = {name: {} for name in attributes_of(SPANS[event.attributes[attributes.KIND]])} | wanted
        check(event.attributes, wanted)


def check(values, wanted):
    """
    *values* are what a group asks for.
    """
    for name, value in values.items():
        found = definition(name)
        assert found is not None, name
        assert found["id"] in wanted, f"{name}: {values}"
        assert fits(value, found["type"]), f"{name} = {value!r}"
    required = {name for name, one in wanted.items() if one.get("requirement_level") == "required"}
    assert required <= set(values), values
