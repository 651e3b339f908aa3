"""
How precise sketches promise to be.
"""

from __future__ import annotations


def relative_error(bits):
    """
    The share of itself that a quantile of a sketch of so many bits is off by at most, if not exact.
    """
    return 2.0 ** (1 - bits)
