"""Parts of a batch on threads of their own; processes that are forked from one with a model."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

import zeroshot
from zeroshot.errors import ModelError
from zeroshot.model.speed.threads import (
    MeasuredThreads,
    alone,
    map_apart,
    require_unforked,
    survive_forks,
)


@pytest.fixture
def two_cores():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_parts_come_back_in_order_from_threads_that_work_at_the_same_time(two_cores):
    both_in = threading.Barrier(2, timeout=60)

    def work(part):
        if part < 2:
            both_in.wait()  # neither gets past it alone
        return part * part

    assert map_apart(work, range(7)) == [0, 1, 4, 9, 16, 25, 36]


def test_each_thread_has_its_share_of_the_cores_and_the_caller_keeps_them_all(two_cores):
    assert set(map_apart(lambda _: torch.get_num_threads(), range(8))) == {1}
    assert torch.get_num_threads() == 2
    with ThreadPoolExecutor(1) as another:
        assert another.submit(torch.get_num_threads).result() == 2


def test_one_part_has_one_thread_and_one_core_is_the_callers(two_cores):
    assert map_apart(lambda _: torch.get_num_threads(), [0]) == [1]
    assert alone(torch.get_num_threads) == 1
    assert map_apart(str, []) == []
    torch.set_num_threads(1)
    here = threading.get_ident()
    assert map_apart(lambda _: threading.get_ident(), range(3)) == [here] * 3


def test_an_error_in_a_part_reaches_the_caller_and_the_threads_go_on(two_cores):
    def work(part):
        if part == 1:
            raise ValueError("part 1")
        return part

    with pytest.raises(ValueError, match="part 1"):
        map_apart(work, range(3))
    assert map_apart(work, [0, 2]) == [0, 2]


@pytest.mark.skipif(sys.platform == "win32", reason="forks")
def test_a_forked_process_has_threads_of_its_own():
    program = (
        "import os, torch\n"
        "from zeroshot.model.speed.threads import map_apart\n"
        "torch.set_num_threads(2)\n"
        "assert map_apart(str, range(4)) == list('0123')\n"
        "if child := os.fork():\n"
        "    raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
        "assert map_apart(str, range(4)) == list('0123')\n"
        "os._exit(0)\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", program], check=True, timeout=120)


@pytest.mark.parametrize("level", [pytest.param("exact", marks=pytest.mark.slow), "fastest"])
def test_frames_have_the_same_vectors_whatever_threads_share_them(two_cores, level):
    backbone = zeroshot.load_model("puppet-tiny", precision=level).backbone
    frames = torch.randint(
        0, 255, (9, 3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    shared, tokens = backbone.encode_frames(frames), backbone.encode_tokens(frames)[0]
    torch.set_num_threads(1)
    assert torch.allclose(backbone.encode_frames(frames), shared, atol=1e-6)
    assert torch.allclose(backbone.encode_tokens(frames)[0], tokens, atol=1e-5)


def test_callers_on_several_threads_do_not_wait_for_each_other(two_cores):
    both_in = threading.Barrier(2, timeout=60)
    with ThreadPoolExecutor(2) as callers:
        assert sorted(callers.map(lambda _: alone(both_in.wait), range(2))) == [0, 1]


def test_small_work_shares_no_product_out(two_cores, monkeypatch):
    """All that an answer needs is computed on threads that have one core each."""
    import zeroshot.model.backbone
    from zeroshot.adapter.adapter import TwoStreamAdapter
    from zeroshot.model.networks.open_clip import OpenClipNetwork

    seen = set()

    def watch(kind, name):
        plain = getattr(kind, name)

        def noted(*given, **named):
            seen.add((name, torch.get_num_threads()))
            return plain(*given, **named)

        monkeypatch.setattr(kind, name, noted)

    with zeroshot.load_model("puppet-tiny", device="cpu") as model:
        clip = np.zeros((8, 48, 64, 3), np.uint8)
        model.embed_videos([clip])  # the speed level is settled once
        watch(OpenClipNetwork, "embed_texts")
        watch(OpenClipNetwork, "embed_tokens")
        watch(TwoStreamAdapter, "forward")
        watch(zeroshot.model.backbone, "preprocess_frames")
        model.embed_videos([clip])
        model.embed_texts(["waving", "kicking"])
    assert seen == {(name, 1) for name in ("preprocess_frames", "embed_tokens", "embed_texts", "forward")}


def test_texts_and_videos_have_the_same_vectors_whatever_threads_share_them(two_cores):
    texts = [f"a puppet number {number}" for number in range(70)]
    clips = [np.full((8, 48, 64, 3), number, np.uint8) for number in range(20)]
    with zeroshot.load_model("puppet-tiny", device="cpu") as model:
        shared = model.embed_texts(texts), model.embed_videos(clips)
        np.testing.assert_array_equal(model.embed_texts(texts), shared[0])
        torch.set_num_threads(1)
        np.testing.assert_allclose(model.embed_texts(texts), shared[0], atol=1e-6)
        np.testing.assert_allclose(model.embed_videos(clips), shared[1], atol=1e-5)


@pytest.mark.parametrize(
    ("seconds", "chosen"), [({2: 1.0, 1: 1.1}, 1), ({2: 1.0, 1: 1.6}, 2), ({2: 9.0, 1: 1}, 1)]
)
def test_steps_take_the_number_of_threads_that_was_quicker(two_cores, monkeypatch, seconds, chosen):
    clock = [0.0]
    monkeypatch.setattr("zeroshot.model.speed.threads.time.perf_counter", lambda: clock[0])
    threads, used = MeasuredThreads(), []
    for number in range(12):
        with threads.step():
            used.append(torch.get_num_threads())
            clock[0] += 50.0 if number == 0 else seconds[used[-1]]  # the first step allocates
        assert torch.get_num_threads() == 2
    assert threads.chosen == chosen
    assert used[:3] == [1, 1, 2]
    assert used.count(2) == {1.1: 3, 1.6: 8, 1: 1}[seconds[1]], "what is hopeless is not tried again"
    assert set(used[8:]) == {chosen}
    with MeasuredThreads(1).step():
        assert torch.get_num_threads() == 1
    torch.set_num_threads(1)
    assert MeasuredThreads().chosen == 1, "there is nothing to choose"


def test_what_comes_of_threads_can_be_learned_from(two_cores):
    with zeroshot.load_model("puppet-tiny", device="cpu") as model:
        frames = np.zeros((3, 3, 48, 64), np.uint8)
        found = [model.backbone.prepare_frames(frames), *model.backbone.encode_tokens(frames)]
        found.append(model.backbone.encode_pixels(found[0]))
    assert not any(tensor.is_inference() for tensor in found)
    with torch.inference_mode():
        assert map_apart(lambda _: torch.zeros(1).is_inference(), range(3)) == [True] * 3
    assert map_apart(lambda _: torch.is_grad_enabled(), range(3)) == [False] * 3


def test_a_gpu_after_a_fork_is_one_line():
    require_unforked(os.getpid(), torch.device("cuda"), "x")
    require_unforked(os.getpid() + 1, torch.device("cpu"), "x")
    with pytest.raises(ModelError, match=r"before this process was forked.*spawn"):
        require_unforked(os.getpid() + 1, torch.device("cuda"), "x")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no forks")
def test_a_child_takes_one_thread():
    survive_forks()
    child = os.fork()
    if not child:
        os._exit(torch.get_num_threads())
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
