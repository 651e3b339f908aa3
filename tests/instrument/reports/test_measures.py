"""
All reports of an output together, and what is wrong with those that cannot be read.
"""

import json
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from droidscope.instrument.outputs import OutputFields
from droidscope.instrument.reports import report_files
from droidscope.instrument.reports.measures import FORMATS, Measures, measure

SUITE = '<testsuite tests="10" failures="1" errors="2" skipped="2"/>'


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["runs", "results", "tool", "driver", "name", "rules", "id", "totals", "files", "messages",
             "statistics", "num_statements", "covered_lines", "score", "level", "ruleId", "properties",
             "suppressions", "mi"]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=20,
)  # fmt: skip


@given(
    content=JSON.map(json.dumps) | st.text(max_size=50),
    name=st.sampled_from(["coverage", "sarif", "junit", "pylint", "radon"]),
)
def test_no_report_is_too_broken(tmp_path_factory, content, name):
    """
    Whatever the file holds: measures or one fault that names it, never an exception.
    """
    path = tmp_path_factory.getbasetemp() / "report"
    path.write_text(content, encoding="utf-8", errors="replace")
    faults = []

    measures = measure({name: str(path)}, lambda file, _fault: faults.append(file))

    assert faults in ([], [str(path)])
    assert not faults or measures == Measures()


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("coverage", "<html/>", "root is <html>; expected <coverage>"),
        ("junit", "<coverage/>", "root is <coverage>; expected <testsuites> or <testsuite>"),
        ("junit", "<testsuite", "ParseError"),
        ("coverage", '{"totals": {"covered_lines": -1, "num_statements": 4}}', "-1 is negative"),
        (
            "pylint",
            '{"messages": [], "statistics": {"score": 75}}',
            "statistics.score is 75; expected 0 to 10",
        ),
        ("junit", '<!DOCTYPE a [<!ENTITY b "c">]><testsuite tests="1"/>', "EntitiesForbidden"),
    ],
)
def test_faults_say_what_is_wrong(tmp_path, name, content, fault):
    """
    A report of another kind, a broken one, and one that would blow up.
    """
    path = tmp_path / "report"
    path.write_text(content)
    faults = []

    measure({name: path}, lambda _path, sentence: faults.append(sentence))

    assert len(faults) == 1
    assert fault in faults[0]


def test_a_missing_or_enormous_file_is_a_fault(tmp_path, monkeypatch):
    """
    Neither is read.
    """
    monkeypatch.setattr(report_files, "SIZE_LIMIT", 10)
    (tmp_path / "big").write_text("[" + " " * 20 + "]")
    faults = {}

    measure(
        {"radon": [tmp_path / "big", tmp_path / "gone"]},
        lambda path, fault: faults.update({Path(path).name: fault}),
    )

    assert faults["big"] == "it has 22 bytes; at most 10 are read"
    assert "FileNotFoundError" in faults["gone"]


def test_xml_without_the_extra_names_the_command(tmp_path, monkeypatch):
    """
    The other formats need nothing.
    """
    monkeypatch.setitem(sys.modules, "defusedxml", None)
    path = tmp_path / "junit.xml"
    path.write_text(SUITE)
    faults = []

    measure({"junit": path}, lambda _path, fault: faults.append(fault))

    assert faults == [
        (
            "reading XML reports needs more than the base package: in a clone of the repository "
            "pip install '.[quality]', or once released pip install 'droidscope[quality]'"
        )
    ]


def test_every_format_is_a_keyword_of_output():
    """
    A row of the table that no caller could give would never be read.
    """
    assert set(FORMATS) <= set(OutputFields.__annotations__)
