"""
Measures reports that a test writes.
"""

import json

import pytest

from droidscope.instrument.reports.measures import measure


@pytest.fixture
def reports(tmp_path):
    """
    Writes reports by name and measures them; faults would fail the test.
    """

    def measure_all(**contents):
        paths = {}
        for name, several in contents.items():
            listed = several if isinstance(several, list) else [several]
            paths[name] = [tmp_path / f"{name}-{number}" for number in range(len(listed))]
            for path, content in zip(paths[name], listed, strict=True):
                path.write_text(content if isinstance(content, str) else json.dumps(content))
        faults = []
        measures = measure(paths, lambda path, fault: faults.append((path, fault)))
        assert not faults
        return measures

    return measure_all
