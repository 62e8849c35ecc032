"""A model in a process that was forked: on a processor it goes on, on a GPU one line says why not."""

from __future__ import annotations

import os

import pytest
import torch

from zeroshot.errors import ModelError
from zeroshot.model.forks import require_unforked, survive_forks


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
