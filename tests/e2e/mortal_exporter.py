"""
The exporter, but for one weakness: once the file named first exists, it dies between the write of a
group and its acknowledgement, as by SIGKILL.

    python mortal_exporter.py TRIGGER serve ...
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from droidscope.commands import droidscope
from droidscope.store.store import Store

trigger = Path(sys.argv.pop(1))
append = Store.append


def append_and_die(self, frames):
    append(self, frames)
    if trigger.exists() and any(frame.payload for frame in frames):
        trigger.unlink()
        os.kill(os.getpid(), signal.SIGKILL)


Store.append = append_and_die
droidscope(prog_name="droidscope")
