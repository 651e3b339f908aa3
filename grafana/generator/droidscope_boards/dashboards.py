"""
The boards as JSON, sorted and indented, so that a change of one panel is a change of few lines.
"""

from __future__ import annotations

import json

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from droidscope.limits.alert_limits import AlertLimits
from droidscope.rules.render import Files
from droidscope_boards.droids.board import droids
from droidscope_boards.limits import panel_limits
from droidscope_boards.overview.board import overview
from droidscope_boards.patterns.board import patterns


def render_dashboards(limits: AlertLimits | None = None) -> Files:
    """
    The boards as classic JSON, each in a file named by its uid.

    *limits* are those of `overrides.load`, or the defaults.
    """
    boards = [page(panel_limits(limits)).build() for page in (overview, droids, patterns)]
    return {f"grafana/dashboards/{board.uid}.json": _text(board) for board in boards}


def _text(board: object) -> str:
    encoded = json.loads(JSONEncoder().encode(board))
    return json.dumps(encoded, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
