"""
Coverage reports.
"""

import pytest

COBERTURA = (
    '<coverage lines-valid="16" lines-covered="10" branches-valid="8" branches-covered="3" line-rate="0.62"/>'
)
COVERAGE_JSON = {
    "totals": {"covered_lines": 10, "num_statements": 16, "covered_branches": 3, "num_branches": 8},
    "files": {"a.py": {"summary": {"num_statements": 16}}},
}


@pytest.mark.parametrize("report", [COBERTURA, COVERAGE_JSON])
def test_coverage_mixes_lines_and_branches(reports, report):
    """
    100 (10 + 3) / (16 + 8), as coverage.py and Sonar have it.
    """
    assert reports(coverage=report).test_coverage == pytest.approx(54.1667, abs=1e-4)


@pytest.mark.parametrize(
    "report",
    ['<coverage lines-valid="4" lines-covered="3"/>', {"totals": {"covered_lines": 3, "num_statements": 4}}],
)
def test_coverage_without_branches_is_that_of_lines(reports, report):
    """
    A report may know lines only.
    """
    assert reports(coverage=report).test_coverage == 75


def test_coverage_of_nothing_is_unknown(reports):
    """
    An empty project is not covered to 0 or 100.
    """
    assert reports(coverage='<coverage lines-valid="0" lines-covered="0"/>').test_coverage is None


def test_several_coverage_reports_are_one(reports):
    """
    Sums over sums, no mean of ratios.
    """
    small, large = ({"totals": {"covered_lines": c, "num_statements": n}} for c, n in ((1, 1), (0, 9)))

    assert reports(coverage=[small, large]).test_coverage == 10
