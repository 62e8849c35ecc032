"""CLIP networks of other libraries behind one interface: open_clip and transformers, by name or from a file.

Here: everything that knows those libraries. Not here: how fast they compute (`model/speed`).
"""
