"""
What people and scrapers open: /metrics, the health endpoints, the landing page and its summary.
"""
