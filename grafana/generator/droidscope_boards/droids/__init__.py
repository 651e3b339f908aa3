"""
The Droids board: each droid's work, its communication, the quality of its outputs, and its usage.
"""
