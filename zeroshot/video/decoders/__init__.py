"""Decoders: from a file and moments in seconds to frames, the same ones that ffmpeg shows.

Here: PyAV, decord and the distrust of it, clocks and packets. Not here: processes (`video/processes`).
"""
