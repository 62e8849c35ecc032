"""A frozen CLIP: frames and texts in, vectors and tokens out.

Here: the model, its backbone, batches that are full across videos. Not here: videos as files (`video`), the
adapter's own network (`adapter`).
"""
