"""A model as people hold it: any way to name videos, arrays or tensors, moved, shown, and pickled by name."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import zeroshot
from zeroshot.errors import ModelError, OptionError, VideoError
from zeroshot.model.backbone import choose_device
from zeroshot.model.encoder import bar
from zeroshot.model.model import Model
from zeroshot.video.sampling import Sampling

CLIPS = sorted((Path(__file__).parents[2] / "examples" / "clips").glob("*.mp4"))
FRAMES = np.random.default_rng(0).integers(0, 255, (6, 48, 64, 3), dtype=np.uint8)

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")


@pytest.fixture(scope="module")
def model():
    with zeroshot.load_model("puppet-tiny", device=torch.device("cpu"), num_workers=1) as model:
        yield model


def same(found: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_text_or_path_is_one_video(model):
    one = model.embed_videos(str(CLIPS[0]))
    assert one.shape == (1, model.embedding_dim)
    for given in (CLIPS[0], [CLIPS[0]], (str(CLIPS[0]),), iter([CLIPS[0]]), CLIPS[0].read_bytes()):
        same(model.embed_videos(given), one)
    assert model.embed_texts("a person").shape == (1, model.embedding_dim)


def test_folders_and_patterns(model, tmp_path):
    for number, clip in enumerate(CLIPS[:2]):
        (tmp_path / f"{number}.mp4").write_bytes(clip.read_bytes())
    expected = model.embed_videos(CLIPS[:2])
    same(model.embed_videos(tmp_path), expected)
    same(model.embed_videos(f"{tmp_path}/*.mp4"), expected)
    outcomes = [outcome for _, outcome in model.embed_many([tmp_path, f"{tmp_path}/*.avi"])]
    assert [isinstance(outcome, VideoError) for outcome in outcomes] == [False, False, True]


def test_four_axes_are_a_video_and_five_are_many(model):
    one = model.embed_videos(FRAMES)
    assert one.shape == (1, model.embedding_dim)
    same(model.embed_videos(torch.from_numpy(FRAMES)), one)
    same(model.embed_videos(np.stack([FRAMES, FRAMES])), np.concatenate([one, one]))
    same(model.embed_videos(torch.from_numpy(FRAMES).permute(0, 3, 1, 2)[None]), one)
    with pytest.raises(VideoError, match="is one frame"):
        model.embed_videos(FRAMES[0])
    assert model.embed_videos([]).shape == (0, model.embedding_dim)


def test_tensors_out(model):
    tensor = model.embed_videos(FRAMES, as_tensor=True)
    assert (tensor.dtype, tensor.device) == (torch.float32, model.device)
    same(tensor.numpy(), model.embed_videos(FRAMES))
    same(model.embed_texts(["a"], as_tensor=True).numpy(), model.embed_texts(["a"]))
    same(model.embed_frames(FRAMES, as_tensor=True).numpy(), model.embed_frames(FRAMES))


def test_encode_takes_texts_and_videos_as_sentence_transformers_do(model):
    text, video = model.embed_texts("a person"), model.embed_videos(CLIPS[0])
    same(model.encode("a person"), text[0])
    same(model.encode(["a person"]), text)
    for one in (CLIPS[0], str(CLIPS[0]), CLIPS[0].read_bytes()):
        same(model.encode(one), video[0])
    same(model.encode([CLIPS[0], "a person", CLIPS[0]]), np.concatenate([video, text, video]))
    assert isinstance(model.encode("a person", convert_to_tensor=True), torch.Tensor)
    assert model.encode([]).shape == (0, model.embedding_dim)


def test_encode_text_and_encode_video_leave_no_doubt(model):
    same(model.encode_text("a.mp4"), model.embed_texts("a.mp4")[0])
    same(model.encode_text(["a.mp4"], convert_to_tensor=True).numpy(), model.embed_texts("a.mp4"))
    same(model.encode_video(str(CLIPS[0])), model.embed_videos(CLIPS[0])[0])
    same(model.encode_video([str(CLIPS[0])]), model.embed_videos(CLIPS[0]))
    with pytest.raises(VideoError, match="cannot read a person: no such file"):
        model.encode_video("a person")
    with pytest.raises(VideoError, match="expected one"):
        model.encode(CLIPS[0].parent)


def test_images_are_videos_of_one_frame(model):
    image = Image.fromarray(FRAMES[0])
    expected = model.embed_videos([FRAMES[:1]])
    same(model.encode(image), expected[0])
    same(model.encode(FRAMES[0]), expected[0])
    same(model.encode([image, image]), np.concatenate([expected, expected]))


def test_similarity_is_cosines(model):
    a, b = np.array([[2.0, 0.0], [0.0, 1.0]], np.float32), np.array([3.0, 3.0], np.float32)
    same(model.similarity(a, b), np.full((2, 1), 0.5**0.5))
    found = model.similarity(torch.from_numpy(a), torch.from_numpy(b))
    assert isinstance(found, torch.Tensor)
    same(found.numpy(), np.full((2, 1), 0.5**0.5))
    with pytest.raises(OptionError, match=r"\(2, 2\) and \(1, 3\) cannot be compared"):
        model.similarity(a, np.zeros((1, 3)))


def test_it_says_what_it_is(model):
    assert repr(model) == (
        "Model('puppet-tiny', width 128, device cpu, stream fused, 8 frames a clip, precision exact)"
    )


def test_it_moves_and_stays_itself(model):
    before = model.embed_videos(FRAMES)
    assert model.to("cpu") is model
    assert model.to(torch.device("cpu")).device == torch.device("cpu")
    same(model.embed_videos(FRAMES), before)
    with pytest.raises(ModelError, match="device 'tpu' is unknown"):
        model.to("tpu")
    assert model.device == torch.device("cpu")


def test_a_device_may_be_torchs_own():
    assert choose_device(torch.device("cpu")) == torch.device("cpu")
    with pytest.raises(ModelError, match="device '0' is unknown"):
        choose_device(0)


def test_it_pickles_as_its_name_and_settings(model):
    sent = pickle.dumps(model)
    assert len(sent) < 10_000
    with pickle.loads(sent) as again:
        assert repr(again) == repr(model)
        assert again.backbone is not model.backbone
        same(again.embed_videos(FRAMES), model.embed_videos(FRAMES))
    chosen = zeroshot.load_model(
        "puppet-tiny", device="cpu", stream="static", sampling=Sampling(8, 2), batch_size=5, precision="fast"
    )
    again = copy.deepcopy(chosen)
    assert (again.stream, again.sampling, again.backbone.batch_size) == ("static", Sampling(8, 2), 5)
    assert again.backbone.precision.asked == "fast"


def test_what_has_no_name_does_not_pickle(model):
    with pytest.raises(ModelError, match="was put together here"):
        pickle.dumps(Model(model.backbone))


def test_other_weights_under_the_same_name_are_refused(tmp_path):
    from tiny_world import write_checkpoint

    model = zeroshot.load_model(str(write_checkpoint(tmp_path / "it", seed=3)), device="cpu")
    assert model.fingerprint
    classifier = zeroshot.load(str(tmp_path / "it"), "waving,jumping", device="cpu")
    sent = [pickle.dumps(model), pickle.dumps(classifier)]
    write_checkpoint(tmp_path / "other", seed=4)
    (tmp_path / "it").rename(tmp_path / "before")
    (tmp_path / "other").rename(tmp_path / "it")
    for each in sent:
        with pytest.raises(ModelError, match="is another model here"):
            pickle.loads(each)


@forks
@pytest.mark.slow
def test_a_fork_after_words_alone_goes_on():
    """Texts are encoded on all threads; the frames of a forked process would wait for those."""
    program = (
        "import os, sys, torch, zeroshot\n"
        "torch.set_num_threads(2)\n"
        "classifier = zeroshot.load('puppet-tiny', [f'word {n}' for n in range(64)], device='cpu')\n"
        "if child := os.fork():\n"
        "    raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
        "os._exit(0 if len(classifier.rank(sys.argv[1])) == 5 else 7)\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    command = [sys.executable, "-W", "ignore", "-c", program, str(CLIPS[0])]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("work", ["embed_texts", "embed_frames"])
def test_a_model_on_a_gpu_refuses_before_it_touches_it(monkeypatch, work):
    model = zeroshot.load_model("puppet-tiny", device="cpu")
    monkeypatch.setattr(model.backbone, "device", torch.device("cuda"))
    monkeypatch.setattr(model.backbone, "_owner", os.getpid() + 1)
    with pytest.raises(ModelError, match="load the model in each"):
        getattr(model, work)(["a"] if work == "embed_texts" else FRAMES)


def test_a_bar_counts_videos_where_it_is_wanted(capsys):
    assert list(bar(iter("abc"), ["a", "b", "c"], shown=False)) == ["a", "b", "c"]
    assert capsys.readouterr().err == ""
    assert list(bar(iter("abc"), ["a", "b", "c"], shown=True)) == ["a", "b", "c"]
    assert "3/3" in capsys.readouterr().err
    assert list(bar(iter("abc"), iter("abc"), shown=True)) == ["a", "b", "c"]
    assert "3 videos" in capsys.readouterr().err


def test_progress_is_on_stderr(capsys):
    with zeroshot.load(
        "puppet-tiny", "waving,jumping", device="cpu", num_workers=1, progress=True
    ) as classifier:
        assert len(list(classifier.rank_many([FRAMES, FRAMES]))) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "2/2" in err


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"batch_size": 0}, "batch_size is 0"),
        ({"num_workers": 0}, "num_workers is 0"),
        ({"decoder": "no"}, "decoder is 'no'"),
        ({"precision": "no"}, "precision is 'no'"),
    ],
)
def test_options_are_looked_at_before_weights(option, words):
    with pytest.raises(OptionError, match=words):
        zeroshot.load("ViT-B-32/openai", "a,b", **option)


def test_settings_go_with_a_name(model):
    with pytest.raises(OptionError, match="device, batch_size goes with a model's name"):
        zeroshot.load(model, "a,b", device="cpu", batch_size=4)
