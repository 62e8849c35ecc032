"""The verb `evaluate`: run a protocol, score, compare, calibrate, report.

Here: what happens between a split and its report. Not here: data sets (`datasets`), arithmetic
(`statistics`), how a report is drawn (`reports`).
"""
