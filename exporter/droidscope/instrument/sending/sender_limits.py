"""
How much waits in a sender, and how long.
"""

from __future__ import annotations

from typing import Final

from droidscope.units import HOUR_SECONDS

QUEUE_BYTES: Final = 64 * 1024 * 1024
"""
How much waits encoded in memory, if nothing else is asked for.
"""
QUEUE_ITEMS: Final = 65_536
"""
How many records wait to be encoded.
"""
BATCH_ITEMS: Final = 512
"""
As many records do not wait for others.
"""
REQUEST_ITEMS: Final = 4096
"""
The most that one request holds.
"""
LINGER_SECONDS: Final = 0.5
"""
The longest a record waits for others to be sent with it.
"""
METRIC_SECONDS: Final = 15.0
"""
Between two snapshots of the counts.
"""
IDLE_SECONDS: Final = float(HOUR_SECONDS)
"""
How long the thread sleeps where nothing is to be done.
"""
