"""
Recorders: each turns records of one kind into series, facts and the state of their session.
"""
