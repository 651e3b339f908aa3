"""
The one road in: requests wait in a queue, and one thread takes them through every station.
"""
