"""What a browser sees: the page of `zeroshot app`.

Here: the page and its server, which ask the verbs and show what they answer.
Not here: anything that decodes, ranks or calibrates, and the command line.
"""
