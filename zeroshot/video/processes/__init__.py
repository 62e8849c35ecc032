"""Decoding in processes that may crash, hang or run out of memory without taking the run along.

Here: children, the pool, the messages between. Not here: what a child does with a file (`video/decoders`).
"""
