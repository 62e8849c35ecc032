"""The resumable folder: claimed, locked, compared in words, swept of half files, with checksums.

Here: what every folder that a run writes has in common. Not here: what lies in it.
"""
