"""
`python -m droidscope` is the `droidscope` command.
"""

from __future__ import annotations

import sys

from droidscope.cli import main

sys.exit(main())
