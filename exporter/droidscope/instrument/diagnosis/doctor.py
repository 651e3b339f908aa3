"""
`droidscope doctor`: the checks for a person at a terminal, in the environment of an orchestrator or beside an
exporter.

Without click, which comes with the extra exporter only: an orchestrator's environment need not have that.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Final, TextIO

from droidscope.errors import ConfigError
from droidscope.instrument.diagnosis import exporter_state, variables
from droidscope.instrument.diagnosis.findings import Finding, attempted, error
from droidscope.instrument.diagnosis.process import check_propagators, check_targets, worst_first
from droidscope.instrument.diagnosis.refusals import check_refusals
from droidscope.instrument.diagnosis.targets import Target, targets
from droidscope.instrument.emission.sink import Destination
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
    if isinstance(out, io.TextIOWrapper):  # a variable may hold what a terminal cannot show
        out.reconfigure(errors="backslashreplace")
    options = _parser().parse_args(arguments)
    chosen: list[Target] = []
    findings = worst_first(attempted("this environment", lambda: _findings(options, chosen, os.environ)))
    try:
        if options.json:
            out.write(json.dumps([asdict(finding) for finding in findings], indent=2) + "\n")
        else:
            _write(out, chosen, findings)
        out.flush()
    except BrokenPipeError:  # who reads has seen enough; else the interpreter complains when it flushes
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())
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
    options: argparse.Namespace, chosen: list[Target], environment: Mapping[str, str]
) -> Iterator[Finding]:
    yield from attempted("the packages", variables.check_packages)
    yield from attempted("the interpreter", variables.check_interpreter)
    yield from attempted("the variables", lambda: variables.check_variables(environment, options.endpoint))
    yield from attempted("OTEL_PROPAGATORS", lambda: check_propagators(environment))
    yield from attempted("the service name", lambda: variables.check_service_name(environment))
    chosen.extend(targets(environment, options.endpoint, options.protocol))
    way = list(check_targets(chosen, send=not options.offline))
    yield from way
    destination = Destination(options.endpoint, options.protocol)
    yield from attempted("what configure refuses", lambda: check_refusals(destination, environment, way))
    if not options.offline:
        name = variables.service_name(environment)
        yield from attempted("the exporter", lambda: _check_pages(options.url, name))


def _check_pages(given: str | None, name: str | None) -> Iterator[Finding]:
    try:
        url = exporter_url(given)
    except ConfigError as failure:
        yield error("no_url", f"{failure}.", f"Correct it, or {URL_VARIABLE}.")
        return
    yield from exporter_state.check_exporter(url, name)


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
