"""What a model leans on: one document of any choice of probes, for any model, on puppets or videos.

Here: the clips that all probes share, the verdict, repair by zeroing units. Not here: the questions
(`probes`).
"""
