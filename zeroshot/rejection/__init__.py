"""None of these: whether any label of a list fits a video, and thresholds with a promise.

Here: background labels, what is told of them, calibrations and their files. Not here: figures on data sets
(`evaluation/open_set.py`), and the arithmetic of thresholds and areas (`statistics/`).
"""
