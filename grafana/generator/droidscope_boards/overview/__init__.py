"""
The Overview board: how the orchestrators do today, what runs now, trends, the best, and alerts.
"""
