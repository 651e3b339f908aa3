"""
How blocks end: by themselves, cancelled or failed; and the texts of the exceptions that ended them.
"""
