"""
Radon's maintainability index: its `mi -j`.
"""

from __future__ import annotations

import json
from pathlib import Path

from droidscope.instrument.reports.report_totals import ReportTotals


def add(content: bytes, totals: ReportTotals) -> None:
    """
    Add the mean index, from 0 to 100, weighted by the length of each file, to *totals*.

    The length is the statements known from coverage, else the lines that are not blank where the file can
    be read; files without either are left out (an empty file scores 100), and without any there is no mean.
    """
    weighted = total = 0.0
    for file, result in json.loads(content).items():
        if "mi" not in result:  # radon reports a file it cannot parse as {"error": ...}
            continue
        weight = totals.file_statements.get(file) or _length(file)
        weighted += float(result["mi"]) * weight
        total += weight
    if total:
        totals.quality_scores.append(weighted / total)


def _length(file: str) -> int:
    try:
        return sum(bool(line.strip()) for line in Path(file).read_bytes().splitlines())
    except OSError:
        return 0
