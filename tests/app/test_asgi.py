"""What is asked over HTTP, and what is answered, whatever is asked.

Covers: app/bodies, app/desk, app/questions, app/guard, app/openapi, app/refusal.
"""

from __future__ import annotations

import json
import os
import signal
import tempfile
import threading
from pathlib import Path

import jsonschema
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

import zeroshot

CLIPS = Path(__file__).parents[2] / "examples" / "clips"
WAVING = (CLIPS / "waving_beach.mp4").read_bytes()
LABELS = ["waving", "kicking", "swimming"]


def told(answer, status: int) -> str:
    """The one line of an error."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert list(answer.json()) == ["error"]
    line = answer.json()["error"]
    assert line
    assert "\n" not in line
    assert "Traceback" not in line
    return line


def schema_of(asking, verb: str) -> dict:
    described = asking.get("/openapi.json").json()
    answer = described["paths"][f"/{verb}"]["post"]["responses"]["200"]["content"]["application/json"][
        "schema"
    ]
    return {**answer, "components": described["components"]}


def test_a_video_is_classified_as_the_command_does(asking, classifier, served):
    answer = asking.post("/classify", json={"video": "waving.mp4", "labels": LABELS, "k": 2})
    assert answer.status_code == 200, answer.text
    (expected,) = classifier.with_labels(LABELS).rank_many([served / "waving.mp4"], k=2)
    assert answer.json() == {**expected.as_dict(), "path": "waving.mp4"}
    jsonschema.validate(answer.json(), schema_of(asking, "classify"))


def test_labels_of_the_start_stand_in_and_words_of_bundled_lists(asking):
    first = asking.post("/classify", json={"video": "waving.mp4"}).json()
    named = asking.post("/classify", json={"video": "waving.mp4", "labels": "puppet_actions"}).json()
    assert first == named
    assert first["predictions"][0]["label"] == "waving"
    assert len(first["predictions"]) == 5


def test_none_of_these_is_an_answer_where_the_server_was_started_so(classifier, served, asking):
    rejecting = zeroshot.load(classifier.model, LABELS, reject="auto")
    app = zeroshot.asgi_app(rejecting, zeroshot.Serving(folders=[served]))
    with TestClient(app, base_url="http://127.0.0.1") as client:
        answer = client.post("/classify", json={"video": "waving.mp4"}).json()
    (expected,) = rejecting.rank_many([served / "waving.mp4"])
    assert answer == {**expected.as_dict(), "path": "waving.mp4"}
    jsonschema.validate(answer, schema_of(asking, "classify"))


def test_order_counts_where_labels_say_how_they_start(asking, classifier, served):
    stages = {"raising an arm": {"start": "arm down", "end": "arm up"}}
    question = {"labels": ["raising an arm", "waving"], "stages": stages, "video": "waving.mp4"}
    answer = asking.post("/classify", json=question).json()
    ranked = classifier.with_labels(question["labels"], stages=stages).rank(served / "waving.mp4")
    assert [row["label"] for row in answer["predictions"]] == [each.label for each in ranked]
    assert answer["predictions"][0]["score"] == pytest.approx(ranked[0].score, abs=1e-6)


def test_a_timeline_and_a_vector_are_those_of_the_verbs(asking, classifier, served):
    question = {"video": "waving.mp4", "window_seconds": 1.0, "k": 1}
    answer = asking.post("/timeline", json=question).json()
    expected = classifier.timeline(served / "waving.mp4", 1.0, k=1)
    assert answer == {
        "path": "waving.mp4",
        "segments": [segment.as_dict() for segment in expected],
        "error": None,
    }
    jsonschema.validate(answer, schema_of(asking, "timeline"))
    answer = asking.post("/embed", json={"video": "waving.mp4"}).json()
    assert answer["embedding"] == pytest.approx(
        classifier.model.embed_videos(served / "waving.mp4")[0].tolist()
    )
    jsonschema.validate(answer, schema_of(asking, "embed"))


def test_embeddings_are_searched_and_read_anew_once_they_change(asking, classifier, archive):
    question = {"query": "a person waving", "k": 2}
    answer = asking.post("/search", json=question).json()
    matches = zeroshot.search("a person waving", archive, 2, model=classifier.model)[0]
    assert answer == {"query": "a person waving", "matches": [match.as_dict() for match in matches]}
    jsonschema.validate(answer, schema_of(asking, "search"))
    zeroshot.embed([CLIPS / "waving_beach.mp4"], archive, model=classifier.model)
    found = asking.post("/search", json={**question, "embeddings": "puppets", "k": 99}).json()["matches"]
    assert any(match["path"].endswith("waving_beach.mp4") for match in found)
    assert "puppets" in told(asking.post("/search", json={**question, "embeddings": "others"}), 404)


def left_over() -> set[str]:
    return {each.name for each in Path(tempfile.gettempdir()).glob("zeroshot-*")}


def test_uploads_are_answered_alike_and_never_stay(asking):
    before = left_over()
    named = asking.post("/classify", json={"video": "waving.mp4", "labels": LABELS, "k": 1}).json()
    as_body = asking.post(
        "/classify",
        params={"labels": json.dumps(LABELS), "k": "1"},
        content=WAVING,
        headers={"content-type": "video/mp4"},
    )
    as_form = asking.post(
        "/classify", data={"labels": ",".join(LABELS), "k": "1"}, files={"video": ("../a\n.mp4", WAVING)}
    )
    assert as_body.json() == {**named, "path": "video"}
    assert as_form.json()["predictions"] == named["predictions"]
    assert "/" not in as_form.json()["path"]
    segments = asking.post("/timeline", data={"window_seconds": "1"}, files={"video": ("a.mp4", WAVING)})
    assert len(segments.json()["segments"]) > 1
    told(asking.post("/classify", files={"video": ("a.mp4", b"no video")}), 422)
    assert left_over() <= before


@pytest.mark.parametrize(
    ("content", "kind", "status", "words"),
    [
        (b"", "application/json", 400, "no JSON"),
        (b"\xff\xfe{", "application/json", 400, "no JSON"),
        (b"[" * 50_000, "application/json", 400, "no JSON"),
        (b'{"video": "a", "k": NaN}', "application/json", 400, "no JSON"),
        (b"[]", "application/json", 422, "openapi"),
        (b'{"labels": ["a", "b"]}', "application/json", 422, "video is missing"),
        (b'{"video": "waving.mp4", "k": "5"}', "application/json", 422, "k is '5'"),
        (b'{"video": "waving.mp4", "k": 0}', "application/json", 422, "k is 0"),
        (b'{"video": "waving.mp4", "top": 3}', "application/json", 422, "no field 'top'"),
        (b'{"video": "waving.mp4", "labels": []}', "application/json", 422, "labels is"),
        (b'{"video": "waving.mp4", "labels": ["a", "A"]}', "application/json", 422, "'a'"),
        (b'{"video": "waving.mp4", "labels": "/etc/passwd"}', "application/json", 422, "bundled"),
        (b'{"video": "waving.mp4", "labels": "a,b", "templates": "/x"}', "application/json", 422, "bundled"),
        (b'{"video": "waving.mp4", "labels": "a,b", "stages": "/x"}', "application/json", 422, "bundled"),
        (b'{"video": "waving.mp4", "templates": ["a {}"]}', "application/json", 422, "labels"),
        (b'{"video": "broken.mp4"}', "application/json", 422, "broken.mp4"),
        (b"x" * ((4 << 20) + 1), "application/json", 413, "too large"),
        (b"x" * ((1 << 20) + 1), "video/mp4", 413, "too large"),
        (b"", "video/mp4", 422, "empty"),
        (b"--b\r\n", "multipart/form-data; boundary=b", 422, "video"),
        (b"--b\r\n", "multipart/form-data", 400, "form"),
        (b"x", "text/plain", 415, "text/plain"),
    ],
)
def test_what_cannot_be_answered_is_one_line(asking, content, kind, status, words):
    line = told(asking.post("/classify", content=content, headers={"content-type": kind}), status)
    assert words in line
    assert str(CLIPS.parent) not in line


def test_a_body_without_a_length_is_bounded_too(asking):
    before = left_over()
    pieces = (b"x" * 65_536 for _ in range(40))
    told(asking.post("/classify", content=pieces, headers={"content-type": "video/mp4"}), 413)
    form = b'--b\r\ncontent-disposition: form-data; name="video"; filename="a"\r\n\r\n'
    pieces = (form, *(b"x" * (1 << 20) for _ in range(8)))
    answer = asking.post(
        "/classify", content=iter(pieces), headers={"content-type": "multipart/form-data; boundary=b"}
    )
    told(answer, 413)
    assert left_over() <= before


@pytest.mark.parametrize(
    "name",
    [
        "../secret.mp4",
        "link.mp4",
        "round.mp4",
        "nothing.mp4",
        ".",
        "../videos-too/secret.mp4",
        "a\0b",
        "x" * 4000,
    ],
)
def test_what_is_not_below_a_folder_might_as_well_not_be_there(asking, name):
    answers = {
        told(asking.post(f"/{verb}", json={"video": name}), 404).replace(repr(name), "…")
        for verb in ("classify", "embed")
    }
    assert answers == {"there is no video …; expected the path of a file that is served"}


def test_a_full_path_is_served_from_below_a_folder_alone(asking, served):
    assert asking.post("/embed", json={"video": str(served / "waving.mp4")}).status_code == 200
    told(asking.post("/embed", json={"video": str(served.parent / "secret.mp4")}), 404)


def test_addresses_are_fetched_only_where_that_is_allowed(asking, classifier, monkeypatch):
    for address in ("http://127.0.0.1:1/a.mp4", "file:///etc/passwd", "s3://a/b"):
        told(asking.post("/embed", json={"video": address}), 403)
    open_to_all = zeroshot.asgi_app(classifier, zeroshot.Serving(allow_addresses=True, most_upload_bytes=100))
    with TestClient(open_to_all, base_url="http://127.0.0.1") as client:
        told(client.post("/embed", json={"video": "file:///etc/passwd"}), 403)
        assert "cannot fetch" in told(client.post("/embed", json={"video": "http://127.0.0.1:1/a"}), 422)


def test_names_and_methods_that_are_not_there(asking):
    told(asking.get("/nothing"), 404)
    assert asking.get("/classify").headers["allow"] == "POST"
    told(asking.get("/classify"), 405)
    told(asking.get("/labels/nothing"), 404)
    assert asking.get("/labels/puppet_actions").json()["labels"][0] == "waving"
    assert "kinetics400" in asking.get("/labels").json()["lists"]
    assert asking.get("/health").json() == {"status": "ok", "waiting": 0, "most_waiting": 64}


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "", "127.0.0.1.evil.example"])
def test_a_name_that_was_made_to_point_here_is_not_served(asking, host):
    told(asking.get("/labels", headers={"host": host}), 421)


def test_pages_of_other_sites_may_not_ask(asking):
    told(
        asking.post("/classify", json={"video": "waving.mp4"}, headers={"origin": "https://evil.example"}),
        403,
    )
    told(asking.get("/labels", headers={"origin": "null"}), 403)
    own = asking.get("/labels", headers={"origin": "http://127.0.0.1:8000"})
    assert own.status_code == 200
    assert "access-control-allow-origin" not in own.headers


def test_without_the_token_nothing_but_its_health_is_told(classifier):
    settings = zeroshot.Serving(host="0.0.0.0", token="a token of some length")
    with TestClient(zeroshot.asgi_app(classifier, settings), base_url="http://videos.example") as client:
        assert client.get("/health").status_code == 200
        for given in (
            {},
            {"authorization": "Bearer another"},
            {"authorization": "Basic a token of some length"},
        ):
            answer = client.get("/labels", headers=given)
            told(answer, 401)
            assert answer.headers["www-authenticate"] == "Bearer"
            told(client.post("/mcp", json={}, headers=given), 401)
        right = {"authorization": "bearer a token of some length"}
        assert client.get("/labels", headers=right).status_code == 200
        assert "token" in client.get("/openapi.json", headers=right).json()["components"]["securitySchemes"]


def test_a_file_that_kills_its_decoder_costs_its_own_answer(classifier, asking):
    assert asking.post("/embed", json={"video": "waving.mp4"}).status_code == 200
    child = classifier.model._reader._crew._crew._drivers[0]._child._process.pid
    os.kill(child, signal.SIGSTOP)
    killer = threading.Timer(0.5, lambda: (os.kill(child, signal.SIGKILL), os.kill(child, signal.SIGCONT)))
    killer.start()
    assert "SIGKILL" in told(asking.post("/embed", json={"video": "waving.mp4"}), 422)
    killer.join()
    assert asking.post("/embed", json={"video": "waving.mp4"}).status_code == 200


def test_it_hangs_in_an_app_of_somebody_elses(classifier, served):
    app = zeroshot.asgi_app(classifier, zeroshot.Serving(folders=[served]))
    whole = Starlette(routes=[Mount("/video", app)], lifespan=app.lifespan)
    with TestClient(whole, base_url="http://localhost") as client:
        assert client.post("/video/embed", json={"video": "waving.mp4"}).status_code == 200
        assert client.get("/video/openapi.json").json()["servers"] == [{"url": "/video"}]
        told(client.get("/video/nothing"), 404)
        told(client.get("/video/embed"), 405)
