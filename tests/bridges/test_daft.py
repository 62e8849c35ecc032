"""A stage for Daft, on a stand-in of what it calls, and on Daft itself where it is installed."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import pytest

from zeroshot.bridges.daft import embed_videos
from zeroshot.errors import ModelError, OptionError


class Column(list):
    """A Series, as far as it is asked."""

    def to_pylist(self) -> list:
        return list(self)


@pytest.fixture
def stand_in(monkeypatch):
    """As Daft: a class is made once a worker, its batch methods take a Series and give a list."""
    module = ModuleType("daft")
    names = {"list": lambda kind: [kind], "float32": lambda: "f4", "string": lambda: "text", "struct": dict}
    module.DataType = SimpleNamespace(**names)
    module.kinds = []

    def batch(*, return_dtype):
        module.kinds.append(return_dtype)
        return lambda method: method

    module.method = SimpleNamespace(batch=batch)
    module.cls = lambda kind: kind
    monkeypatch.setitem(sys.modules, "daft", module)
    return module


def held(rows, videos, classifier) -> None:
    """The rows are those of the model, and one is an error."""
    assert [row["embedding"] is None for row in rows] == [False, False, False, True, False]
    assert "damaged.mp4" in rows[3]["error"]
    assert rows[0]["error"] == ""
    assert rows[0]["embedding"] == pytest.approx(classifier.model.embed_videos([videos[0]])[0], abs=1e-5)


def test_a_struct_a_path(stand_in, videos, folder, classifier):
    held(embed_videos(folder, device="cpu")(Column(videos)), videos, classifier)
    assert stand_in.kinds == [{"embedding": ["f4"], "error": "text"}]
    with pytest.raises(ModelError, match="no-such-model"):
        embed_videos("no-such-model")


def test_without_daft(monkeypatch):
    monkeypatch.setattr("zeroshot.resources.find_spec", lambda _: None)
    with pytest.raises(OptionError, match="pip install daft"):
        embed_videos("puppet-tiny")


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore")
def test_daft_itself(videos, folder, classifier):
    daft = pytest.importorskip("daft")
    frame = daft.from_pydict({"path": videos})
    found = frame.with_column("found", embed_videos(folder, device="cpu")(frame["path"])).to_pydict()
    held(found["found"], videos, classifier)
