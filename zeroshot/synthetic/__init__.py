"""The puppet world: videos of stick people whose every factor is known.

Here: poses, scenes, cameras, the renderer, data sets with a coupling. Not here: anything that needs a
network.
"""
