"""Many files through one model into a table that a broken run goes on with.

Here: the engine, the Ray engine, the table of embeddings and its Parquet parts, the rows of a label list.
Not here: how one file is read (`video`), what a resumable folder is (`store`).
"""
