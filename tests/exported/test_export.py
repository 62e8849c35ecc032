"""A file that answers as the model does, without torch; and files that are none.

Covers: exported/write, exported/graph, exported/equality, exported/engines, exported/description,
exported/runtime.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import textwrap

import numpy as np
import odd_files as odd
import onnx
import pytest
import torch
from checkpoint_folders import PUPPET, transformers_folder
from tiny_world import LABELS, frames

import zeroshot
from zeroshot.errors import LabelError, ModelError, OptionError, OutputError, VideoError
from zeroshot.exported import write
from zeroshot.exported.description import KEY, Description
from zeroshot.exported.equality import Difference
from zeroshot.exported.graph import _as_on_disk
from zeroshot.text.prompts import make_prompts
from zeroshot.types import Clip

CLIP = PUPPET.parents[1] / "examples" / "clips" / "waving_beach.mp4"
ACTIONS = ["waving", "kicking", "swimming"]


def shares(predictions) -> dict[str, float]:
    return {each.label: each.probability for each in predictions}


def test_the_file_answers_as_the_model(tiny):
    assert 0 < tiny.made.num_bytes == tiny.path.stat().st_size
    about = tiny.made.about
    assert max(about.difference) <= 1e-4
    with zeroshot.load_exported(tiny.path, num_workers=1) as exported:
        assert exported.labels == LABELS
        assert exported.about == about
        assert (about.fingerprint, about.adapter) == (tiny.classifier.model.fingerprint, None)
        assert about.streams == ("clip",)
        assert "licence" in about.licence
        ours, theirs = exported.rank(tiny.video, 3), tiny.classifier.rank(tiny.video, 3)
        assert [each.label for each in ours] == [each.label for each in theirs]
        assert shares(ours) == pytest.approx(shares(theirs), abs=1e-4)
        (vector,) = exported.embed_videos([tiny.video])
        assert vector == pytest.approx(tiny.classifier.model.embed_videos([tiny.video])[0], abs=1e-4)
        # Of any number of videos, views and frames, and any size.
        frames_ = frames(1, 1, 3)
        clips = [Clip(frames_[start : start + 6], np.arange(6) / 12) for start in (0, 6)]
        answer = exported.answer([clips, clips[::-1]])
        assert answer.probabilities.shape == (2, 1, 3)
        wanted = tiny.classifier.model.vector_of(clips)
        assert answer.vectors[:, 0] == pytest.approx(np.stack([wanted, wanted]), abs=1e-4)


def test_many_videos_one_of_them_damaged(tiny, tmp_path):
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(b"no video")
    with zeroshot.load_exported(tiny.path, num_workers=1) as exported:
        good, bad, array = exported.rank_many([tiny.video, damaged, frames(0, 0, 7)], 1)
        assert good.error is None
        assert good.predictions[0].label == exported.rank(tiny.video, 1)[0].label
        assert bad.predictions == ()
        assert "damaged.mp4" in bad.error
        assert array.error is None
        with pytest.raises(VideoError, match=r"damaged\.mp4"):
            exported.embed_videos([damaged])
        assert exported.embed_videos([]).shape == (0, 24)
        with pytest.raises(OptionError, match="static"):
            exported.rank(tiny.video, stream="static")
        with pytest.raises(OptionError, match="k is 0"):
            exported.rank_many([], 0)
        unequal = [[Clip(frames(0, 0, 7)[:n], np.arange(n) / 12)] for n in (2, 3)]
        with pytest.raises(VideoError, match="unequal"):
            exported.answer(unequal)


def test_a_video_that_breaks_off_says_where(tiny, tmp_path):
    first, broken = tmp_path / "first.mp4", tmp_path / "broken.mp4"
    odd.ffmpeg("-i", odd.plain(tmp_path), "-c", "copy", "-movflags", "+faststart", first)
    content = first.read_bytes()
    broken.write_bytes(content[: len(content) * 2 // 3].ljust(len(content), b"\0"))
    with zeroshot.load_exported(tiny.path, num_workers=1) as exported:
        found = [ranking.breaks_off_seconds for ranking in exported.rank_many([broken, first], 1)]
    assert found == [ranking.breaks_off_seconds for ranking in tiny.classifier.rank_many([broken, first], 1)]
    assert found[0] > 0
    assert found[1] is None


def test_neither_torch_nor_the_libraries_of_networks_are_needed(tiny):
    code = f"""
        import sys
        BLOCKED = {{"torch", "torchvision", "open_clip", "transformers", "faiss", "scipy", "onnx", "pyarrow"}}
        class Blocked:
            def find_spec(self, name, path=None, target=None):
                if name.partition(".")[0] in BLOCKED:
                    raise ModuleNotFoundError(name + " is not here", name=name)
        sys.meta_path.insert(0, Blocked())
        import zeroshot
        with zeroshot.load_exported({str(tiny.path)!r}, num_workers=1) as exported:
            for best in exported.rank({str(tiny.video)!r}, 3):
                print(best.probability, best.label)
        assert not BLOCKED & set(sys.modules)
    """
    done = subprocess.run(
        [sys.executable, "-P", "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = {line.partition(" ")[2]: float(line.partition(" ")[0]) for line in done.stdout.splitlines()}
    assert found == pytest.approx(shares(tiny.classifier.rank(tiny.video, 3)), abs=1e-4)


def test_an_earlier_export_is_replaced_and_nothing_else(tiny, tmp_path, monkeypatch):
    drawn: list[object] = []
    monkeypatch.setattr(write, "_written", lambda _, path, as_format: drawn.append((path.name, as_format)))
    shutil.copy(tiny.path, tmp_path / "again.onnx")
    (tmp_path / "notes.onnx").write_text("not an export")
    (tmp_path / "file").write_text("")

    def export(output, **how):
        return zeroshot.export(tiny.classifier.model, list(LABELS), output=tmp_path / output, **how)

    export("again.onnx")
    export("folder")
    export("other.xml")
    assert drawn == [("again.onnx", "onnx"), ("model.onnx", "onnx"), ("other.xml", "openvino")]
    with pytest.raises(OutputError, match=r"notes\.onnx is there and is no export"):
        export("notes.onnx")
    with pytest.raises(OutputError, match="is a file that is no export"):
        export("file")
    with pytest.raises(OptionError, match=r"is a name for onnx; for openvino end it in \.xml"):
        export("again.onnx", as_format="openvino")
    with pytest.raises(OptionError, match="format is 'tflite'; expected one of onnx, openvino"):
        export("x", as_format="tflite")
    with pytest.raises(OptionError, match="either labels or index"):
        zeroshot.export(tiny.classifier.model, output=tmp_path / "x")
    with pytest.raises(OptionError, match="stream goes with a model's name"):
        export("x", stream="static")
    with pytest.raises(LabelError, match="already; remove one"):
        zeroshot.export(tiny.classifier.model, ["waving", "waving"], output=tmp_path / "x")
    staged = tmp_path / "staged.index"
    texts = {"opening": {"start": "a closed door", "end": "an open door"}}
    prompts = make_prompts(["opening"], None, texts)
    zeroshot.build_index(prompts, output=staged, model=tiny.classifier.model)
    with pytest.raises(OptionError, match="labels with stages cannot be exported"):
        zeroshot.export(tiny.classifier.model, index=staged, output=tmp_path / "x")
    assert len(drawn) == 3


def test_what_is_missing_is_told_before_weights(monkeypatch, tmp_path):
    monkeypatch.setattr(write, "load_model", lambda *_, **__: pytest.fail("weights were asked for"))
    monkeypatch.setattr("zeroshot.resources.find_spec", {"onnx": 1, "onnxruntime": 1, "openvino": 1}.get)
    with pytest.raises(OptionError, match=r"format onnx needs onnxscript, .*; pip install '.*\[export\]'"):
        zeroshot.export("ViT-B-32/openai", ["a"], output=tmp_path / "x")
    with pytest.raises(OptionError, match=r"\[openvino\]'"):
        zeroshot.export("ViT-B-32/openai", ["a"], output=tmp_path / "x.xml")


def test_what_answers_otherwise_is_not_kept(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(write, "_drawn", lambda *_: None)

    def saved(_drawn, _about, path, _format):
        path.parent.mkdir()
        return shutil.copy(tiny.path, path)

    monkeypatch.setattr(write, "_saved", saved)
    monkeypatch.setattr(write, "difference", lambda *_: Difference(0.0, 2e-4))
    with pytest.raises(ModelError, match=r"probabilities by 2\.0e-04; 0\.0001 are allowed"):
        zeroshot.export(tiny.classifier.model, list(LABELS), output=tmp_path / "x.onnx")
    assert not list(tmp_path.iterdir())


def test_models_that_a_graph_would_not_follow(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(write, "is_drawable", lambda _: False)
    with pytest.raises(ModelError, match="without antialiasing"):
        zeroshot.export(tiny.classifier.model, list(LABELS), output=tmp_path / "x.onnx")
    fast = zeroshot.load_model(str(tiny.folder), device="cpu", precision="fastest")
    with pytest.raises(OptionError, match="precision='exact'"):
        zeroshot.export(fast, list(LABELS), output=tmp_path / "x.onnx")
    monkeypatch.undo()
    monkeypatch.setattr(write, "_MOST_BYTES", 1000)
    with pytest.raises(ModelError, match="at most: take a smaller model"):
        zeroshot.export(tiny.classifier.model, list(LABELS), output=tmp_path / "x.onnx")


def with_description(tiny, path, text: str | None):
    """The file with another text as its description."""
    model = onnx.load(str(tiny.path))
    del model.metadata_props[:]
    if text is not None:
        entry = model.metadata_props.add()
        entry.key, entry.value = KEY, text
    onnx.save(model, str(path))
    return path


def changed(tiny, **fields: object) -> str:
    return json.dumps(json.loads(tiny.made.about.as_json()) | fields)


def test_files_of_strangers_are_refused_in_one_line(tiny, tmp_path):
    cases = {
        "no words": (None, "holds no labels"),
        "no json": ("{", "is damaged"),
        "a list": ("[1]", "is damaged"),
        "newer": (changed(tiny, format=9), "newer version"),
        "no labels": (changed(tiny, labels=[]), "0 labels"),
        "a number": (changed(tiny, labels=[1, 2, 3]), "no text"),
        "too wide": (changed(tiny, embedding_dim=-1), "width"),
        "too large": (
            changed(tiny, preprocess={"size": [9999, 1], "mean": [0, 0, 0], "std": [1, 1, 1]}),
            "9999",
        ),
        "endless": (changed(tiny, sampling={"num_frames": 10**9}), "too many"),
        "more": (changed(tiny, evil=1), "is damaged"),
    }
    for name, (text, words) in cases.items():
        path = with_description(tiny, tmp_path / f"{name}.onnx", text)
        with pytest.raises(ModelError, match=words) as raised:
            zeroshot.load_exported(path)
        assert "\n" not in str(raised.value)
    (tmp_path / "noise.onnx").write_bytes(b"\x00" * 64)
    for path, words in (
        (tmp_path / "noise.onnx", "cannot open"),
        (tmp_path / "gone.onnx", "is not there"),
        (tmp_path / "model.pt", "is no exported file by its name"),
        (tmp_path, "holds 11 exported files"),
    ):
        with pytest.raises(ModelError, match=words):
            zeroshot.load_exported(path)
    lying = with_description(tiny, tmp_path / "lying.onnx", changed(tiny, labels=["one", "two"]))
    with (
        zeroshot.load_exported(lying, num_workers=1) as exported,
        pytest.raises(ModelError, match="other shapes"),
    ):
        exported.rank(frames(0, 0, 7))


def test_weights_that_lie_elsewhere_are_not_opened(tiny, tmp_path, monkeypatch):
    """A file may name any other as its weights; it must not be read."""
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(1 << 16))
    model = onnx.load(str(tiny.path))
    tensor = max(model.graph.initializer, key=lambda each: len(each.raw_data))
    size = len(tensor.raw_data)
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", "../secret"), ("offset", "0"), ("length", str(size))):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "evil.onnx").write_bytes(model.SerializeToString())
    monkeypatch.chdir(tmp_path / "deep")
    with pytest.raises(ModelError, match=r"cannot open .*evil\.onnx"):
        zeroshot.load_exported(tmp_path / "deep" / "evil.onnx")


def test_a_description_survives_its_file(tiny):
    about = tiny.made.about
    assert Description.from_json(about.as_json(), "x") == about
    assert about.as_json().isascii()


def test_tokens_are_rounded_as_on_disk():
    tokens = torch.randn((4, 500), generator=torch.Generator().manual_seed(0)) * 30
    assert torch.equal(_as_on_disk(tokens), tokens.half().float())


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("as_format", ["onnx", "openvino"])
def test_every_stream_of_an_adapter(tmp_path, as_format):
    made = zeroshot.export("puppet-tiny", ACTIONS, output=tmp_path / "puppets", as_format=as_format)
    assert max(made.about.difference) <= 1e-4
    assert made.about.streams == ("static", "dynamic", "fused", "clip")
    with zeroshot.load_exported(tmp_path / "puppets") as exported:
        assert repr(exported) == "Exported('puppet-tiny', 3 labels, stream fused)"
        for stream in (None, *made.about.streams):
            own = zeroshot.load("puppet-tiny", ACTIONS, device="cpu", stream=stream)
            wanted = shares(own.rank(CLIP, 3))
            assert shares(exported.rank(CLIP, 3, stream=stream)) == pytest.approx(wanted, abs=1e-4)
        with pytest.raises(VideoError, match="the streams read 8"):
            exported.answer([[Clip(frames(0, 0, 7), np.arange(12) / 12)]])


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("as_format", ["onnx", "openvino"])
@pytest.mark.parametrize("kind", ["transformers", "open_clip", "views"])
def test_networks_of_both_libraries(tmp_path, kind, as_format):
    name = f"hf:{transformers_folder(tmp_path / 'hf')}" if kind == "transformers" else "ViT-B-32/random"
    sampling = zeroshot.Sampling(num_frames=3, num_views=2) if kind == "views" else None
    model = zeroshot.load_model(name, device="cpu", sampling=sampling)
    made = zeroshot.export(
        model, ACTIONS, output=tmp_path / "out", as_format=as_format, templates="a video of {}"
    )
    assert max(made.about.difference) <= 1e-4
    with zeroshot.load_exported(tmp_path / "out") as exported:
        own = zeroshot.load(model, ACTIONS, templates="a video of {}")
        assert shares(exported.rank(CLIP, 3)) == pytest.approx(shares(own.rank(CLIP, 3)), abs=1e-4)
