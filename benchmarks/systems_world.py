"""The puppet worlds of the table of all methods: today's actions, other persons, other videos than anywhere.

Settings are chosen in scenes that the test lacks. One place a person for the reading of scenes, since
every row is asked.
"""

from __future__ import annotations

from dataclasses import replace

from debias_world import World, WorldSize, plain_world

SIZES = (WorldSize(720, 100, 20, 1), WorldSize(280, 60, 10, 1), WorldSize(80, 40, 4, 1))
"""How many videos in full runs, in those by which settings are chosen, and in tiny ones."""


def systems_world(places: tuple[int, ...], base: int) -> World:
    """Seen and unseen actions as in the debiasing benchmark, at these places."""
    return replace(plain_world(places, base), sizes=SIZES)
