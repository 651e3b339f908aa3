"""
`python -m droidscope_boards` is `droidscope boards render`.
"""

from __future__ import annotations

from droidscope_boards.command import render

if __name__ == "__main__":
    render(prog_name="python -m droidscope_boards")
