"""
Bounded gunzip: a small body must not become a large one in memory.
"""

from __future__ import annotations

from isal import isal_zlib

GZIP_WINDOW_BITS = 31


class TooLargeError(ValueError):
    """
    The content is longer than allowed.
    """


def gunzip(data: bytes, max_bytes: int) -> bytes:
    """
    The content of *data*, one gzip member; never holds much more than *max_bytes* of it.

    Raises:
        TooLargeError: If the content is longer than *max_bytes*.
        ValueError: If the data is no gzip, damaged, cut short or followed by something.
    """
    stream = isal_zlib.decompressobj(wbits=GZIP_WINDOW_BITS)
    try:
        content: bytes = stream.decompress(data, max_length=max_bytes + 1)
    except isal_zlib.IsalError as error:  # type: ignore[misc] # its stub declares an instance
        msg = f"the body is no gzip, or damaged: {error}"
        raise ValueError(msg) from error
    if len(content) > max_bytes:
        msg = f"the body is longer than {max_bytes} bytes when decompressed"
        raise TooLargeError(msg)
    if not stream.eof:
        msg = f"the body of {len(data)} bytes is no gzip, or cut short"
        raise ValueError(msg)
    # Each further member would copy all that follows it: thousands of tiny ones cost minutes.
    if stream.unused_data:
        msg = f"{len(stream.unused_data)} bytes follow the gzip; it must be one member"
        raise ValueError(msg)
    return content
