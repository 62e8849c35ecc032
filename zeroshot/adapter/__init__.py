"""The two-stream adapter on frozen CLIP tokens: what stands still, and what changes.

Here: its config, its two streams, the detectors of direction. Not here: what it is trained by (`losses`,
`training`), how it is saved (`checkpoint.py`).
"""
