"""Checkpoint folders on the model hub: fetched at a commit that is named, and pushed file by file.

Here: which files a checkpoint consists of, names as `hub:ORG/NAME@REVISION`, fetching, cards, pushing.
Not here: files of other libraries' models (`model/networks/fetch.py`), or what is in a checkpoint.
"""
