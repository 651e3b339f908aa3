"""
Assembly: the spans of other frameworks become sessions, tasks and attempts.
"""
