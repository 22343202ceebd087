"""Files that somebody replaces or removes under a ledger that is open."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest
from ledger_samples import open_ledger, proposal

from contracts.errors import UpstreamError
from gateway.ledger.opened import LOOK_SECONDS


@pytest.mark.parametrize(("name", "replaced"), [("ledger.db", True), ("ledger.db", False), ("ledger.db-wal", False)])
def test_a_file_that_is_no_longer_the_one_opened_is_named_and_nothing_is_acknowledged_until_it_is_back(
    tmp_path: Path, name: str, replaced: bool
) -> None:
    ledger, file, kept = open_ledger(tmp_path), tmp_path / name, tmp_path / "kept"
    ledger.submit(proposal("k1")).result()
    file.rename(kept)
    if replaced:
        shutil.copy(kept, file)
    assert ledger.unwritable() == "ledger_replaced"
    time.sleep(LOOK_SECONDS)
    for key in ("k1", "k2"):
        with pytest.raises(UpstreamError, match="ledger replaced"):
            ledger.submit(proposal(key)).result()
    kept.rename(file)
    assert ledger.unwritable() == ""
    assert not ledger.submit(proposal("k2")).result().repeated
    ledger.close()
    again = open_ledger(tmp_path)
    assert (again.status().entries, again.verify_chain()) == (2, ())
    again.close()
