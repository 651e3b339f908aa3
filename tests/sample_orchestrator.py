"""
A small orchestrator for end-to-end tests: decorated functions, deterministic sessions, every kind of record.

    python tests/sample_orchestrator.py --sessions 6 --fail-every 2

It sends OTLP to OTEL_EXPORTER_OTLP_ENDPOINT and prints what it did as JSON: a list of series, each
with the name, labels and value that /metrics must show.

Session n, counted from 1: every third meets a schema conflict, every fourth fails a gate, and every
--fail-every'th fails, after three attempts of --droid. Each one has a query in time, a late and an
unanswered one. A completed one reports --findings high security findings and --quality of ten for the
code. With --wait, the last one stays in the middle of an attempt until standard input ends.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from contextlib import suppress
from dataclasses import dataclass

import droidscope as ds
from droidscope.conventions import metrics as m
from droidscope_demo.truth import Truth

PATTERN = "sample-feature"
DESIGN, BUILD, REVIEW = "phase-1-design", "phase-2-build", "phase-3-review"
ARCHITECT = "backend-architect"
MODEL = "claude-sonnet-4-5"
MAX_ATTEMPTS = 3
LATE_DEADLINE = 0.01
SCHEMA_CONFLICT_EVERY = 3
GATE_FAILED_EVERY = 4


class BuildFailedError(Exception):
    """
    The droid's build does not work.
    """


BUILD_FAILED = f"{BuildFailedError.__module__}.{BuildFailedError.__qualname__}"
"""
The `error.type` of a failed build.
"""


@dataclass(frozen=True)
class Plan:
    """
    What to do: *fail_every* 0 is never.
    """

    service: str = "sample"
    sessions: int = 6
    fail_every: int = 0
    droid: str = "frontend-developer"
    findings: int = 1
    quality: float = 8.5
    wait: bool = False


class SampleOrchestrator:
    """
    Designs, builds and reviews; *truth* counts what it has done.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.truth = Truth(plan.service)

    def run(self) -> None:
        """
        All sessions, one after the other.
        """
        for number in range(1, self.plan.sessions + 1):
            self.truth.add(m.SESSIONS_STARTED, PATTERN)
            with suppress(BuildFailedError):
                self.session(number)
            self.truth.add(m.SESSIONS, PATTERN, "failed" if self.fails(number) else "completed")
            self.truth.observe(m.SESSION_DURATION, PATTERN, "failed" if self.fails(number) else "completed")

    def fails(self, number: int) -> bool:
        """
        Whether session *number* fails.
        """
        return self.plan.fail_every > 0 and number % self.plan.fail_every == 0

    @ds.session(PATTERN, name="Sample Feature", plan=[DESIGN, BUILD, REVIEW], planned=0.2)
    def session(self, number: int) -> None:
        """
        Session *number*, from design to synthesis.
        """
        self.design()
        ds.progress(1 / 3)
        try:
            self.build(number)
        except BuildFailedError:
            self.skip_review()
            raise
        ds.progress(2 / 3)
        self.review(number)
        ds.progress(1)
        self.synthesize(number)

    @ds.phase(DESIGN, planned=0.05)
    def design(self) -> None:
        """
        One task without attempts of its own: it counts as one.
        """
        self.draw_up()
        self.truth.add(m.PHASES, PATTERN, DESIGN, "completed")
        self.truth.observe(m.PHASE_DURATION, PATTERN, DESIGN)
        self.truth.add(m.TASKS, ARCHITECT, "architecture", "completed")
        self.truth.add(m.ASSIGNMENTS, PATTERN, ARCHITECT, "completed")
        self.truth.add(m.ATTEMPTS, ARCHITECT, "architecture", "succeeded")
        self.truth.observe(m.TASK_DURATION, ARCHITECT, "architecture")

    @ds.task(ARCHITECT, "architecture")
    def draw_up(self) -> None:
        """
        A design, told to all.
        """
        self.use_tool(ARCHITECT, "read", fails=False)
        ds.output(code_quality=ds.ten(9.0), files_created=1)
        ds.tell(ARCHITECT, type="discovery")
        self.truth.observe(m.CODE_QUALITY, PATTERN, ARCHITECT, "architecture")
        self.truth.add(m.FILES_CREATED, ARCHITECT)
        self.count_message(ARCHITECT, "", "discovery", "accepted")

    def build(self, number: int) -> None:
        """
        The build phase, and what became of it.
        """
        try:
            self.build_phase(number)
        except BuildFailedError:
            self.truth.add(m.PHASES, PATTERN, BUILD, "failed")
            self.truth.add(m.FAILURES, PATTERN, BUILD, BUILD_FAILED)
            raise
        self.truth.add(m.PHASES, PATTERN, BUILD, "completed")
        self.truth.observe(m.PHASE_DURATION, PATTERN, BUILD)

    @ds.phase(BUILD, depends_on=[DESIGN], planned=0.1)
    def build_phase(self, number: int) -> None:
        """
        Blocked at first; then a conflict in every third session, and the droid's task.
        """
        with ds.blocked("waiting for the design"):
            time.sleep(0.001)
        if number % SCHEMA_CONFLICT_EVERY == 0:
            ds.conflict("schema", severity="high")
            self.truth.add(m.CONFLICTS, PATTERN, BUILD, "schema")
        self.implement(number)

    def implement(self, number: int) -> None:
        """
        The droid's task, and what became of it.
        """
        droid, outcome = self.plan.droid, "failed" if self.fails(number) else "completed"
        try:
            with ds.task(droid, "implementation"):
                self.talk(droid)
                self.try_to_build(number)
        finally:
            self.truth.add(m.TASKS, droid, "implementation", outcome)
            self.truth.add(m.ASSIGNMENTS, PATTERN, droid, outcome)
        self.truth.observe(m.TASK_DURATION, droid, "implementation")

    def try_to_build(self, number: int) -> None:
        """
        Attempt after attempt until one succeeds or none is left.
        """
        for attempt in range(1, MAX_ATTEMPTS + 1):
            try:
                self.attempt(number)
            except BuildFailedError:
                self.count_attempt(attempt, "failed")
                if attempt == MAX_ATTEMPTS:
                    raise
            else:
                self.count_attempt(attempt, "succeeded")
                return

    @ds.attempt
    def attempt(self, number: int) -> None:
        """
        One try; what it produces is attached to it.
        """
        droid, findings = self.plan.droid, self.plan.findings
        ds.output(model=MODEL, input_tokens=1000, output_tokens=200, cost_usd=0.006)
        self.truth.add(m.TOKENS, droid, MODEL, "input", amount=1000)
        self.truth.add(m.TOKENS, droid, MODEL, "output", amount=200)
        self.truth.add(m.COST, PATTERN, droid, MODEL, amount=0.006)
        self.use_tool(droid, "execute", fails=self.fails(number))
        if self.plan.wait and number == self.plan.sessions:
            sys.stdin.read()
        if self.fails(number):
            msg = "the build does not work"
            raise BuildFailedError(msg)
        ds.output(
            files_created=3,
            code_quality=ds.ten(self.plan.quality),
            test_coverage=ds.percent(94),
            security=ds.ten(9.1),
            findings={"high": findings},
            issues={"no-unused-vars": 2},
        )
        self.truth.add(m.FILES_CREATED, droid, amount=3)
        self.truth.add(m.SECURITY_FINDINGS, droid, "high", amount=findings)
        self.truth.observe(m.CODE_QUALITY, PATTERN, droid, "implementation")
        self.truth.observe(m.TEST_COVERAGE, droid)
        self.truth.observe(m.SECURITY, droid)

    def talk(self, droid: str) -> None:
        """
        One query in time, one late, one never answered; a message accepted and one rejected.
        """
        with ds.ask(droid, ARCHITECT, deadline=900):
            pass
        self.count_query(droid, "answered")
        with ds.ask(droid, ARCHITECT, deadline=LATE_DEADLINE):
            time.sleep(2 * LATE_DEADLINE)
        self.count_query(droid, "late")
        with ds.ask(droid, ARCHITECT, deadline=900) as query:
            query.unanswered()
        self.count_query(droid, "unanswered")
        ds.tell(droid, ARCHITECT)
        self.count_message(droid, ARCHITECT, "coordination", "accepted")
        ds.tell(droid, ARCHITECT, rejected=True)
        self.count_message(droid, ARCHITECT, "coordination", "rejected")

    def use_tool(self, droid: str, tool: str, *, fails: bool) -> None:
        """
        One call of *tool*.
        """
        with suppress(OSError), ds.tool(tool):
            if fails:
                raise OSError
        self.truth.add(m.TOOL_CALLS, droid, tool, "failed" if fails else "succeeded")

    @ds.phase(REVIEW, depends_on=[BUILD], planned=0.05)
    def review(self, number: int) -> None:
        """
        A phase of gates alone.
        """
        passes = number % GATE_FAILED_EVERY != 0
        with ds.gate("security_compliance", category="security", severity="critical") as gate:
            gate.passed(ds.ten(8.5))
        with ds.gate("code_quality", category="quality", severity="high") as gate:
            (gate.passed if passes else gate.failed)(ds.ten(8 if passes else 6))
        self.truth.add(m.GATE_RESULTS, PATTERN, "security_compliance", "passed")
        self.truth.add(m.GATE_RESULTS, PATTERN, "code_quality", "passed" if passes else "failed")
        self.truth.add(m.PHASES, PATTERN, REVIEW, "completed")
        self.truth.observe(m.PHASE_DURATION, PATTERN, REVIEW)

    def skip_review(self) -> None:
        """
        Nothing to review.
        """
        with ds.phase(REVIEW, depends_on=[BUILD]) as phase:
            phase.skip()
        self.truth.add(m.PHASES, PATTERN, REVIEW, "skipped")

    def synthesize(self, number: int) -> None:
        """
        The integration of the results.
        """
        conflicts = int(number % SCHEMA_CONFLICT_EVERY == 0)
        with ds.synthesis() as synthesis:
            synthesis.integrated(conflicts=conflicts, missing_components=0)
        gates_passed = number % GATE_FAILED_EVERY != 0
        outcome = "conflict" if conflicts else "integrated" if gates_passed else "gate_failed"
        self.truth.add(m.SYNTHESES, PATTERN, outcome)

    def count_attempt(self, number: int, outcome: str) -> None:
        """
        Count one attempt of the droid.
        """
        self.truth.add(m.ATTEMPTS, self.plan.droid, "implementation", outcome)
        if number > 1:
            self.truth.add(m.RETRIES, self.plan.droid, "implementation")

    def count_query(self, sender: str, outcome: str) -> None:
        """
        Count one query to the architect.
        """
        self.count_message(sender, ARCHITECT, "query", outcome)
        self.truth.add(m.QUERIES, ARCHITECT, outcome)
        if outcome in {"answered", "late"}:
            self.truth.observe(m.QUERY_RESPONSE, ARCHITECT)

    def count_message(self, sender: str, receiver: str, type_: str, outcome: str) -> None:
        """
        Count one message.
        """
        self.truth.add(m.MESSAGES, sender, type_, outcome)
        self.truth.add(m.MESSAGE_EDGES, sender, receiver)


def main() -> int:
    """
    Run the plan of the command line; returns 1 if sending the last telemetry took too long.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--service", default=Plan.service)
    parser.add_argument("--sessions", type=int, default=Plan.sessions)
    parser.add_argument("--fail-every", type=int, default=Plan.fail_every)
    parser.add_argument("--droid", default=Plan.droid)
    parser.add_argument("--findings", type=int, default=Plan.findings)
    parser.add_argument("--quality", type=float, default=Plan.quality)
    parser.add_argument("--wait", action="store_true")
    plan = Plan(**vars(parser.parse_args()))
    ds.configure(service_name=plan.service)
    orchestrator = SampleOrchestrator(plan)
    orchestrator.run()
    sent = ds.shutdown(30)
    json.dump(list(orchestrator.truth.samples()), sys.stdout)
    return 0 if sent else 1


if __name__ == "__main__":
    sys.exit(main())
