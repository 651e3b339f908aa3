"""
Coverage of tests: coverage.py's JSON, or Cobertura's XML.
"""

from __future__ import annotations

import json

from droidscope.instrument.reports.report_files import ReportError, natural_number, parse_xml
from droidscope.instrument.reports.report_totals import ReportTotals


def add(content: bytes, totals: ReportTotals) -> None:
    """
    Add the lines and branches of a report to *totals*.

    Raises:
        ReportError: If it is of another kind, or has negative counts.
    """
    if content.lstrip()[:1] == b"<":
        _add_cobertura(content, totals)
    else:
        _add_json(content, totals)


def _add_json(content: bytes, totals: ReportTotals) -> None:
    report = json.loads(content)
    counts = report["totals"]
    file_statements = {
        str(file): natural_number(details["summary"]["num_statements"])
        for file, details in report.get("files", {}).items()
    }
    _add_counts(
        totals,
        statements=natural_number(counts["num_statements"]),
        covered=natural_number(counts["covered_lines"]) + natural_number(counts.get("covered_branches", 0)),
        branches=natural_number(counts.get("num_branches", 0)),
    )
    totals.file_statements |= file_statements


def _add_cobertura(content: bytes, totals: ReportTotals) -> None:
    root = parse_xml(content)
    if root.tag != "coverage":
        msg = f"root is <{root.tag}>; expected <coverage>"
        raise ReportError(msg)
    counts = root.attrib
    _add_counts(
        totals,
        statements=natural_number(counts["lines-valid"]),
        covered=natural_number(counts["lines-covered"]) + natural_number(counts.get("branches-covered", 0)),
        branches=natural_number(counts.get("branches-valid", 0)),
    )


def _add_counts(totals: ReportTotals, *, statements: int, covered: int, branches: int) -> None:
    totals.covered += covered
    totals.coverable += statements + branches
    totals.statements += statements
