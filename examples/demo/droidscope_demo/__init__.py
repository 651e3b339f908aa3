"""
A simulated fleet of orchestrators, and the demo that runs it with an exporter, Prometheus and Alertmanager.
"""
