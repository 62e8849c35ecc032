"""A person cut out of a video: where it is, what lies behind it, and how it is put before another place.

Here: finders of masks, filling, composites. Not here: which sets are made of them (`bias`, `waist`).
"""
