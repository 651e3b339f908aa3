"""
The page of the alerts has them all, as they are.
"""

from __future__ import annotations

import alerts_page


def test_the_page_is_as_rendered(capsys):
    """
    An alert without a row, or with another limit, is drift; `make render` mends it.
    """
    assert alerts_page.main(["--check"]) == 0
    assert capsys.readouterr().out == ""


def test_drift_is_shown_and_mended(tmp_path, monkeypatch, capsys):
    """
    What is written by hand around the tables stays.
    """
    page = tmp_path / "alerts.md"
    page.write_text(f"Before.\n{alerts_page.BEGIN}| old |\n{alerts_page.END}After.\n")
    monkeypatch.setattr(alerts_page, "PAGE", page)

    assert alerts_page.main(["--check"]) == 1
    assert "-| old |" in capsys.readouterr().out
    assert alerts_page.main([]) == 0
    assert alerts_page.main(["--check"]) == 0
    assert page.read_text().startswith("Before.\n")
    assert page.read_text().endswith("After.\n")
