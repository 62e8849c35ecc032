"""An installation without any extra: what needs one says so in one line, with the command that brings it.

Covers: resources.require_installed, where each verb and each bridge asks it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
EXTRAS = (
    *("accelerate", "matplotlib", "ray", "gradio", "fastapi", "starlette", "uvicorn", "python_multipart"),
    *("mcp", "onnx", "onnxscript", "onnxruntime", "openvino", "daft", "fiftyone", "mteb"),
)
VIDEO, MODEL = str(EXAMPLES / "clips" / "waving_beach.mp4"), ("--model", "puppet-tiny")
CASES = {
    "app": (["app"], "gradio and uvicorn", "[app]'"),
    "serve": (["serve", *MODEL], "starlette, uvicorn, python_multipart and mcp", "[serve]'"),
    "serve --mcp": (["serve", "--mcp", *MODEL], "starlette, uvicorn, python_multipart and mcp", "[serve]'"),
    "export": (
        ["export", "puppet-tiny", "--labels", "a, b", "--output", "out.onnx"],
        "onnx, onnxscript and onnxruntime",
        "[export]'",
    ),
    "export --as openvino": (
        ["export", "puppet-tiny", "--labels", "a, b", "--output", "out.xml"],
        "onnx, onnxscript and openvino",
        "[openvino]'",
    ),
    "embed --engine ray": (["embed", VIDEO, "--output", "out", "--engine", "ray", *MODEL], "ray", "[ray]'"),
    "train": (["train", "videos.csv", "--output", "out", *MODEL], "accelerate and matplotlib", "[train]'"),
    "open_page": ("zeroshot.open_page()", "gradio and uvicorn", "[app]'"),
    "asgi_app": ("zeroshot.asgi_app(None)", "starlette, uvicorn, python_multipart and mcp", "[serve]'"),
    "load_exported": ("zeroshot.load_exported('model.onnx')", "onnxruntime", "[export]'"),
    "load_exported openvino": ("zeroshot.load_exported('model.xml')", "openvino", "[openvino]'"),
    "daft": ("from zeroshot.bridges import daft; daft.embed_videos('puppet-tiny')", "daft", "install daft"),
    "mteb": ("from zeroshot.bridges import mteb; mteb.VideoEncoder('puppet-tiny')", "mteb", 'mteb[video]"'),
    "fiftyone": (
        "from zeroshot.bridges import fiftyone; fiftyone.video_model(None)",
        "fiftyone",
        "install fiftyone",
    ),
}
ASK = """
import contextlib, io, json, sys
for name in sys.argv[1].split():
    sys.modules[name] = None
import zeroshot
from zeroshot.cli.main import main
told = {}
for name, (asked, *_) in json.load(sys.stdin).items():
    err = io.StringIO()
    with contextlib.redirect_stderr(err):
        try:
            if isinstance(asked, str):
                exec(asked)
            else:
                sys.argv = ["zeroshot", *asked]
                main()
        except zeroshot.ZeroshotError as error:
            print(f"zeroshot: {error}", file=err)
        except SystemExit as end:
            pass
        except Exception as error:
            print(repr(error), file=err)
    told[name] = err.getvalue()
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What each says in a process in which no library of an extra can be imported."""
    folder = tmp_path_factory.mktemp("bare")
    (folder / "videos.csv").write_text(f"path,label\n{VIDEO},waving\n{VIDEO},kicking\n")
    for name in ("model.onnx", "model.xml", "model.bin"):
        (folder / name).write_bytes(b"a graph")
    run = subprocess.run(
        [sys.executable, "-c", ASK, " ".join(EXTRAS)],
        input=json.dumps(CASES),
        check=True,
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=100,
    )
    return json.loads(run.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", CASES)
def test_one_line_names_the_library_and_the_command(told, name):
    _, libraries, remedy = CASES[name]
    (line,) = told[name].splitlines()
    assert line.startswith("zeroshot: ")
    assert f" {libraries}, which {'are' if ' ' in libraries else 'is'} not installed; pip install " in line
    assert line.endswith(remedy)
