"""
The Overview board: KPIs of today, running sessions, trends, top performers, alerts and telemetry.
"""
