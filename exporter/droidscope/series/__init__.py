"""
Cumulative series: what the counters and histograms stand at, within limits of labels and of series.
"""
