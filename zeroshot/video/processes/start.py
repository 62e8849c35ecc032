"""A decoding child's first lines: it takes this very package, and nothing of the working folder.

Among videos may lie a `json.py`, an `av.py` or a `zeroshot/`, which must not run. So Python is started
isolated, this file named by its full path, and the package found by where this file lies.
"""

from __future__ import annotations

import json
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path


def main() -> None:
    """Serve; the one argument is JSON: folders to import from, and the limit of memory in bytes or null."""
    folders, memory_limit_bytes = json.loads(sys.argv[1])
    sys.path[:] = [*folders, *(folder for folder in sys.path if folder not in folders)]
    package = Path(__file__).parents[2]
    spec = spec_from_file_location(
        "zeroshot", package / "__init__.py", submodule_search_locations=[str(package)]
    )
    if spec is None or spec.loader is None:
        sys.exit(f"{package} is no package")
    sys.modules["zeroshot"] = module_from_spec(spec)
    spec.loader.exec_module(sys.modules["zeroshot"])
    from zeroshot.video.processes.child import serve

    serve(memory_limit_bytes)


if __name__ == "__main__":
    main()
