"""
The Patterns board: how well each pattern works, what holds it up, and which droids suit it.
"""
