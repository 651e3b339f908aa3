"""
The boards as JSON, sorted and indented, so that a change of one panel is a change of few lines.
"""

from __future__ import annotations

import json

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from droidscope.boards.droids.board import droids
from droidscope.boards.overview.board import overview
from droidscope.boards.patterns.board import patterns


def render() -> dict[str, str]:
    """
    The JSON text of each board by its uid.
    """
    boards = [page().build() for page in (overview, droids, patterns)]
    return {str(board.uid): _text(board) for board in boards}


def _text(board: object) -> str:
    encoded = json.loads(JSONEncoder().encode(board))
    return json.dumps(encoded, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
