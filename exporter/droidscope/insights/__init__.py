"""
Insights: what the numbers mean. Pure functions from facts to alerts and verdicts.
"""
