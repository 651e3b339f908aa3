"""
What an orchestrator calls: decorators, context managers and calls that say what its droids do.

Needs `opentelemetry-api` only; `import droidscope` is the way in.
"""
