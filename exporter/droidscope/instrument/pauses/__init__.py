"""
Times in which work stands still: a session that waits for a person, a phase that is blocked.
"""
