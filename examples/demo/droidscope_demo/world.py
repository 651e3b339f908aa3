"""
The simulated world: patterns, droids, gates and vocabularies, as real orchestrators have them.

Patterns, time-outs, retry rules, gates and types are those of these orchestrators. How well each
droid performs is invented, so that the demo has something to show: a droid whose retries hide its
failures (frontend-developer), a slow one (database-admin), one that answers slowly
(security-auditor) and one that makes its pattern fail (payment-integration).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from droidscope.conventions.attributes import Severity

if TYPE_CHECKING:
    from random import Random

DEFAULT_TIMEOUT_MINUTES: Final = 90
MAX_RETRIES: Final = 2
"""
Retries after the first attempt, for the droids that are retried at all.
"""
MAX_CONCURRENT_PHASES: Final = 3
DEADLINE_MINUTES: Final = 15
"""
Minutes after which a query is late.
"""
TYPICAL_SHARE: Final = 0.55
"""
Median duration of an attempt as a share of its droid's time-out.
"""
ORCHESTRATOR: Final = "orchestrator"
"""
The orchestrator as an actor: every droid may write to it.
"""


@dataclass(frozen=True, slots=True)
class Droid:
    """
    A droid and how it behaves.

    *reliability* is the probability that an attempt succeeds; *pace* multiplies the duration of its
    attempts; *reply_minutes* is its median time to an answer; *errors* are the `error.type` of its
    failures beside a time-out.
    """

    name: str
    timeout_minutes: int = DEFAULT_TIMEOUT_MINUTES
    retried: bool = False
    reliability: float = 0.95
    pace: float = 1.0
    reply_minutes: float = 1.2
    model: str = "claude-sonnet-4-5"
    tools: tuple[str, ...] = ("read", "grep", "edit", "execute")
    errors: tuple[str, ...] = ("invalid_output",)

    @property
    def max_attempts(self) -> int:
        """
        Attempts at one task before it has failed.
        """
        return 1 + MAX_RETRIES if self.retried else 1


DROIDS: Final = {
    droid.name: droid
    for droid in (
        Droid("backend-architect", 30, reliability=0.97, tools=("read", "grep", "web_search")),
        Droid("backend-typescript-architect", 45, retried=True, reliability=0.9),
        Droid("code-reviewer", 30, reliability=0.97, model="gpt-5", tools=("read", "grep")),
        Droid("database-admin", 30, reliability=0.94, pace=1.7, errors=("database_migration_failure",)),
        Droid("debugger", 25, reliability=0.96, tools=("read", "grep", "execute")),
        Droid(
            "frontend-developer", 45, retried=True, reliability=0.66, errors=("build_failed", "lint_failed")
        ),
        Droid("payment-integration", reliability=0.75, errors=("payment_webhook_timeout",)),
        Droid("performance-engineer", 40, reliability=0.95, model="gpt-5", tools=("read", "execute")),
        Droid("security-auditor", 35, reliability=0.97, reply_minutes=3.5, tools=("read", "grep", "scan")),
        Droid("test-automator", 40, retried=True, reliability=0.91, errors=("tests_failed",)),
    )
}
"""
The ten droids of the patterns, by name.
"""


@dataclass(frozen=True, slots=True)
class Model:
    """
    A model and its price in US dollars per million tokens.
    """

    name: str
    input_usd: float
    output_usd: float

    def cost_usd(self, input_tokens: int, output_tokens: int) -> float:
        """
        Price of a request in US dollars.
        """
        return (input_tokens * self.input_usd + output_tokens * self.output_usd) / 1e6


MODELS: Final = {
    model.name: model for model in (Model("claude-sonnet-4-5", 3.0, 15.0), Model("gpt-5", 1.25, 10.0))
}


@dataclass(frozen=True, slots=True)
class Gate:
    """
    A quality gate: it passes from *pass_score* of 100 on.
    """

    id: str
    category: str
    severity: Severity
    pass_score: float


SECURITY_GATE: Final = Gate("security_compliance", "security", Severity.CRITICAL, 70)
QUALITY_GATE: Final = Gate("code_quality", "quality", Severity.HIGH, 75)
COVERAGE_GATE: Final = Gate("test_coverage", "testing", Severity.HIGH, 80)
PERFORMANCE_GATE: Final = Gate("performance", "performance", Severity.MEDIUM, 70)
INTEGRATION_GATE: Final = Gate("integration_validation", "integration", Severity.CRITICAL, 75)

CONFLICT_TYPES: Final = ("api_contract", "schema", "design_pattern", "dependency", "security")
BLOCK_REASONS: Final = ("waiting for review", "waiting for credentials", "dependency not ready")


@dataclass(frozen=True, slots=True)
class Phase:
    """
    A phase: its droids work in parallel.

    *auto_select* are those of which one is chosen per session; then *droids* is empty. *gates* are
    evaluated at the end of the phase.
    """

    id: str
    name: str
    task_type: str
    droids: tuple[str, ...] = ()
    auto_select: tuple[str, ...] = ()
    gates: tuple[Gate, ...] = ()

    @property
    def budget_minutes(self) -> int:
        """
        The longest time-out among its droids: an upper bound of the phase, not its typical time.
        """
        if self.auto_select:
            return DEFAULT_TIMEOUT_MINUTES
        return max(DROIDS[name].timeout_minutes for name in self.droids)

    def assign(self, random: Random) -> tuple[Droid, ...]:
        """
        The droids of one run of the phase: its own, or one chosen.
        """
        names = (random.choice(self.auto_select),) if self.auto_select else self.droids
        return tuple(DROIDS[name] for name in names)


@dataclass(frozen=True, slots=True)
class Pattern:
    """
    A task pattern: phases in strict order. *weight* is how often it is asked for.
    """

    id: str
    name: str
    phases: tuple[Phase, ...]
    weight: int = 1

    @property
    def budget_minutes(self) -> int:
        """
        Sum of its phases' budgets.
        """
        return sum(phase.budget_minutes for phase in self.phases)

    def dependencies(self, phase: Phase) -> tuple[str, ...]:
        """
        Ids of the phases that *phase* follows: the one before it, as every pattern is a chain.
        """
        index = self.phases.index(phase)
        return tuple(one.id for one in self.phases[:index][-1:])


_BUILDERS = ("backend-typescript-architect", "frontend-developer")
_TESTERS = ("test-automator", "performance-engineer")
_FIXERS = ("backend-typescript-architect", "frontend-developer", "database-admin")

PATTERNS: Final = {
    pattern.id: pattern
    for pattern in (
        Pattern(
            "full-stack-feature",
            "Full Stack Feature Implementation",
            (
                Phase(
                    "phase-1-architecture", "Architecture & Design", "architecture", ("backend-architect",)
                ),
                Phase(
                    "phase-2-security-review",
                    "Security Review",
                    "security",
                    ("security-auditor",),
                    gates=(SECURITY_GATE,),
                ),
                Phase(
                    "phase-3-implementation",
                    "Core Implementation",
                    "implementation",
                    _BUILDERS,
                    gates=(QUALITY_GATE,),
                ),
                Phase("phase-4-testing", "Testing", "testing", ("test-automator",), gates=(COVERAGE_GATE,)),
                Phase(
                    "phase-5-review", "Code Review", "review", ("code-reviewer",), gates=(INTEGRATION_GATE,)
                ),
            ),
            weight=4,
        ),
        Pattern(
            "bug-fix",
            "Bug Fix Workflow",
            (
                Phase("phase-1-diagnosis", "Diagnosis", "diagnosis", ("debugger",)),
                Phase(
                    "phase-2-fix",
                    "Implementation",
                    "implementation",
                    auto_select=_FIXERS,
                    gates=(QUALITY_GATE,),
                ),
                Phase(
                    "phase-3-testing", "Verification", "testing", ("test-automator",), gates=(COVERAGE_GATE,)
                ),
            ),
            weight=6,
        ),
        Pattern(
            "authentication-system",
            "Authentication Implementation",
            (
                Phase("phase-1-security-design", "Security Design", "security", ("security-auditor",)),
                Phase("phase-2-architecture", "Architecture", "architecture", ("backend-architect",)),
                Phase(
                    "phase-3-implementation",
                    "Implementation",
                    "implementation",
                    _BUILDERS,
                    gates=(QUALITY_GATE,),
                ),
                Phase(
                    "phase-4-security-validation",
                    "Security Validation",
                    "security",
                    ("security-auditor",),
                    gates=(SECURITY_GATE,),
                ),
                Phase("phase-5-testing", "Testing", "testing", ("test-automator",), gates=(COVERAGE_GATE,)),
            ),
            weight=2,
        ),
        Pattern(
            "payment-processing",
            "Payment System Implementation",
            (
                Phase(
                    "phase-1-security-requirements",
                    "Security Requirements",
                    "security",
                    ("security-auditor",),
                ),
                Phase("phase-2-architecture", "Architecture", "architecture", ("backend-architect",)),
                Phase(
                    "phase-3-core-implementation",
                    "Core Implementation",
                    "implementation",
                    ("payment-integration", "database-admin"),
                    gates=(QUALITY_GATE,),
                ),
                Phase(
                    "phase-4-ui-implementation",
                    "UI Implementation",
                    "implementation",
                    ("frontend-developer",),
                    gates=(QUALITY_GATE,),
                ),
                Phase(
                    "phase-5-security-hardening",
                    "Security Hardening",
                    "security",
                    ("security-auditor",),
                    gates=(SECURITY_GATE,),
                ),
                Phase(
                    "phase-6-testing",
                    "Testing",
                    "testing",
                    _TESTERS,
                    gates=(COVERAGE_GATE, PERFORMANCE_GATE),
                ),
                Phase(
                    "phase-7-review", "Code Review", "review", ("code-reviewer",), gates=(INTEGRATION_GATE,)
                ),
            ),
            weight=2,
        ),
        Pattern(
            "api-refactoring",
            "API Refactoring",
            (
                Phase(
                    "phase-1-analysis", "Analysis", "analysis", ("performance-engineer", "backend-architect")
                ),
                Phase("phase-2-design", "Design", "architecture", ("backend-architect",)),
                Phase(
                    "phase-3-implementation",
                    "Implementation",
                    "implementation",
                    ("backend-typescript-architect", "database-admin"),
                    gates=(QUALITY_GATE,),
                ),
                Phase(
                    "phase-4-testing",
                    "Testing",
                    "testing",
                    _TESTERS,
                    gates=(COVERAGE_GATE, PERFORMANCE_GATE),
                ),
                Phase(
                    "phase-5-review", "Code Review", "review", ("code-reviewer",), gates=(INTEGRATION_GATE,)
                ),
            ),
            weight=2,
        ),
        Pattern(
            "database-optimization",
            "Database Optimization",
            (
                Phase("phase-1-analysis", "Analysis", "analysis", ("database-admin",)),
                Phase("phase-2-optimization", "Optimization", "implementation", ("database-admin",)),
                Phase(
                    "phase-3-testing",
                    "Testing",
                    "testing",
                    _TESTERS,
                    gates=(COVERAGE_GATE, PERFORMANCE_GATE),
                ),
            ),
            weight=2,
        ),
        Pattern(
            "security-audit",
            "Security Audit & Remediation",
            (
                Phase("phase-1-audit", "Audit", "security", ("security-auditor",)),
                Phase("phase-2-fixes", "Fixes", "implementation", auto_select=_FIXERS, gates=(QUALITY_GATE,)),
                Phase(
                    "phase-3-validation",
                    "Validation",
                    "testing",
                    ("security-auditor", "test-automator"),
                    gates=(SECURITY_GATE, COVERAGE_GATE),
                ),
            ),
            weight=1,
        ),
    )
}
"""
The seven patterns, by id. Phase ids repeat across them with another meaning.
"""
