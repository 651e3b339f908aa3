"""
Facts: sums by minute and by hour of what ended, from which all KPIs are computed.
"""
