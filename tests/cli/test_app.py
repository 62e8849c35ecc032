"""`zeroshot app`: what it refuses, and how it begins and ends."""

from __future__ import annotations

import json

import pytest

from zeroshot.app import page


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--share", "yes"), "--share is 'yes'; expected never"),
        (("--host", "0.0.0.0"), "host is 0.0.0.0, where others can come; give a --password-file"),
        (("--port", "70000"), "port is 70000; expected 0 to 65,535"),
        (("--password-file", "nowhere"), "cannot read nowhere; expected a file with NAME:PASSWORD"),
        (("--labels", "nowhere.txt"), "nowhere.txt"),
        (("--audit", "nowhere"), "nowhere is no report"),
        (("--embeddings", "nowhere"), "nowhere"),
        (("--model", "nothing/such"), "no architecture 'nothing'"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line_before_anything_is_loaded(
    run, monkeypatch, tmp_path, words, said
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(page, "load_model", lambda *_, **__: pytest.fail("a model was loaded"))
    status, out, err = run("app", *words, "--port", "0") if "--port" not in words else run("app", *words)
    assert (status, out) == (1, "")
    assert said in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("as_json", [False, True])
def test_it_says_where_it_is_once_it_is_there(run, monkeypatch, as_json):
    asked = []

    def shown(settings, tell):
        asked.append(settings)
        tell("http://127.0.0.1:1234/")

    monkeypatch.setattr(page, "open_page", shown)
    status, out, _ = run("app", "--labels", "a,b", "--port", "0", *["--json"] * as_json)
    assert status == 0
    assert asked == [page.PageSettings(labels="a,b", port=0)]
    if as_json:
        assert json.loads(out) == {"url": "http://127.0.0.1:1234/"}
    else:
        assert out == "http://127.0.0.1:1234/ shows the page; Ctrl-C ends it\n"
