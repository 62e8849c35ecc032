"""A model with its labels as one graph in a file, and what answers with it without torch.

Here: the graph, the verb that writes and checks it, and the runtime, whose modules import no torch.
Not here: how a model embeds (`model/`), how streams are computed (`adapter/`).
"""
