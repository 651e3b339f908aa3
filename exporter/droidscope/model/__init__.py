"""
What flows between the rooms: decoded telemetry (`otlp`) and the records made of it (`records`).
"""
