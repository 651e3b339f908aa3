"""
The Patterns board: efficiency, execution, bottlenecks and droid assignment of each pattern.
"""
