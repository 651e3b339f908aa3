"""
The rendered files and the programs that judge them.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import yaml

from droidscope.rules import recordings

ROOT = Path(__file__).parents[1]
RECORDINGS = tuple(rule for group in recordings.GROUPS for rule in group.rules)
"""
Every recording rule as it was before it was rendered, in order.
"""


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """
    Run a program to its end; the caller judges its exit code and what it said.
    """
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, cwd=ROOT)


def boards() -> dict[str, dict[str, Any]]:
    """
    The committed boards by uid.
    """
    return {
        path.stem: json.loads(path.read_text())
        for path in sorted((ROOT / "grafana/dashboards").glob("*.json"))
    }


def alert_rules() -> list[dict[str, Any]]:
    """
    Every committed alerting rule.
    """
    document = yaml.safe_load((ROOT / "prometheus/rules/alerts.yml").read_text())
    return [rule for group in document["groups"] for rule in group["rules"]]


def recording_rules() -> list[dict[str, Any]]:
    """
    Every committed recording rule.
    """
    files = ("recording.yml", "recording-week.yml")
    documents = [yaml.safe_load((ROOT / "prometheus/rules" / name).read_text()) for name in files]
    return [rule for document in documents for group in document["groups"] for rule in group["rules"]]
