"""How fast frames are encoded and how near that stays to the library's own float32.

Here: levels and their promises, arithmetics, threads, devices. Not here: which network it is
(`model/networks`).
"""
