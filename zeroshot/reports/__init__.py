"""A report as one document, and what renders it: a page, Markdown, a terminal.

Here: tables, bars, planes, lists, notes, and facts of the machine. Not here: what is said in them
(`evaluation`, `bias`, `probes`, `training`).
"""
