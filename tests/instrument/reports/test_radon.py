"""
Radon's reports.
"""

from pathlib import Path

COVERAGE_JSON = {
    "totals": {"covered_lines": 10, "num_statements": 16, "covered_branches": 3, "num_branches": 8},
    "files": {"a.py": {"summary": {"num_statements": 16}}},
}


def test_maintainability_is_weighted_by_length(reports, tmp_path, monkeypatch):
    """
    An empty file's 100 weighs nothing; statements from coverage come before lines of the file.
    """
    monkeypatch.chdir(tmp_path)
    Path("b.py").write_text("x = 1\n\ny = 2\n")
    Path("empty.py").write_text("")
    mi = {
        "a.py": {"mi": 50.0},
        "b.py": {"mi": 86.0},
        "empty.py": {"mi": 100.0},
        "bad.py": {"error": "syntax"},
    }

    assert reports(radon=mi, coverage=COVERAGE_JSON).code_quality == (50 * 16 + 86 * 2) / 18
    assert reports(radon={"gone.py": {"mi": 50.0}}).code_quality is None
