"""
Results of tests: JUnit's XML.
"""

from __future__ import annotations

from droidscope.instrument.reports.report_files import ReportError, natural_number, parse_xml
from droidscope.instrument.reports.report_totals import ReportTotals


def add(content: bytes, totals: ReportTotals) -> None:
    """
    Add the tests of a report, whose root is one suite or several, to *totals*.

    Raises:
        ReportError: If it is of another kind, or has negative counts.
    """
    root = parse_xml(content)
    if root.tag not in {"testsuite", "testsuites"}:
        msg = f"root is <{root.tag}>; expected <testsuites> or <testsuite>"
        raise ReportError(msg)
    # Only the outermost suites: the counts of a suite include those of the suites inside it.
    suites = [root] if root.tag == "testsuite" else root.findall("testsuite")
    count = {
        name: sum(natural_number(suite.attrib.get(name, 0)) for suite in suites)
        for name in ("tests", "failures", "errors", "skipped")
    }
    run = count["tests"] - count["skipped"]
    totals.tests_run += run
    totals.tests_passed += run - count["failures"] - count["errors"]
