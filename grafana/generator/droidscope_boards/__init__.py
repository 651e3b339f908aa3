"""
Grafana's dashboards, one function a panel.
"""
