"""Words: label lists, templates, prompts, stages, opposites.

Here: from what a user writes to the sentences of each label. Not here: their vectors (`model`, `index`).
"""
