"""The recipe of backbones that know some combinations only: what it shows, what it says, how it is judged."""

import importlib
import json
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import zeroshot
from zeroshot.synthetic.compositional import render_composed
from zeroshot.synthetic.grammar import COMPOSED, COMPOSED_NAMES, SEEN, UNSEEN
from zeroshot.synthetic.world import ACTIONS, SCENES, View

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


@pytest.fixture
def recipe(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return importlib.import_module("train_compositional")


@pytest.fixture
def stills(recipe):
    return recipe.render_stills(150, 4, 0.8, 5)


def test_no_caption_names_what_is_kept_back(recipe):
    texts = [text for rows in recipe.captions().values() for wordings in rows for text in wordings]
    texts += [text for four in recipe.PARALLELS for text in four]
    bare = {action.bare for action in SEEN}
    for action in UNSEEN:
        assert not [text for text in texts if re.search(rf"\b{action.name}\b", text)]
        if action.bare not in bare:
            assert not [text for text in texts if action.bare in text], action


def test_no_still_shows_what_is_kept_back(recipe, stills):
    named = stills.facts["action"]
    assert set(named[named >= 0].tolist()) <= set(range(len(recipe.BARE)))
    assert set(recipe.BARE) == {action.bare for action in SEEN}
    old, new = stills.facts["old action"] >= 0, named >= 0
    assert 0.2 < old.float().mean() < 0.5
    assert not (old & new).any()
    assert set(stills.facts["scene"].tolist()) == set(range(len(SCENES)))


def test_postures_named_from_joints_are_those_that_the_grammar_begins_and_ends_with(recipe):
    kinds = recipe.posture_kinds()
    rows = [row for row, action in enumerate(COMPOSED) if action.stages]
    videos = render_composed(rows, [0] * len(rows), rows, View(4, (64, 64), 2.0))
    wrong = []
    for video in videos:
        found = recipe.name_postures(video.joints)
        for frame, stage in zip((0, -1), COMPOSED[video.action].stages, strict=True):
            told = {names[row] for names, row in zip(kinds.values(), found[frame], strict=True) if row >= 0}
            wrong += [(COMPOSED_NAMES[video.action], stage, told)] * (stage not in told)
    assert not wrong


def test_a_still_is_named_only_when_its_movement_is_under_way(recipe):
    rows = [
        COMPOSED_NAMES.index(name) for name in ("raising the left arm slowly", "waving the left arm slowly")
    ]
    raising, waving = render_composed(rows, [0, 0], [1, 1], View(9, (64, 64), 4.0))
    named = recipe.named(raising, "composed", 9)[:, 0] >= 0
    assert not named[:3].any()
    assert named[5:7].all()
    assert (recipe.named(waving, "composed", 9)[:, 0] >= 0).all()


def test_parallels_exchange_verbs_and_cost_nothing_where_the_change_is_the_same(recipe):
    assert len(recipe.PARALLELS) > 200
    for four in recipe.PARALLELS:
        one, other, there, beside = (set(name.split()) for name in four)
        assert one - other == there - beside
        assert other - one == beside - there
        assert one != there
    generator = torch.Generator().manual_seed(0)
    here, change, there = torch.randn(3, 10, 16, generator=generator)
    same = torch.stack([here + change, here, there + change, there], 1).flatten(0, 1)
    assert float(recipe.parallels_loss(same)) == pytest.approx(0, abs=1e-5)
    assert float(recipe.parallels_loss(torch.randn(40, 16, generator=generator))) > 0.5


def test_cosines_tell_language_from_codes(recipe):
    words = sorted({word for name in COMPOSED_NAMES for word in name.split()})

    class Words:
        """A text encoder that adds up words, or has a code for each name."""

        def __init__(self, *, codes):
            self.codes = codes

        def encode_text(self, names):
            if self.codes:
                seeds = [COMPOSED_NAMES.index(name) for name in names]
                return torch.stack(
                    [torch.randn(64, generator=torch.Generator().manual_seed(s)) for s in seeds]
                )
            vectors = torch.randn(len(words), 64, generator=torch.Generator().manual_seed(0))
            return torch.stack([sum(vectors[words.index(word)] for word in name.split()) for name in names])

    language, codes = (recipe.cosines(Words(codes=codes), lambda names: names) for codes in (False, True))
    assert min(language.values()) > recipe.LEAST_COSINE
    assert min(codes.values()) < recipe.LEAST_COSINE / 2
    assert {key.split(", ")[1] for key in language} == {"seen", "unseen"}


def test_texts_are_read_as_the_network_itself_reads_them(recipe, tmp_path):
    config, tokens = recipe.new_config(tmp_path)
    run = recipe.start(config, 1, 1e-3)
    run.model.eval()
    ids = tokens(["waving", "a photo of a person raising both arms once in the swimming pool", *ACTIONS])
    with torch.no_grad():
        expected = run.model.encode_text(ids, normalize=True)
        torch.testing.assert_close(recipe.read_texts(run.model, ids), expected)


def test_training_learns_and_goes_on_from_its_snapshot(recipe, stills, tmp_path, capsys):
    config, tokens = recipe.new_config(tmp_path)
    options = SimpleNamespace(minutes=1e-9, batch=32, rate=1e-3, seed=1)
    run = recipe.start(config, 1, options.rate)
    losses = []
    for _ in range(3):
        options.minutes = (run.seconds + 1e-6) / 60
        recipe.train(run, tokens, stills, options, tmp_path / "seed1.pt")
        losses.append(run.losses[-1])
    assert run.step == 3
    assert all(np.isfinite(losses))
    recipe.save(run, tmp_path / "seed1.pt")
    again = recipe.start(config, 2, options.rate)
    again.load(torch.load(tmp_path / "seed1.pt"))
    assert (again.step, again.losses, again.seconds) == (3, run.losses, run.seconds)
    for name, weights in run.model.state_dict().items():
        assert torch.equal(weights, again.model.state_dict()[name])
    assert again.optimizer.state_dict()["state"].keys() == run.optimizer.state_dict()["state"].keys()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_one_command_gives_a_checkpoint_that_the_package_loads(tmp_path):
    command = [
        sys.executable, str(EXAMPLES / "train_compositional.py"), "--output", str(tmp_path),
        "--seeds", "2", "--minutes", "0.05", "--videos", "60", "--batch", "16", "--test-each", "1",
    ]  # fmt: skip
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.count("needed: 0.7") == 1
    model = zeroshot.load_model(str(tmp_path / "seed2"), device="cpu")
    assert model.embed_texts(COMPOSED_NAMES).shape == (len(COMPOSED), 128)
    facts = json.loads((tmp_path / "seed2" / "training.json").read_text(encoding="utf-8"))
    assert facts["steps"] > 0
    assert 0 <= facts["metrics_percent"]["persons 3"]["order pairs, averaged"] <= 100
    assert sum(path.stat().st_size for path in (tmp_path / "seed2").iterdir()) < 10e6
