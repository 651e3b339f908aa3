"""
What telemetry means: decoded items -> records, or steps of foreign sessions; one file per source.
"""
