"""
The metrics page: `text` renders families, `page` puts them together and isolates their faults.
"""
