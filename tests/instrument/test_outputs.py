"""
What droids produced, as attributes of their task or attempt.
"""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

import droidscope as ds
from droidscope.conventions import attributes as names

IDS = (names.SESSION_ID, names.SESSION_RUN, names.PATTERN_ID)


def outputs_of(span):
    """
    The attributes of *span* that outputs made, without their prefix.
    """
    prefix = "orchestrator.output."
    return {
        name.removeprefix(prefix): value for name, value in span.attributes.items() if name.startswith(prefix)
    }


@pytest.mark.parametrize(
    ("score", "points"),
    [
        (ds.percent(94), 94),
        (ds.ratio(0.94), 94),
        (ds.ten(9.2), 92),
        (ds.ratio(0.57), 57),
        (ds.ten(0), 0),
        (ds.ratio(1), 100),
    ],
)
def test_scores_are_of_a_hundred(score, points):
    """
    Whatever scale they are declared on.
    """
    assert score.points == points


@given(st.floats(), st.sampled_from([(ds.percent, 100), (ds.ratio, 1), (ds.ten, 10)]))
def test_a_score_is_within_its_scale_or_none(value, scale):
    """
    Points are 0..100 exactly where the value is on the scale; nan and infinities are not.
    """
    make, top = scale

    points = make(value).points

    assert (points is not None) == (0 <= value <= top)
    assert points is None or 0 <= points <= 100


def test_an_output_goes_to_the_innermost_task_or_attempt(seen):
    """
    Also from inside a tool.
    """
    with ds.task("d"):
        with ds.attempt(), ds.tool("x"):
            ds.output(
                files_created=3,
                test_coverage=ds.percent(94),
                code_quality=ds.ten(9.2),
                security=ds.ratio(0.9),
            )
        ds.output(files_created=1)

    assert outputs_of(seen.one("attempt")) == {
        "files_created": 3,
        "test_coverage": 94,
        "code_quality_score": 92,
        "security_score": 90,
    }
    assert outputs_of(seen.one("task")) == {"files_created": 1}
    assert not outputs_of(seen.one("tool"))


def test_counts_add_up_and_scores_are_the_latest(seen):
    """
    Tokens and cost come per request; a score replaces the one before.
    """
    with ds.task("d") as task:
        for score in (50, 60):
            task.output(
                model="m",
                files_created=1,
                input_tokens=100,
                output_tokens=10,
                cache_read_tokens=5,
                cache_write_tokens=6,
                cost_usd=0.25,
                code_quality=ds.percent(score),
            )

    attributes = seen.one("task").attributes
    assert attributes[names.REQUEST_MODEL] == "m"
    assert attributes[names.OUTPUT_FILES_CREATED] == 2
    assert attributes[names.INPUT_TOKENS] == 200
    assert attributes[names.OUTPUT_TOKENS] == 20
    assert attributes[names.CACHE_READ_TOKENS] == 10
    assert attributes[names.CACHE_WRITE_TOKENS] == 12
    assert attributes[names.COST_USD] == 0.5
    assert attributes[names.OUTPUT_CODE_QUALITY] == 60


@pytest.mark.parametrize(
    ("given", "reason", "expected"),
    [
        ({"code_quality": 0.9}, "scale_missing", "output(code_quality) is 0.9; expected a declared scale"),
        ({"test_coverage": ds.percent(140)}, "out_of_range", "percent(140); expected a number from 0 to 100"),
        ({"security": ds.ten(math.nan)}, "out_of_range", "ten(nan); expected a number from 0 to 10"),
        ({"security": ds.ten("9")}, "out_of_range", "ten('9'); expected a number from 0 to 10"),
        ({"files_created": -1}, "invalid", "output(files_created) is -1; expected a whole number from 0"),
        ({"input_tokens": True}, "invalid", "output(input_tokens) is True; expected a whole number from 0"),
        ({"cost_usd": math.inf}, "invalid", "output(cost_usd) is inf; expected a number from 0"),
        ({"findings": {"enormous": 1}}, "invalid", "expected counts of critical, high, medium, low"),
        ({"findings": 3}, "invalid", "is 3; expected counts by severity"),
    ],
)
def test_what_makes_no_sense_is_dropped_and_counted(seen, caplog, given, reason, expected):
    """
    The rest of the output stays; the warning names value and expectation.
    """
    with ds.session("p"), ds.task("d"):
        for _ in range(2):
            ds.output(**given)

    kept = set(seen.one("task").attributes) - {names.TASK_ATTEMPTS, *IDS}
    assert kept == {names.KIND, names.TASK_ID, names.AGENT_NAME, names.OPERATION}
    assert seen.count(names.CLIENT_DROPPED, {names.DROP_REASON: reason}) == 2
    assert [expected in record.getMessage() for record in caplog.records] == [True]


