"""Ways of training by name: one file a published or own method, and `table.py`, which lists them.

Here: which terms at which weights, copies, draws, the source, the figure to expect. Not here: the terms
(`losses`).
"""
