"""
Insights: bottlenecks, recommendations, trends and alerts, computed from the facts of a window.
"""
