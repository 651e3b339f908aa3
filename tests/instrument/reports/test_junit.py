"""
JUnit reports.
"""

import pytest

SUITE = '<testsuite tests="10" failures="1" errors="2" skipped="2"/>'


@pytest.mark.parametrize(
    ("report", "ratio"),
    [
        (SUITE, 5 / 8),
        (f"<testsuites>{SUITE}{SUITE}</testsuites>", 5 / 8),
        ('<testsuite tests="2" skipped="2"/>', None),
    ],
)
def test_skipped_tests_neither_pass_nor_fail(reports, report, ratio):
    """
    (10 - 1 - 2 - 2) / (10 - 2); nothing run is nothing known.
    """
    assert reports(junit=report).test_success_ratio == ratio
