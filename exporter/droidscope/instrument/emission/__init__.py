"""
What droidscope records on its own road: light spans, events and counts, and where they go.
"""
