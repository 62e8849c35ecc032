"""Biased test sets: made from videos and masks, and scored.

Here: what is put before what, and the counts of who answers by what. Not here: how a person is cut out
(`cutouts`), the arithmetic of the metrics (`statistics`).
"""
