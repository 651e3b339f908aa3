"""
The `droidscope` command, which needs the extra [exporter].
"""

from __future__ import annotations

import sys

from droidscope.errors import MissingExtraError


def main() -> int:
    """
    Run the command line; without its dependencies, print the command that installs them.
    """
    if sys.argv[1:2] == ["doctor"]:  # it finds out what is missing, so it must need nothing
        from droidscope.instrument.diagnosis import doctor  # noqa: PLC0415 - likewise

        return doctor.main(sys.argv[2:])
    try:
        from droidscope.commands import droidscope  # noqa: PLC0415 - click comes with the extra
    except ImportError as error:
        sys.stderr.write(f"{MissingExtraError('the droidscope command', 'exporter')} ({error})\n")
        return 1
    droidscope(prog_name="droidscope")
    return 0
