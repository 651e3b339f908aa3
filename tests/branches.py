"""
The share of branches that the tests take, after `make coverage`; the exit code is 1 below the limit.

`coverage report` knows one limit, for lines and branches together.
"""

from __future__ import annotations

import sys
import tempfile
from typing import Final

import msgspec
from coverage import Coverage

LIMIT: Final = 0.95


def share_of_branches() -> float:
    """
    Branches taken of all branches, 0 to 1, by the data file of the last measurement.
    """
    measured = Coverage()
    measured.load()
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        measured.json_report(outfile=file.name)
        totals = msgspec.json.decode(file.read())["totals"]
    return totals["covered_branches"] / totals["num_branches"]


def main() -> int:
    """
    Print the share.

    Returns:
        1 if it is below the limit.
    """
    share = share_of_branches()
    print(f"branches taken: {share:.1%}; the limit is {LIMIT:.0%}")
    return int(share < LIMIT)


if __name__ == "__main__":
    sys.exit(main())
