"""
What users give to the instrumentation, checked; and where in their code they gave it.
"""
