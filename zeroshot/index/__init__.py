"""`LabelIndex`: the vectors of a label list, searched exactly or in cells, and kept in a file.

Here: FAISS and what makes its answers trustworthy (recall, duplicates, checksums). Not here: words
(`text`), networks (`model`).
"""
