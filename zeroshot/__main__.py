"""`python -m zeroshot` is the command `zeroshot`."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

if __name__ == "__main__":
    # Python puts the working folder first, where a `json.py` may lie among somebody's videos. The package
    # itself is found already.
    with suppress(OSError):  # there is no working folder any more
        if not sys.flags.safe_path and os.path.realpath(sys.path[0]) == os.path.realpath(os.curdir):
            del sys.path[0]
    from zeroshot.cli.main import program

    program()
