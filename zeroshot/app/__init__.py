"""What people and programs elsewhere talk to: a page in a browser, HTTP and MCP.

Here: how a question that arrives is read, bounded, put to a verb and answered, and how what serves starts
and ends. Not here: decoding, ranking, calibration, which are of the verbs below; what a terminal shows is `cli`.
"""
