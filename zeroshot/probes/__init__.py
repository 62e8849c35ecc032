"""What a model leans on, a file a probe: each asks any model a question and gives a finding.

Here: questions and their numbers. Not here: how a finding is drawn (`reports`).
"""
