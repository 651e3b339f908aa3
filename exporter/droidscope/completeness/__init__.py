"""
Completeness: how much of what clients emitted has arrived.
"""
