"""
A store of the first version starts now and after every later change: nothing in it is lost, and every counter
goes on from the value which that version gave.

The clock stands still at the time when that version was asked, so that the date of the test does not matter.
"""

from __future__ import annotations

import math
import shutil
from typing import NamedTuple

import pytest
from prometheus_client.parser import text_string_to_metric_families

import builders as b
from corpus import requests
from droidscope.conventions.former_names import FORMER_ALERT_NAMES, FORMER_METRIC_NAMES
from e2e.processes import Exporter
from store.first_version import LATER_SECONDS, answers, frozen, kept, moved, page, pass_time, post, unpack

FAMILIES: dict[str, str] = dict(FORMER_METRIC_NAMES)
"""
Families renamed since, by their first name.
"""
VALUES: dict[tuple[str, str], str] = {
    (key, former): name for key in ("alert", "name") for former, name in FORMER_ALERT_NAMES.items()
}
"""
Values renamed since, by label or JSON key and first value.
"""
KEYS: dict[str, str] = {}
"""
Labels and JSON keys renamed since, by their first name.
"""
LEAD_AGENTS: dict[str, str] = {"pydantic-ai-demo": "orchestrator"}
"""
Orchestrators whose sessions no workflow encloses, with the agent that leads them: it is their pattern, which
was empty in the first version.
"""
BEGUN_ANEW: frozenset[str] = frozenset()
"""
Families, by their first name, that begin anew since their bounds have changed; the CHANGELOG lists them.
"""
ANSWERED_OTHERWISE: frozenset[str] = frozenset({"/summary/version"})
"""
Parts of the API's answers, such as /alerts?limit=1000/total, that differ from the first version's on purpose.
"""

MAGIC_BYTES = 8
"""
What an empty segment of the log has.
"""
HOLD_SECONDS = 600
"""
By then all series born before are shown with their values, and foreign sessions have settled.
"""
MORE = {"orchestrator": "atlas", "environment": "production", "pattern": "bug-fix", "outcome": "completed"}
"""
Labels of the session that is sent at last.
"""


class Answered(NamedTuple):
    """
    Page and JSON by path at the start and hours later; the page before and after something was sent once
    more, and after something new.
    """

    at_start: dict[str, object]
    later: dict[str, object]
    before: str
    repeated: str
    continued: str


def as_it_was_left(_):
    """
    By a SIGKILL: the checkpoint is read and the log after it replayed.
    """


def with_its_checkpoint_alone(store):
    """
    What the newest checkpoint covers is nowhere else, for the log before it is empty: only an exporter
    that reads the checkpoint has it.
    """
    *older, newest = sorted((store / "checkpoints").iterdir())
    covered = [path for path in (store / "log").glob("*.log") if int(path.stem) < int(newest.name)]
    assert sum(path.stat().st_size for path in covered) > 1_000_000
    for path in covered:
        path.write_bytes(path.read_bytes()[:MAGIC_BYTES])
    for path in older:
        path.unlink()


def with_its_log_alone(store):
    """
    All of it must be replayed.
    """
    shutil.rmtree(store / "checkpoints")


@pytest.fixture(scope="module", params=[as_it_was_left, with_its_checkpoint_alone, with_its_log_alone])
def answered(request, tmp_path_factory):
    """
    What an exporter of today answers from a copy of the store.
    """
    folder = tmp_path_factory.mktemp("first")
    request.param(unpack(folder))
    clock = frozen(folder, kept().wall_ns)
    with Exporter(folder, command=moved(clock)) as exporter:
        at_start = answers(exporter.url)
        pass_time(clock, exporter.otlp, LATER_SECONDS)
        later = answers(exporter.url)
        for _ in range(2):  # what was lost is closed, and counts then
            pass_time(clock, exporter.otlp, HOLD_SECONDS)
        before = page(exporter.url)
        for body in (*requests("openai-agents"), *requests("strands")):
            post(exporter.otlp, "traces", body)
        pass_time(clock, exporter.otlp, HOLD_SECONDS)
        repeated = page(exporter.url)
        more = b.session("one more", pattern=MORE["pattern"], span_id=b"one more")
        resource = {"deployment.environment.name": MORE["environment"]}
        post(exporter.otlp, "traces", b.traces(more, service=MORE["orchestrator"], **resource))
        pass_time(clock, exporter.otlp, HOLD_SECONDS)
        return Answered(at_start, later, before, repeated, page(exporter.url))