def test_findings_left_out_are_zero(seen):
    """
    A report with one high finding has no critical one; the score follows unless one is declared.
    """
    with ds.task("d"):
        with ds.attempt():
            ds.output(findings={"high": 1})
        ds.output(findings={}, security=ds.percent(70))

    assert outputs_of(seen.one("attempt")) == {
        "findings.critical": 0,
        "findings.high": 1,
        "findings.medium": 0,
        "findings.low": 0,
        "security_score": 80,
    }
    assert outputs_of(seen.one("task"))["security_score"] == 70


@pytest.mark.parametrize(
    ("issues", "expected"),
    [
        (["E501", "F401", "E501"], ("E501:2", "F401:1")),
        ({"S101": 3, "B008": 7}, ("B008:7", "S101:3")),
        ("E501", ("E501:1",)),
        ([], ()),
    ],
)
def test_issues_are_counted_by_rule(seen, issues, expected):
    """
    The most frequent first.
    """
    with ds.task("d"):
        ds.output(issues=issues)

    assert seen.one("task").attributes[names.OUTPUT_ISSUES] == expected


def test_at_most_twenty_issues_are_said(seen):
    """
    The most frequent ones.
    """
    with ds.task("d"):
        ds.output(issues={f"R{number:02}": number for number in range(30)})

    issues = seen.one("task").attributes[names.OUTPUT_ISSUES]
    assert issues == tuple(f"R{number:02}:{number}" for number in range(29, 9, -1))


def test_output_outside_of_a_task_is_dropped(seen, caplog):
    """
    The warning names where it belongs.
    """
    with ds.phase("f"):
        ds.output(files_created=1)

    assert not outputs_of(seen.one("phase"))
    assert "put it inside a droidscope.task" in caplog.text


def test_output_after_the_end_is_dropped(seen, caplog):
    """
    The span has been sent already.
    """
    with ds.task("d") as task:
        pass
    task.output(files_created=1)

    assert not outputs_of(seen.one("task"))
    assert "output() of a task that has ended is dropped" in caplog.text


def test_reports_are_read_and_declared_scores_win(seen, tmp_path):
    """
    A coverage report gives the coverage, unless one is declared.
    """
    report = tmp_path / "coverage.json"
    report.write_text('{"totals": {"covered_lines": 8, "num_statements": 10}}')

    with ds.task("d"):
        with ds.attempt():
            ds.output(coverage=report)
        ds.output(coverage=report, test_coverage=ds.percent(50))

    assert outputs_of(seen.one("attempt")) == {"test_coverage": 80}
    assert outputs_of(seen.one("task")) == {"test_coverage": 50}


def test_a_malformed_report_is_a_warning(seen, caplog, tmp_path):
    """
    It names the file, and the rest of the output stays.
    """
    report = tmp_path / "broken.sarif"
    report.write_text('{"runs": [')

    with ds.task("d"):
        ds.output(sarif=report, files_created=1)

    assert outputs_of(seen.one("task")) == {"files_created": 1}
    assert f"report {report} is dropped: JSONDecodeError" in caplog.text
    assert seen.count(names.CLIENT_DROPPED, {names.DROP_REASON: "report"}) == 1
