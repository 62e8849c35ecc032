"""Decoding children of their own for every reader: how they start, end and are replaced is tested here."""

from __future__ import annotations

import pytest
from kept_children import end_all

from zeroshot.video.processes import pool


@pytest.fixture(scope="module", autouse=True)
def own_children():
    end_all()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zeroshot.video.processes.reader.Crew", pool.Crew)
        yield
