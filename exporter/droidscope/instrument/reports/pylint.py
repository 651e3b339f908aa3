"""
Pylint's score and messages: its format json2.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Final

from droidscope.instrument.reports.report_files import ReportError
from droidscope.instrument.reports.report_totals import ReportTotals

_HIGHEST_SCORE: Final = 10


def add(content: bytes, totals: ReportTotals) -> None:
    """
    Add the score, where there is one, and the symbols of the messages to *totals*.

    Raises:
        ReportError: If the score is not from 0 to 10.
    """
    report = json.loads(content)
    score = report["statistics"]["score"]
    if score is not None and not 0 <= score <= _HIGHEST_SCORE:
        msg = f"statistics.score is {score}; expected 0 to 10"
        raise ReportError(msg)
    totals.add_issues(Counter(str(message["symbol"]) for message in report["messages"]))
    if score is not None:
        totals.quality_scores.append(score * 10)
