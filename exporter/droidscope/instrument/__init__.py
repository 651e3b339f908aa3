"""
What an orchestrator calls: decorators, context managers and functions that record what its droids do.

Needs `opentelemetry-api` only; `import droidscope` is the way in.
"""
