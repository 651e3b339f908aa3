"""
Reads YAML files that users write: a mapping, or an error of one line.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from droidscope.errors import ConfigError


class _RepeatedKeyError(yaml.YAMLError):
    """
    A key that its mapping has already; YAML would let the last one win.
    """


class _UniqueKeyLoader(yaml.SafeLoader):
    """
    The safe loader, but each key of a mapping must be there once.
    """

    def compose_mapping_node(self, anchor: dict[Any, yaml.Node]) -> yaml.MappingNode:
        """
        As the base class, before merge keys are resolved: these may repeat what they change.
        """
        node = super().compose_mapping_node(anchor)
        keys: set[tuple[str, str]] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if (key.tag, key.value) in keys:
                    line = key.start_mark.line + 1
                    raise _RepeatedKeyError(f"the key {key.value} again in line {line}; expected it once")
                keys.add((key.tag, key.value))
        return node


def read_mapping(path: Path, expected: str) -> dict[str, object]:
    """
    The mapping a file holds; empty if the file is.

    Args:
        path: The file.
        expected: What it should hold, as `a mapping of settings`.

    Raises:
        ConfigError: If it cannot be read, is not YAML, or holds something else.
    """
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _UniqueKeyLoader)  # noqa: S506 - a safe loader
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    except _RepeatedKeyError as error:
        raise ConfigError(f"{path} has {error}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not YAML: {' '.join(str(error).split())}") from None
    if content is None:
        return {}
    if isinstance(content, dict):
        for key in content:
            if not isinstance(key, str):
                raise ConfigError(f"{path} has the key {key!r}, which is no text; expected {expected}")
        return content
    raise ConfigError(f"{path} holds {type(content).__name__}; expected {expected}")
