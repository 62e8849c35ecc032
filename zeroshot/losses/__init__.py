"""What the adapter is trained by: one file a term, and the objective, which is their weighted sum.

Here: functions of what one step holds. Not here: the loop, sampling and published methods (`training`).
"""
