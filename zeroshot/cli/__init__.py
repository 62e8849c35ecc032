"""The command line: a file a verb, which says its options, calls one Python function and prints.

Here: grammar and printing. Not here: anything that Python users could want; a verb without its function is
a mistake.
"""
