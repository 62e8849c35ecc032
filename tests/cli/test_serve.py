"""`zeroshot serve`: what it is given, and what cannot be served."""

from __future__ import annotations

from pathlib import Path

import pytest

CLIPS = Path(__file__).parents[2] / "examples" / "clips"


@pytest.fixture
def served(monkeypatch) -> list:
    """What would be served: models and settings."""
    seen: list = []

    def serve(model, settings, *, ready):
        seen.append((model, settings))
        ready("http://127.0.0.1:1")

    monkeypatch.setattr("zeroshot.app.server.serve", serve)
    monkeypatch.setattr("zeroshot.app.server.serve_mcp", lambda *given: seen.append(given))
    return seen


def test_it_hands_on_what_it_is_given(run, served, monkeypatch):
    monkeypatch.setenv("ZEROSHOT_TOKEN", "a token of some length")
    words = ["--folder", CLIPS, "--labels", "waving, kicking", "--model", "puppet-tiny", "--most-upload", "3"]
    status, out, err = run("serve", *words, "--time-limit", "9", "--most-waiting", "5")
    assert status == 0, err
    ((classifier, settings),) = served
    assert classifier.labels == ("waving", "kicking")
    assert classifier.model._time_limit_seconds == settings.file_limit_seconds == 3
    assert (settings.most_upload_bytes, settings.most_waiting) == (3 << 20, 5)
    assert settings.token == "a token of some length"
    assert "http://127.0.0.1:1/openapi.json" in out
    assert err == "zeroshot: stopped\n"


def test_without_labels_questions_bring_theirs(run, served):
    status, out, _ = run("serve", "--model", "puppet-tiny", "--json")
    assert (status, out) == (0, '{"address": "http://127.0.0.1:1"}\n')
    assert served[0][0].name == "puppet-tiny"


def test_an_mcp_client_has_stdout_to_itself(run, served):
    status, out, _ = run("serve", "--mcp", "--model", "puppet-tiny")
    assert (status, out, len(served)) == (0, "", 1)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--host", "0.0.0.0"], "set ZEROSHOT_TOKEN"),
        (["--folder", "nowhere"], "nowhere is no folder"),
        (["--templates", "a {}"], "give either --labels"),
        (["--time-limit", "0"], "time_limit_seconds is 0.0"),
        (["--labels", "a,a"], "'a'"),
    ],
)
def test_what_cannot_be_served_is_one_line(run, served, words, expected):
    status, _, err = run("serve", *words)
    (line,) = err.splitlines()
    assert (status, served) == (1, [])
    assert expected in line
