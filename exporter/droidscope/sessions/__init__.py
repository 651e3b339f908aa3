"""
Sessions in memory: the state of each, while it runs and for a while after it has ended.
"""
