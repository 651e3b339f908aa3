"""
What telemetry means: one file a source, from decoded items to records or to steps of foreign sessions.
"""
