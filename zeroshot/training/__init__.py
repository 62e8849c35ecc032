"""Training of the adapter on cached tokens: the loop, what goes into a step, what is kept of it.

Here: batches, targets, validation, snapshots, methods by name. Not here: the terms (`losses`), the tokens
(`waist`).
"""
