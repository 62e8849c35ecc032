"""Frozen CLIP tokens on disk: written once a video, read by everything that trains.

Here: shards, the writer, swapped and mirrored copies, streams over them. Not here: training.
"""
