"""Data sets as they lie on disk: their lists, splits, protocols, and the settings that papers used.

Here: who is in a split and under which label. Not here: reading of videos (`video`), scores (`evaluation`).
"""
