"""
`droidscope doctor`: the checks for a person at a terminal, in the environment of an orchestrator or beside an
exporter.

Without click, which comes with the extra exporter only: an orchestrator's environment need not have that.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Final, TextIO

from droidscope.errors import ConfigError
from droidscope.instrument.diagnosis import exporter_state, variables
from droidscope.instrument.diagnosis.findings import Finding, error
from droidscope.instrument.diagnosis.process import check_targets, worst_first
from droidscope.instrument.diagnosis.targets import Target, targets
from droidscope.instrument.orchestrators.client import URL_VARIABLE, exporter_url

_COLOURS: Final = {"error": "31", "warning": "33", "note": "36", "fine": "32"}
"""
Red, yellow, cyan and green, of ANSI.
"""


def main(arguments: Sequence[str], output: TextIO | None = None) -> int:
    """
    Run the checks and write what they found; 1 if there is an error among it, else 0.
    """
    out = sys.stdout if output is None else output
    options = _parser().parse_args(arguments)
    chosen = targets(os.environ, options.endpoint, options.protocol)
    findings = worst_first(_findings(options, chosen, os.environ))
    if options.json:
        out.write(json.dumps([asdict(finding) for finding in findings], indent=2) + "\n")
    else:
        _write(out, chosen, findings)
    return int(any(finding.severity == "error" for finding in findings))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="droidscope doctor",
        description="Find out why nothing arrives: looks at the OTEL_* variables and packages of this "
        "environment, asks where telemetry goes by an empty request, and the exporter what it has received. "
        "What a program sets up itself droidscope.check() in it finds. Exit code 1 if something is found "
        "for which nothing arrives.",
    )
    parser.add_argument(
        "url",
        nargs="?",
        help=f"address of the exporter's pages [${URL_VARIABLE}, else http://127.0.0.1:9788]",
    )
    parser.add_argument(
        "--endpoint", metavar="URL", help="endpoint= of configure, else that of the variables"
    )
    parser.add_argument("--protocol", help="protocol= of configure, else that of the variables")
    parser.add_argument(
        "--offline", action="store_true", help="ask nobody, look at variables and packages only"
    )
    parser.add_argument("--json", action="store_true", help="write a list of objects")
    return parser


def _findings(
    options: argparse.Namespace, chosen: Sequence[Target], environment: Mapping[str, str]
) -> Iterator[Finding]:
    yield from variables.check_packages()
    yield from variables.check_interpreter()
    yield from variables.check_variables(environment, options.endpoint)
    yield from variables.check_service_name(environment)
    yield from check_targets(chosen, send=not options.offline)
    if options.offline:
        return
    try:
        url = exporter_url(options.url)
    except ConfigError as failure:
        yield error("no_url", f"{failure}.", f"Correct it, or {URL_VARIABLE}.")
        return
    yield from exporter_state.check_exporter(url, environment.get("OTEL_SERVICE_NAME") or None)


def _write(out: TextIO, chosen: Sequence[Target], findings: Sequence[Finding]) -> None:
    is_coloured = out.isatty() and "NO_COLOR" not in os.environ

    def paint(text: str, kind: str) -> str:
        return f"\x1b[{_COLOURS[kind]}m{text}\x1b[0m" if is_coloured else text

    out.writelines(
        f"{target.signal} go to {target.url} by {target.protocol} ({target.source or 'default'})\n"
        for target in chosen
    )
    for finding in findings:
        out.write(f"\n{paint(finding.severity, finding.severity)} {finding.name}\n")
        out.write(f"  {finding.problem}\n  {finding.action}\n")
    worst = findings[0].severity if findings else "fine"
    counts = {
        kind: sum(finding.severity == kind for finding in findings) for kind in ("error", "warning", "note")
    }
    found = ", ".join(f"{n} {kind}{'s' if n > 1 else ''}" for kind, n in counts.items() if n)
    out.write(f"\n{paint(found or 'nothing wrong was found', worst)}\n")
