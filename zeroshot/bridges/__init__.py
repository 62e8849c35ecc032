"""What other libraries ask of a video model, answered by the verbs of this one: a file a library.

Here: FiftyOne, mteb, torch's data loaders, Ray Data, Daft; each is imported when it is used.
Not here: decoding, ranking, embedding: a bridge calls them.
"""
