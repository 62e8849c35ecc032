"""`zeroshot export`."""

from __future__ import annotations

import json

from tiny_world import LABELS, write_checkpoint

from zeroshot.exported.description import Description
from zeroshot.exported.write import ExportedFile
from zeroshot.video.sampling import Sampling
from zeroshot.video.transform import Preprocess

HALF = (0.5, 0.5, 0.5)
ABOUT = Description(
    "1", "tiny", "f", None, LABELS, {}, ("clip",), "clip", 10.0, 24, Preprocess((8, 8), HALF, HALF),
    Sampling(), any_length=True, licence="as the weights have it", difference=(1e-6, 2e-6),
)  # fmt: skip


def test_what_was_written_is_told(run, monkeypatch):
    asked = []

    def export(model, labels, **how):
        asked.append((model, labels, how))
        return ExportedFile("out.onnx", "onnx", 2_500_000, ABOUT)

    monkeypatch.setattr("zeroshot.exported.write.export", export)
    status, out, err = run("export", "tiny", "--labels", "a,b", "-o", "out.onnx", "--format", "onnx")
    assert (status, asked[0][:2]) == (0, ("tiny", "a,b"))
    assert asked[0][2]["as_format"] == "onnx"
    assert out.splitlines() == [
        "tiny with 3 labels → out.onnx (2.5 MB)",
        "streams clip; clip answers",
        "as the model itself, to 1e-06 in cosines and 2e-06 in probabilities",
    ]
    assert "as the weights have it" in err
    row = json.loads(run("export", "tiny", "--labels", "a,b", "-o", "out.onnx", "--json")[1])
    assert (row["bytes"], row["labels"], row["probability_difference"]) == (2_500_000, 3, 2e-6)


def test_a_mistake_is_one_line(run, tmp_path):
    folder = write_checkpoint(tmp_path / "tiny")
    for words, part in (
        (("--labels", "a,b", "--format", "tflite"), "format is 'tflite'"),
        (("--labels", "gone.txt"), "gone.txt"),
        ((), "either labels or index"),
        (("--labels", "a,b", "--stream", "static"), "no adapter"),
        (("--labels", "a,b", "--stages", "ssv2"), "labels with stages cannot be exported"),
    ):
        status, out, err = run("export", folder, "-o", tmp_path / "x.onnx", *words)
        assert (status, out) == (1, "")
        assert part in err
        assert err.count("\n") == 1
