"""Checkpoints of adapters: which stream answers, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from tiny_world import LABELS, write_checkpoint
from training_world import SMALL, TRAIN, changed, one_line, run_train, same, weights

import zeroshot
from zeroshot.adapter.adapter import TwoStreamAdapter
from zeroshot.checkpoint import load_model
from zeroshot.errors import ModelError, OptionError
from zeroshot.model.adapter_files import load_adapter, save_adapter
from zeroshot.model.model import Model
from zeroshot.waist.streams import read_streams
from zeroshot.waist.waist import Waist


def test_the_checkpoint_answers_with_the_stream_that_is_asked_for(trained, place):
    folder, fitted = trained
    waist = Waist.open(folder / "tokens" / "train")
    paths = [row.path for row in waist.rows]
    streams = read_streams(fitted.adapter, waist)
    for stream in ("static", "dynamic", "fused"):
        with load_model(str(folder), device="cpu", stream=stream) as model:
            np.testing.assert_allclose(model.embed_videos(paths), getattr(streams, stream).numpy(), atol=1e-5)
    plain = load_model(str(place / "tiny"), device="cpu")
    with load_model(str(folder), device="cpu", stream="clip") as model, plain:
        np.testing.assert_array_equal(model.embed_videos(paths[:2]), plain.embed_videos(paths[:2]))
    with load_model(str(folder), device="cpu", share=0.0) as model, plain:
        np.testing.assert_allclose(model.embed_videos(paths[:2]), plain.embed_videos(paths[:2]), atol=1e-6)
    classifier = zeroshot.load(str(folder), list(LABELS), device="cpu", stream="dynamic")
    with classifier.model:
        scores = streams.dynamic.numpy() @ classifier.index.embeddings.T
        best = [classifier.rank(path, 1)[0].label for path in paths[:6]]
    assert best == [classifier.labels[row] for row in scores[:6].argmax(1)]


def test_views_and_frames_with_an_adapter(trained, place):
    folder, _fitted = trained
    video = str(place / "videos" / "00.mp4")
    from zeroshot.video.sampling import Sampling

    with load_model(str(folder), device="cpu", stream="dynamic") as model:
        both = model.embed_videos([video], sampling=Sampling(4, num_views=2))[0]
        assert np.linalg.norm(both) == pytest.approx(1, abs=1e-5)
        frame = np.zeros((1, 3, 32, 32), np.uint8)
        plain = load_model(str(place / "tiny"), device="cpu")
        with plain:
            np.testing.assert_array_equal(model.embed_frames(frame), plain.embed_frames(frame))
        still = np.zeros((5, 32, 32, 3), np.uint8)
        np.testing.assert_array_equal(model.embed_videos([still]), np.zeros((1, 24), np.float32))
        with pytest.raises(OptionError, match=r"clips have 6 frames; the adapter on .*tiny reads 4"):
            model.embed_videos([video], sampling=Sampling(6))
    with pytest.raises(OptionError, match="clips have 8 frames"):
        load_model(str(folder), device="cpu", sampling=Sampling(8))


def test_an_adapter_on_the_wrong_backbone_is_refused(trained, place, tmp_path):
    folder, fitted = trained
    other = write_checkpoint(tmp_path / "other", seed=5)
    with pytest.raises(ModelError, match=r"was trained on .*tiny, not on .*other; give it its own"):
        load_model(str(folder), device="cpu", backbone=str(other))
    with pytest.raises(OptionError, match="has no adapter, so no stream or backbone to choose"):
        load_model(str(other), device="cpu", stream="dynamic")
    backbone = load_model(str(other), device="cpu").backbone
    foreign = TwoStreamAdapter(replace(fitted.adapter.config, token_dim=64))
    with pytest.raises(OptionError, match="the adapter reads tokens of width 64"):
        Model(backbone, adapter=foreign)
    with pytest.raises(OptionError, match="stream is 'both'; expected one of static, dynamic, fused"):
        Model(backbone, adapter=fitted.adapter, stream="both")


def test_an_adapter_joins_the_checkpoint_of_its_backbone(trained, place, tmp_path):
    folder, fitted = trained
    home = write_checkpoint(tmp_path / "home")
    backbone = load_model(str(home), device="cpu").backbone
    save_adapter(home, fitted.adapter, backbone, stream="dynamic")
    assert {entry.name for entry in home.iterdir()} == {
        "config.json",
        "model.safetensors",
        "adapter.safetensors",
    }
    video = str(place / "videos" / "01.mp4")
    with (
        load_model(str(home), device="cpu") as joined,
        load_model(str(folder), device="cpu", stream="dynamic") as apart,
    ):
        assert joined.stream == "dynamic"
        assert joined.adapter_fingerprint == apart.adapter_fingerprint
        np.testing.assert_array_equal(joined.embed_videos([video]), apart.embed_videos([video]))


@pytest.mark.parametrize("spoil", ["weights", "config", "missing"])
def test_a_damaged_adapter_is_named(trained, tmp_path, spoil):
    folder, fitted = trained
    adapter = TwoStreamAdapter(fitted.adapter.config)
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    if spoil == "weights":
        (tmp_path / "model.safetensors").write_bytes(b"no tensors")
    elif spoil == "missing":
        (tmp_path / "model.safetensors").unlink()
    else:
        config = json.loads((tmp_path / "config.json").read_text())
        config["adapter"]["hidden_dim"] = 2 * adapter.config.hidden_dim
        (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=r"cannot read|is damaged") as error:
        load_adapter(tmp_path)
    one_line(error)


def test_an_adapter_written_before_there_were_detectors_is_read(place, tmp_path):
    fitted = run_train(place, tmp_path / "out", changed(TRAIN, adapter={**SMALL, "num_components": 0}))
    path = tmp_path / "out" / "config.json"
    config = json.loads(path.read_text())
    assert config["adapter"].pop("num_components") == 0
    path.write_text(json.dumps(config))
    assert same(load_adapter(tmp_path / "out").state_dict(), weights(fitted))
