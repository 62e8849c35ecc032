"""Parts of a batch on threads of their own."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

import zeroshot
from zeroshot.model.speed.precision import map_apart


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


def test_one_part_or_one_core_stays_with_the_caller(two_cores):
    here = threading.get_ident()
    assert map_apart(lambda _: threading.get_ident(), [0]) == [here]
    torch.set_num_threads(1)
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
        "from zeroshot.model.speed.precision import map_apart\n"
        "torch.set_num_threads(2)\n"
        "assert map_apart(str, range(4)) == list('0123')\n"
        "if child := os.fork():\n"
        "    raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
        "assert map_apart(str, range(4)) == list('0123')\n"
        "os._exit(0)\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", program], check=True, timeout=120)


@pytest.mark.parametrize("level", ["exact", "fastest"])
def test_frames_have_the_same_vectors_whatever_threads_share_them(two_cores, level):
    backbone = zeroshot.load_model("puppet-tiny", precision=level).backbone
    frames = torch.randint(
        0, 255, (9, 3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    shared, tokens = backbone.encode_frames(frames), backbone.encode_tokens(frames)[0]
    torch.set_num_threads(1)
    assert torch.allclose(backbone.encode_frames(frames), shared, atol=1e-6)
    assert torch.allclose(backbone.encode_tokens(frames)[0], tokens, atol=1e-5)
