"""
The formulas of scores.
"""

from hypothesis import given
from hypothesis import strategies as st

from droidscope.conventions.attributes import Severity
from droidscope.instrument.reports import formulas


@given(
    st.fixed_dictionaries({severity: st.integers(0, 50) for severity in Severity}),
    st.sampled_from(list(Severity)),
)
def test_a_further_finding_never_raises_the_security_score(findings, further):
    """
    And the score stays within 0 and 100.
    """
    score = formulas.security_score(findings)
    worse = formulas.security_score({**findings, further: findings[further] + 1})

    assert 0 <= worse <= score <= 100


def test_worked_security_score():
    """
    100 - 30 - 2 x 20 - 10 - 5 x 2 = 10.
    """
    findings = {Severity.CRITICAL: 1, Severity.HIGH: 2, Severity.MEDIUM: 1, Severity.LOW: 5}

    assert formulas.security_score(findings) == 10
