"""
For orchestrators that exist already: a mixin for their class, sessions that callbacks start and end by id,
verdicts read from results, and the exporter's answers about them.
"""
