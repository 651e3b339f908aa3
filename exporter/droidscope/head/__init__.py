"""
What is known now, in memory: open sessions, cumulative series, minute windows of facts.
"""
