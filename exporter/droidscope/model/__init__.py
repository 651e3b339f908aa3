"""
What flows between the rooms: decoded telemetry (`otlp`), the records and foreign steps made of it.
"""
