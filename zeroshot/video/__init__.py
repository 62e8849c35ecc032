"""A video, be it a file, a folder of frames or an array: which frames are taken, and when they are shown.

Here: sampling, sources, identity, transforms. Not here: decoders and the processes that they run in, which
have rooms of their own.
"""
