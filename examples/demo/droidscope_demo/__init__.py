"""
The simulated fleet: a world of patterns and droids, orchestrators that live in it, and the demo around them.
"""
