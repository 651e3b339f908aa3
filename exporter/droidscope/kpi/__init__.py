"""
Key performance indicators: the formulas, as pure functions of the totals of a window.
"""