def series(text):
    """
    Values by family, sample and labels; without those that are about the exporter's own process.
    """
    return {
        (declared(family), sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        if family.name.startswith("orchestrator_")
        for sample in family.samples
    }


def declared(family):
    """
    The name in the catalogue; the parser leaves out a counter's ending.
    """
    return f"{family.name}_total" if family.type == "counter" else family.name


def of_today(first):
    """
    The series of the first version under the names of today.
    """
    return {
        (sample.replace(family, FAMILIES.get(family, family), 1), frozenset(map(renamed, led(labels)))): value
        for (family, sample, labels), value in first.items()
        if family not in BEGUN_ANEW
    }


def led(labels):
    """
    Labels with the pattern that sessions led by an agent have now.
    """
    labels = dict(labels)
    if labels.get("pattern") == "" and labels.get("orchestrator") in LEAD_AGENTS:
        labels["pattern"] = LEAD_AGENTS[labels["orchestrator"]]
    return labels.items()


def renamed(item):
    key, value = item
    return KEYS.get(key, key), VALUES.get((key, value), value)


def counters(text):
    """
    Values of the counters, histograms and summaries by sample and labels, under the names of today.
    """
    return {
        key: value
        for key, value in of_today(series(text)).items()
        if key[0].endswith(("_total", "_count", "_bucket", "_sum"))
    }


def same(first, now):
    return math.isclose(first, now, rel_tol=1e-9, abs_tol=1e-12) or (math.isnan(first) and math.isnan(now))


def differences(first, now, path, key=""):
    """
    Where an answer of today differs from one of the first version; new keys and other words do not count.
    """
    if path in ANSWERED_OTHERWISE:
        return []
    if isinstance(first, dict) and isinstance(now, dict):
        return [
            difference
            for name, value in led(first)
            for difference in differences(value, now.get(KEYS.get(name, name)), f"{path}/{name}", name)
        ]
    if isinstance(first, list) and isinstance(now, list) and len(first) == len(now):
        return [
            difference
            for number, (value, other) in enumerate(zip(first, now, strict=True))
            for difference in differences(value, other, f"{path}/{number}", key)
        ]
    if isinstance(first, str) and isinstance(now, str):
        is_sentence = " " in first and key != "pattern_name"
        agree = is_sentence or VALUES.get((key, first), first) == now
    elif isinstance(first, (int, float)) and isinstance(now, (int, float)):
        agree = same(first, now)
    else:
        agree = first == now
    return [] if agree else [f"{path}: {first!r:.200}, now {now!r:.200}"]


@pytest.mark.parametrize("when", ["at_start", "later"])
def test_every_series_has_the_value_of_the_first_version(answered, when):
    """
    Right after the start, and hours later, when all that was under way has come to its end.
    """
    first = of_today(series(getattr(kept(), when)["metrics"]))
    now = of_today(series(getattr(answered, when)["metrics"]))

    assert len(first) > 3_000
    changed = {key for key, value in first.items() if key not in now or not same(value, now[key])}
    assert {key: (first[key], now.get(key)) for key in changed} == {}


@pytest.mark.parametrize("when", ["at_start", "later"])
def test_the_api_answers_as_the_first_version_did(answered, when):
    """
    Sessions, droids, patterns, trends and findings, but for the wording of their sentences.
    """
    first, now = getattr(kept(), when), getattr(answered, when)

    assert [
        difference
        for path, answer in first.items()
        if path != "metrics"
        for difference in differences(answer, now.get(path), f"/{path}")
    ] == []


def test_what_was_sent_to_the_first_version_does_not_count_again(answered):
    """
    The ids of what it stored are known: a client that sends it once more changes no counter.
    """
    assert counters(answered.repeated) == counters(answered.before)


def test_counters_go_on(answered):
    """
    One more session is one more than there were.
    """
    before, after = counters(answered.repeated), counters(answered.continued)
    ended = "orchestrator_sessions_total", frozenset(MORE.items())

    assert after[ended] == before[ended] + 1
    assert {key for key, value in before.items() if after[key] < value} == set()


def test_droidscope_serve_is_ready_with_it(tmp_path):
    """
    The real process by the real clock, on whatever day that is: no counter is lost or lower.
    """
    unpack(tmp_path)
    with Exporter(tmp_path) as exporter:
        now = counters(page(exporter.url))

    first = counters(kept().at_start["metrics"])
    fallen = {key for key, value in first.items() if key not in now or now[key] < value}
    assert {key: (first[key], now.get(key)) for key in fallen} == {}
