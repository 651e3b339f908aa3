"""
Reads YAML files that users write: a mapping, or an error of one line.
"""

from __future__ import annotations

from pathlib import Path

import yaml

from droidscope.errors import ConfigError


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
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not YAML: {' '.join(str(error).split())}") from None
    if content is None:
        return {}
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise ConfigError(f"{path} holds {type(content).__name__}; expected {expected}")
    return content
