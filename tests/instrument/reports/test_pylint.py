"""
Pylint's reports.
"""


def test_pylint_scores_itself(reports):
    """
    Its score of ten, times ten, with its symbols as issues.
    """
    report = {"messages": [{"symbol": "unused-import"}] * 2, "statistics": {"score": 8.75}}

    measures = reports(pylint=report)

    assert measures.code_quality == 87.5
    assert measures.issues == {"unused-import": 2}


def test_pylint_without_a_score_scores_nothing(reports):
    """
    As after a fatal error.
    """
    assert reports(pylint={"messages": [], "statistics": {"score": None}}).code_quality is None
