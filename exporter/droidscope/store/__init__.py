"""
What survives: the log of everything that changed the head, the ids seen, and checkpoints.

The head is a pure function of the frames in the log, so a start is the newest checkpoint plus the
replay of the frames behind it.
"""
