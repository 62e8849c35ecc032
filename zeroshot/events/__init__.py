"""Events: where a label begins and ends in a video, in one that is recorded and in one that goes on.

Here: the rule that joins windows to events, finer ends, a live source watched, and files for other tools.
Not here: how well events are found (`evaluation`), decoding (`video`), printing (`cli`).
"""
