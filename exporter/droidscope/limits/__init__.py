"""
The limits in force: the defaults of `conventions`, and what a file of the user changes of them.

Rules, the exporter's own alerts and boards all read them from here.
"""
