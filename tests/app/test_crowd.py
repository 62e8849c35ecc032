"""Many at once, and whatever the description allows and does not. Covers: app/openapi."""

from __future__ import annotations

import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from served_process import CLIPS, post, started

pytestmark = pytest.mark.slow

VIDEOS = sorted(path.name for path in CLIPS.glob("*.mp4"))
PATHS = {"/classify", "/timeline", "/embed", "/search", "/labels", "/health"}
LISTS = [["waving", "kicking"], ["swimming", "jumping", "clapping"], None]


def kilobytes(pid: int) -> int:
    """What a process holds in memory."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])


def ask_all(address: str, num_clients: int, num_questions: int) -> tuple[Counter, list[float]]:
    """Statuses, and seconds of each answer; asked by so many at once."""
    statuses, seconds, lock = Counter(), [], threading.Lock()

    def ask(client: int) -> None:
        for number in range(num_questions):
            turn = client + number
            question = {"video": VIDEOS[turn % len(VIDEOS)], "labels": LISTS[turn % len(LISTS)]}
            began = time.perf_counter()
            status, row = post(address, "/embed" if turn % 5 == 0 else "/classify", _fit(question, turn))
            with lock:
                statuses[status, next(iter(row))] += 1
                seconds.append(time.perf_counter() - began)

    clients = [threading.Thread(target=ask, args=(client,)) for client in range(num_clients)]
    for each in clients:
        each.start()
    for each in clients:
        each.join()
    return statuses, seconds


def _fit(question: dict, turn: int) -> dict:
    return {"video": question["video"]} if turn % 5 == 0 else question


@pytest.mark.timeout(900)
def test_fifty_clients_lose_nothing_and_memory_stays(capsys):
    with started("--labels", "puppet_actions") as (process, address):
        ask_all(address, 50, 2)
        before = kilobytes(process.pid)
        statuses, seconds = ask_all(address, 50, 8)
        after = kilobytes(process.pid)
        assert post(address, "/classify", {"video": "waving_beach.mp4"})[0] == 200
    with capsys.disabled():
        slowest = sorted(seconds)[int(0.95 * len(seconds))]
        print(
            f"\n400 questions of 50 clients: p95 {slowest:.2f} s, memory {before >> 10} to {after >> 10} MB"
        )
    assert statuses == {(200, "path"): 400}
    assert after < before + (48 << 10)


@pytest.mark.timeout(900)
def test_with_fewer_places_each_is_answered_or_told_to_come_back():
    with started("--labels", "puppet_actions", "--most-waiting", "4") as (_, address):
        statuses, _ = ask_all(address, 50, 4)
        assert sum(statuses.values()) == 200
        assert set(statuses) <= {(200, "path"), (429, "error")}
        assert statuses[200, "path"] >= 4
        assert statuses[429, "error"] > 0
        assert post(address, "/classify", {"video": "waving_beach.mp4"})[0] == 200


@pytest.mark.timeout(900)
def test_it_is_as_it_is_described(archive):
    """Whatever the description allows: no mistake of the server's, and no answer that is not described."""
    import schemathesis
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import strategies as some
    from schemathesis import GenerationMode
    from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

    quiet = settings(
        max_examples=60,
        deadline=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    asked: Counter = Counter()
    with started("--labels", "puppet_actions", "--embeddings", str(archive)) as (_, address):
        schema = schemathesis.openapi.from_url(f"{address}/openapi.json")
        for found in schema.get_all_operations():
            right, wrong = (found.ok().as_strategy(generation_mode=mode) for mode in GenerationMode)

            @quiet
            @given(case=some.one_of(right, wrong))
            def ask(case):
                response = case.call()
                asked[case.path, response.status_code] += 1
                # No description tells which words name a list, nor which bytes are a video; and in a form a
                # list without items is no field.
                of_json = case.media_type == "application/json"
                excluded = [] if of_json else [negative_data_rejection]
                case.validate_response(response, excluded_checks=[positive_data_acceptance, *excluded])

            ask()
        assert post(address, "/classify", {"video": "waving_beach.mp4"})[0] == 200
    assert {path for path, _ in asked} == {*PATHS, "/labels/{name}"}
