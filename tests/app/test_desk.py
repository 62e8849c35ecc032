"""How many questions at a time, and for how long; what becomes of those that nobody waits for."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import Future

import pytest

import zeroshot
from zeroshot.app.asgi import ServedApp


@pytest.fixture
def stuck(classifier, served):
    """An app whose worker never answers, and what was asked of that."""
    app = ServedApp(classifier, zeroshot.Serving(folders=[served], time_limit_seconds=0.3, most_waiting=2))
    asked: list[Future] = []

    def embed(source, finish, drifts=False):
        asked.append(Future())
        return asked[-1]

    app.desk._worker.embed = embed
    return app, asked


async def post(app, path: str, content: bytes, then: list | None = None) -> tuple[int, dict, dict]:
    """Status, headers and JSON of one answer; `then` is what the client sends after the question."""
    coming = [{"type": "http.request", "body": content}, *(then or [])]
    sent: list[dict] = []

    async def receive():
        if not coming:
            await asyncio.Event().wait()
        return coming.pop(0)

    async def send(message):
        sent.append(message)

    headers = [(b"host", b"localhost"), (b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": path, "headers": headers, "query_string": b""}
    await app(scope, receive, send)
    named = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], named, json.loads(sent[1]["body"])


QUESTION = json.dumps({"video": "waving.mp4"}).encode()


def test_an_answer_that_takes_too_long_is_given_up(stuck):
    app, asked = stuck
    status, _, row = asyncio.run(post(app, "/classify", QUESTION))
    assert (status, asked[0].cancelled(), app.desk.waiting) == (504, True, 0)
    assert "0.3 s" in row["error"]


def test_one_question_more_is_asked_to_come_back(stuck):
    app, asked = stuck

    async def three():
        return await asyncio.gather(*(post(app, "/classify", QUESTION) for _ in range(3)))

    *waited, (status, headers, row) = asyncio.run(three())
    assert [each[0] for each in waited] == [504, 504]
    assert status == 429
    assert int(headers["retry-after"]) >= 1
    assert "2 questions" in row["error"]
    assert len(asked) == 2


def test_a_client_that_leaves_takes_its_question_along(stuck):
    app, asked = stuck
    status, _, _ = asyncio.run(post(app, "/classify", QUESTION, [{"type": "http.disconnect"}]))
    assert (status, asked[0].cancelled(), app.desk.waiting) == (499, True, 0)


def test_while_it_stops_it_answers_what_runs_and_nothing_new(classifier, served):
    app = ServedApp(classifier, zeroshot.Serving(folders=[served]))

    async def both():
        first = asyncio.ensure_future(post(app, "/classify", QUESTION))
        while not app.desk.waiting:
            await asyncio.sleep(0.01)
        app.desk.is_stopping = True
        return await post(app, "/classify", QUESTION), await first

    (status, headers, _), (first, _, _) = asyncio.run(both())
    app.desk.close()
    assert (first, status) == (200, 503)
    assert "retry-after" in headers
    assert app.desk.health()["status"] == "stopping"


def test_once_it_has_stopped_nothing_waits_for_ever(classifier, served):
    app = ServedApp(classifier, zeroshot.Serving(folders=[served]))
    app.desk._worker.close()
    assert asyncio.run(post(app, "/classify", QUESTION))[0] == 503


def test_a_defect_is_one_line_and_a_log_entry(stuck, caplog, monkeypatch):
    app, _ = stuck
    monkeypatch.setattr(app.desk, "question", lambda: 1 / 0)
    status, _, row = asyncio.run(post(app, "/classify", QUESTION))
    assert (status, row) == (500, {"error": "the server made a mistake; its log says which"})
    assert "ZeroDivisionError" in caplog.text


def test_what_is_wrong_with_the_server_is_told_to_its_log(classifier, served, archive, caplog):
    app = ServedApp(classifier, zeroshot.Serving(embeddings=[archive]))

    class Damaged:
        def read(self):
            raise zeroshot.errors.OutputError(f"{archive} is damaged")

    app.desk._indices["puppets"] = Damaged()
    status, _, row = asyncio.run(post(app, "/search", b'{"query": "waving"}'))
    app.desk.close()
    assert status == 500
    assert str(archive) not in row["error"]
    assert str(archive) in caplog.text


def test_too_many_texts_are_not_encoded(classifier, served):
    app = ServedApp(classifier, zeroshot.Serving(folders=[served], most_texts=3))
    question = {"video": "waving.mp4", "labels": ["a", "b"], "templates": ["{}", "a {}"]}
    status, _, row = asyncio.run(post(app, "/classify", json.dumps(question).encode()))
    assert status == 422
    assert "4 texts" in row["error"]


def test_embeddings_of_another_model_are_refused_at_once(classifier, archive, monkeypatch):
    monkeypatch.setattr(type(classifier.model), "fingerprint", "of another model")
    with pytest.raises(zeroshot.errors.ModelError, match="another model"):
        ServedApp(classifier, zeroshot.Serving(embeddings=[archive]))


def test_a_timeline_without_end_is_refused(classifier, served, monkeypatch):
    monkeypatch.setattr("zeroshot.app.desk._MOST_SEGMENTS", 2)
    app = ServedApp(classifier, zeroshot.Serving(folders=[served]))
    question = json.dumps({"video": "waving.mp4", "window_seconds": 0.2}).encode()
    status, _, row = asyncio.run(post(app, "/timeline", question))
    app.desk.close()
    assert status == 422
    assert "more than 2 segments" in row["error"]
