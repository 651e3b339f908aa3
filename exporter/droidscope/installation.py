"""
How to install a part of droidscope that is not there: the one place for the commands that are printed.

In a clone of the repository comes first, since no package index has droidscope before the first release.
"""

from __future__ import annotations


def clone_command(extra: str) -> str:
    """
    What installs the product with *extra*, in the root of a clone of the repository.
    """
    return f"pip install '.[{extra}]'"


def folder_command(folder: str) -> str:
    """
    What installs the product and the distribution in *folder*, in the root of a clone of the repository.
    """
    return f"pip install . ./{folder}"


def index_command(extra: str, version: str | None = None) -> str:
    """
    What installs the product with *extra* from a package index, of *version* or the newest.
    """
    return f"pip install 'droidscope[{extra}]{f'=={version}' if version else ''}'"
