"""`python -m zeroshot` is the command `zeroshot`."""

from __future__ import annotations

from zeroshot.cli.main import main

if __name__ == "__main__":
    main()
