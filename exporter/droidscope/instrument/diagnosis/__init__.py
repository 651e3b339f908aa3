"""
Why nothing arrives: what is wrong with the set-up of a process, on the way to the exporter, and there.

Nothing here needs more than the standard library and `opentelemetry-api`: it finds out what is missing.
"""
