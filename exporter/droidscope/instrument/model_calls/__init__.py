"""
Calls of models: the span around one, and what the answers of providers say it used.
"""
