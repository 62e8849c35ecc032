"""What people and programs elsewhere talk to: a page in a browser, HTTP and MCP.

Here: how a question that arrives is read, bounded, put to a verb and answered, and how what serves starts
and ends. Not here: decoding, ranking and calibration, which the verbs below have; what a terminal shows.
"""
