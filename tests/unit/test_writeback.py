"""A file goes to disk in parts, by a descriptor that is open already."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ledger import writeback
from gateway.ledger.writeback import Writeback, parts


@given(st.integers(0, 1 << 40))
def test_the_parts_are_the_whole_file_once_and_few(size: int) -> None:
    cut = list(parts(size))
    assert sum(length for _, length in cut) == size
    assert all(start + length == after for (start, length), (after, _) in itertools.pairwise(cut))
    assert not cut or cut[0][0] == 0
    assert len(cut) <= 2 * 512 + 2


def test_only_the_file_itself_is_synced_and_no_descriptor_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, synced = tmp_path / "ledger.db", list[tuple[int, int]]()
    monkeypatch.setattr(os, "fdatasync", lambda found: synced.append((os.fstat(found).st_dev, os.fstat(found).st_ino)))
    brought = Writeback(path)
    path.write_bytes(bytes(3 << 20))
    brought.gently(lambda: True)
    assert synced == []  # nobody has it open
    with path.open("rb"):
        before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 # a count is all that is wanted
        brought.gently(lambda: True)
        assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 # as above
    assert synced == [(path.stat().st_dev, path.stat().st_ino)]


def test_it_stops_resting_when_told_and_still_syncs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, synced, rested = tmp_path / "ledger.db", list[int](), list[float]()
    monkeypatch.setattr(os, "fdatasync", synced.append)
    monkeypatch.setattr(writeback.time, "sleep", rested.append)
    path.write_bytes(bytes(9 << 20))
    with path.open("rb") as file:
        Writeback(path).gently(lambda: len(rested) < 2)
        assert (len(rested), synced) == (2, [file.fileno()])
