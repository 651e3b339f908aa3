"""
The span around each call of a decorated function, whatever kind of function it is and whatever it returns.
"""
