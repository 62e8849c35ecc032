"""Sources that go on: cameras, addresses of streams, files that grow; read in a child process.

Here: what may be watched, packets that wait within bounds, windows cut from frames as they come, both ends.
Not here: what is made of the windows (`events`), files that are finished (`video/decoders`).
"""
