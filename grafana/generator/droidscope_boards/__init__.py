"""
The Grafana dashboards, one function for each panel.
"""
