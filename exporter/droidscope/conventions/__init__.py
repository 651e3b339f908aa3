"""
Names and limits, each written once: attributes, the metric catalogue, thresholds.
"""
