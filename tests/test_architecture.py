"""The house: floors, doors and the size of rooms, read from the syntax trees."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import zeroshot

PACKAGE = Path(__file__).parents[1] / "zeroshot"
MODULES = sorted(PACKAGE.rglob("*.py"))

FLOORS = {
    "types": 0, "errors": 0, "resources": 0, "notebook": 0,
    "statistics": 1, "store": 1,
    "reports": 2, "video": 2, "text": 2, "index": 2, "adapter": 2, "losses": 2,
    "model": 3, "datasets": 3, "synthetic": 3, "few_shot": 3,
    "batch": 4, "checkpoint": 4, "checks": 4, "cutouts": 4, "events": 4, "rejection": 4,
    "classifier": 5, "video_search": 5, "teaching": 5, "waist": 5,
    "evaluation": 6, "exported": 6, "probes": 6, "training": 6, "stream_answers": 6,
    "bias": 7, "auditing": 7, "verbs": 7, "calibrating": 7,
    "app": 8, "bridges": 8,
    "cli": 9,
    "__init__": 10, "__main__": 10,
}  # fmt: skip
TOP = max(FLOORS.values())

DOORS = {
    "decord": "video", "av": "video", "faiss": "index", "open_clip": "model", "transformers": "model",
    "torchvision": "cutouts", "pyarrow": "batch", "ray": "batch", "huggingface_hub": "model",
    "matplotlib": "reports", "accelerate": "training", "typer": "cli", "click": "cli", "rich": "cli",
    "gradio": "app", "fastapi": "app", "starlette": "app", "uvicorn": "app", "h11": "app",
    "mcp": "app", "mcp_types": "app", "pydantic": "app", "pydantic_core": "app",
    "filelock": "store", "fsspec": "video", "tqdm": "model",
    "onnx": "exported", "onnxruntime": "exported", "openvino": "exported",
    "fiftyone": "bridges", "mteb": "bridges", "daft": "bridges",
}  # fmt: skip
# scipy has two doors: what one room counts (regions of a mask) the other does not know (Student's t).
SEVERAL_DOORS = {"scipy": {"cutouts", "statistics"}}

# What people choose when they begin: each choice a word of its own, none hidden in a bag.
FRONT_DOORS = {"load", "load_model", "timeline", "synthesize"}

BANNED = {"utils", "common", "helper", "helpers", "manager", "handler", "misc", "cfg", "args"}


def room(path: Path) -> str:
    """The folder or file directly under the package that a module belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@cache
def tree_of(module: Path) -> ast.Module:
    """The syntax of a module, read once for all tests of it."""
    return ast.parse(module.read_text())


BLOCKS = (ast.If, ast.For, ast.While, ast.With, ast.Try, ast.Match)


def nesting(node: ast.AST) -> int:
    """Deepest nesting of blocks under a node, functions inside it aside; elif is no deeper than if."""
    deepest = 0
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.ClassDef | ast.Lambda):
            continue
        chained = isinstance(node, ast.If) and isinstance(child, ast.If) and node.orelse == [child]
        deepest = max(deepest, nesting(child) + (isinstance(child, BLOCKS) and not chained))
    return deepest


def imports(tree: ast.AST) -> set[str]:
    """Dotted names that a module imports anywhere, also inside functions and for types alone."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
            assert node.level == 0, "relative imports hide the floor"
    return found


def of_every_module(check):
    """One test for all modules, which names each that fails: a test for each would be a quarter of all."""

    def test() -> None:
        wrong = []
        for module in MODULES:
            try:
                check(module)
            except AssertionError as error:
                wrong.append(f"{module.relative_to(PACKAGE)}: {error}")
        assert not wrong, "\n".join(wrong)

    return test


@of_every_module
def test_every_room_has_a_floor(module):
    assert room(module) in FLOORS


@of_every_module
def test_imports_go_down(module):
    here = room(module)
    for name in imports(tree_of(module)):
        if not name.startswith("zeroshot"):
            continue
        parts = name.split(".")
        assert len(parts) > 1, f"{module} imports the package root"
        there = parts[1]
        assert there in FLOORS, f"{module} imports {name}: the package root"
        lower = FLOORS[there] < FLOORS[here] or FLOORS[here] == TOP
        ground = FLOORS[there] == FLOORS[here] == 0  # the nouns may raise errors
        assert there == here or lower or ground, f"{module} (floor {FLOORS[here]}) imports {name}"


@of_every_module
def test_third_parties_come_through_their_door(module):
    for name in imports(tree_of(module)):
        library = name.split(".")[0]
        doors = SEVERAL_DOORS.get(library) or {DOORS.get(library, room(module))}
        assert room(module) in doors, f"{module} imports {name}, whose door is {' or '.join(doors)}"


@of_every_module
def test_rooms_are_small(module):
    text = module.read_text()
    assert len(text.splitlines()) <= 400
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            parameters = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
            assert node.end_lineno - node.lineno < 60, f"{module}: {node.name} is too long"
            assert (
                len([name for name in parameters if name not in {"self", "cls"}]) <= 8
                or room(module) == "cli"
                or node.name in FRONT_DOORS
            )
            assert nesting(node) <= 3, f"{module}: {node.name} is nested too deep"
            assert node.args.kwarg is None, f"{module}: {node.name} passes keywords through"
            assert not BANNED & {node.name, *parameters}, f"{module}: {node.name} uses a banned name"
        assert not isinstance(node, ast.Assert), f"{module}: assert outside tests"


def test_no_room_has_the_name_of_something_public():
    """Importing anything from such a room would put the room in the place of the function."""
    rooms = {path.stem for path in PACKAGE.iterdir()} - {"__init__"}
    assert not rooms & set(zeroshot.__all__)


def test_a_room_opens_with_what_lives_there_and_nothing_else():
    for path in PACKAGE.rglob("*/__init__.py"):
        if path.parent != PACKAGE:
            words, *more = ast.parse(path.read_text()).body
            assert not more, f"{path} should hold a docstring and nothing else"
            text = words.value.value
            for words in ("Here:", "Not here:"):
                assert words in text, f"{path} says too little"


def test_file_names():
    assert not BANNED & {path.stem for path in MODULES}


def test_a_test_file_is_found_for_each_module():
    """In tests/ROOM/ one is called after it, imports it, or names it in its docstring (`Covers: …`)."""
    tests = Path(__file__).parent
    for path in MODULES:
        here = path.relative_to(PACKAGE).with_suffix("")
        if path.name in {"__init__.py", "__main__.py"}:
            continue
        dotted = ".".join(("zeroshot", *here.parts))
        words = (str(here), dotted, f"from {dotted.rpartition('.')[0]} import {path.stem}")
        alone = len(here.parts) == 1
        there = tests.glob("test_*.py") if alone else (tests / here.parts[0]).rglob("test_*.py")
        found = [
            test
            for test in there
            if test.stem == f"test_{path.stem}" or any(word in test.read_text() for word in words)
        ]
        assert found, f"no test file for {here}.py: expected one in tests/{'/'.join(here.parts[:-1])}"


def test_no_module_waits_for_another_that_waits_for_it():
    graph = {}
    for path in MODULES:
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        graph[name] = imports(tree_of(path))
    edges = {
        name: {
            other
            for other in graph
            if other != name and any(i == other or i.startswith(other + ".") for i in used)
        }
        - {"zeroshot"}
        for name, used in graph.items()
    }
    while leaves := [name for name, used in edges.items() if not used]:
        for leaf in leaves:
            del edges[leaf]
        for used in edges.values():
            used.difference_update(leaves)
    assert not edges, f"a cycle among {sorted(edges)}"
