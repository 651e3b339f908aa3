"""
The fleet's own tally.
"""

import json

import pytest

from droidscope.conventions.metrics import CODE_QUALITY, COST, SESSIONS, TOKENS
from droidscope_demo.truth import Truth


def test_it_counts_by_label_values():
    """
    A series that was never counted is 0.
    """
    truth = Truth("atlas")

    truth.add(SESSIONS, "bug-fix", "completed")
    truth.add(SESSIONS, "bug-fix", "completed")
    truth.add(SESSIONS, "bug-fix", "failed")

    assert truth.counter(SESSIONS, "bug-fix", "completed") == 2
    assert truth.counter(SESSIONS, "api-refactoring", "failed") == 0
    assert truth.total(SESSIONS) == 3


def test_labels_must_fit_the_metric():
    """
    A forgotten label is a mistake, never a series of its own.
    """
    with pytest.raises(ValueError, match="shorter"):
        Truth("atlas").add(SESSIONS, "bug-fix")


def test_samples_compare_with_the_exposition():
    """
    Names and labels are those of /metrics, the orchestrator's label first.
    """
    truth = Truth("atlas")
    truth.add(TOKENS, "debugger", "gpt-5", "input", amount=1200)
    truth.observe(CODE_QUALITY, "bug-fix", "debugger", "diagnosis")

    assert list(truth.samples()) == [
        {
            "name": "orchestrator_code_quality_score_count",
            "labels": {
                "orchestrator": "atlas",
                "pattern": "bug-fix",
                "droid": "debugger",
                "task_type": "diagnosis",
            },
            "value": 1,
        },
        {
            "name": "orchestrator_tokens_total",
            "labels": {
                "orchestrator": "atlas",
                "droid": "debugger",
                "model": "gpt-5",
                "direction": "input",
            },
            "value": 1200,
        },
    ]


def test_money_does_not_drift():
    """
    Ten times 0.1 dollars are one dollar in the file.
    """
    truth = Truth("atlas")
    for _ in range(10):
        truth.add(COST, "bug-fix", "debugger", "gpt-5", amount=0.1)

    assert [sample["value"] for sample in truth.samples()] == [1.0]


def test_the_file_is_a_json_array_of_samples(tmp_path):
    """
    What is written reads back, and no partial file stays.
    """
    truth = Truth("atlas")
    truth.add(SESSIONS, "bug-fix", "completed")

    truth.write(tmp_path / "atlas.json")

    assert json.loads((tmp_path / "atlas.json").read_text()) == list(truth.samples())
    assert [path.name for path in tmp_path.iterdir()] == ["atlas.json"]
