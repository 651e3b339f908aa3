"""
Key performance indicators: facts summed over minute windows, and pure functions of them.
"""
