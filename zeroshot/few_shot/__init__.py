"""What a few examples of each label add to the labels' words.

Here: examples as a cache and as a linear head, what leaving each out says, the file of taught labels.
Not here: which videos are examples (`teaching.py`), how K-shot figures are counted (`evaluation/`).
"""
