"""Metrics and intervals: counts first, ratios from the counts, an interval with every figure.

Here: arithmetic on counts. Not here: where counts come from.
"""
