"""
The metric catalogue, the documentation and the page name the same series.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from droidscope.config import RESERVED_LABELS
from droidscope.conventions import metrics, thresholds
from droidscope.conventions.metrics import CATALOGUE, KPIS, ORCHESTRATOR, LabelName, samples_of
from every_series import UNWEIGHTED

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "metrics.md").read_text()


def documented(text):
    """
    Names in a part of the page; a name that begins with `_` continues the one before it.
    """
    names, last = set(), ""
    for name in re.findall(r"`(_?[a-z0-9_]+)(?:\{[^}]*\})?`", text):
        if name.startswith(("orchestrator_", "droidscope_")):
            last = name
            names.add(name)
        elif name.startswith("_"):
            names.update({start + name for start in prefixes(last)})
    return names


def prefixes(name):
    """
    What a continuation may be joined to: the name up to each of its underscores.
    """
    parts = name.split("_")
    return {"_".join(parts[:end]) for end in range(1, len(parts))}


@pytest.mark.parametrize("spec", CATALOGUE, ids=lambda spec: spec.name)
def test_every_family_is_documented(spec):
    """
    Its name is in docs/metrics.md, in full or as the continuation of the one before it.
    """
    assert spec.name in documented(PAGE)


def test_what_the_page_promises_is_in_the_catalogue():
    """
    A name documented in full is a family or a sibling of one; what is planned has a page of its own.
    """
    known = {spec.name for spec in CATALOGUE} | {samples_of(spec).name for spec in KPIS}
    promised = set(re.findall(r"`((?:orchestrator|droidscope)_[a-z0-9_]+)(?:\{[^}]*\})?`", PAGE))

    assert promised - known == set()


@pytest.mark.parametrize("spec", CATALOGUE, ids=lambda spec: spec.name)
def test_names_and_labels_keep_the_rules(spec):
    """
    Base units, `_total` on counters alone, no label that rules and scrapes own, a help that is a sentence.
    """
    assert spec.name.endswith("_total") == (spec.kind == "counter")
    assert not spec.name.endswith(("_ms", "_percent", "_minutes"))
    assert not RESERVED_LABELS & set(spec.labels)
    assert len(set(spec.labels)) == len(spec.labels)
    assert spec.help[0].isupper() or spec.help[0].isdigit()
    assert spec.help.endswith(".")


def test_no_two_families_share_a_name():
    """
    OpenMetrics names a counter's family without `_total`, and allows each name once.
    """
    families = [spec.name.removesuffix("_total") for spec in CATALOGUE]

    assert len(set(families)) == len(families)


def test_histogram_bounds_hold_the_alert_thresholds():
    """
    A threshold inside a bucket could not be told from the histogram.
    """
    assert thresholds.LONG_DURATION.limit in metrics.DURATION_BOUNDS
    assert thresholds.RESPONSE_TIME_HIGH.limit in metrics.RESPONSE_BOUNDS


def test_weights_have_no_samples_sibling():
    """
    Every other ratio and score of a KPI has one.
    """
    assert set(UNWEIGHTED) <= set(KPIS)


def test_label_names_are_those_of_the_catalogue():
    """
    The names that types allow are in use: a metric has each, but for those Prometheus or a rule adds.
    """
    used = {ORCHESTRATOR}.union(*(spec.labels for spec in CATALOGUE))

    assert set(get_args(LabelName)) == used | {"instance", "family", "rule_group"}
