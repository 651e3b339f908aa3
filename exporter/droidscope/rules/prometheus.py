"""
Prometheus' configuration: scraped targets, Alertmanager, rule files.

Kept to what Prometheus 2.42 and 3.x both read.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from droidscope.rules.alerts import JOB


class Targets(NamedTuple):
    """
    Addresses of the exporter, of Prometheus itself and of Alertmanager.
    """

    exporter: str
    prometheus: str
    alertmanager: str


NATIVE: Final = Targets("127.0.0.1:9788", "127.0.0.1:9090", "127.0.0.1:9093")
"""
Everything on one machine, on its usual port.
"""

COMPOSE: Final = Targets("exporter:9788", "localhost:9090", "alertmanager:9093")
"""
The services of docker-compose.yml.
"""


def prometheus_config(targets: Targets) -> dict[str, object]:
    """
    The whole configuration; rule files are relative to it.
    """
    return {
        "global": {"scrape_interval": "15s", "scrape_timeout": "10s", "evaluation_interval": "15s"},
        "rule_files": ["rules/*.yml"],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [targets.alertmanager]}]}]},
        "scrape_configs": [
            {"job_name": JOB, "static_configs": [{"targets": [targets.exporter]}]},
            {"job_name": "prometheus", "static_configs": [{"targets": [targets.prometheus]}]},
            {"job_name": "alertmanager", "static_configs": [{"targets": [targets.alertmanager]}]},
        ],
    }
