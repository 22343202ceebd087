"""Keys that are replaced, payloads past their date: what opens before and after, and that the chain holds."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from ledger_samples import NOON, open_ledger, proposal

from contracts.errors import NotFound, SetupError, UpstreamError
from gateway.ledger import Filters, Kind, Ledger, make_key_file
from gateway.ledger.chain import Head
from gateway.ledger.store import Block, Draft, Store


def filled(folder: Path, **changes: object) -> Ledger:
    ledger = open_ledger(folder, **changes)
    for future in [ledger.submit(proposal(f"k{i}", str(i), f"app-{i}")) for i in range(1200)]:
        future.result()
    return ledger


def keys(folder: Path) -> tuple[str, str]:
    return make_key_file(folder / "keys" / "master.key"), make_key_file(folder / "new-master.key")


def test_after_a_rotation_everything_opens_with_the_new_master_key_alone(ledger_folder: Path) -> None:
    filled(ledger_folder).close()
    old, new = keys(ledger_folder)
    both = open_ledger(ledger_folder, master_key=[new, old])
    serving = open_ledger(ledger_folder, master_key=[old, new])  # as a gateway that has not turned to the new one yet
    meanwhile = serving.submit(proposal("meanwhile")).result()
    assert sum(both.rotate_keys()) == 1201
    assert serving.submit(proposal("k7", "7", "app-7")).result().repeated
    assert serving.open_payload(meanwhile.decision_id).record == b"r"
    with pytest.raises(UpstreamError, match="master key retired"):
        serving.submit(proposal("late")).result()
    assert (serving.status().entries, serving.unwritable(), both.unwritable()) == (1201, "key_retired", "")
    assert not both.submit(proposal("late")).result().repeated
    both.close()
    serving.close()
    alone = open_ledger(ledger_folder, master_key=new)
    assert alone.survey(NOON)["keys_by_master"] == {"3": 1202}
    repeated = alone.submit(proposal("k7", "7", "app-7")).result()
    assert (repeated.repeated, alone.open_payload(repeated.decision_id).record) == (True, b"7")
    assert alone.verify_chain() == ()
    alone.close()
    with pytest.raises(SetupError, match="retired"):
        open_ledger(ledger_folder, master_key=old)


def test_what_is_sealed_under_the_old_key_in_the_moment_it_is_retired_opens_with_the_new_one(
    ledger_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serving = open_ledger(ledger_folder)
    old, new = keys(ledger_folder)
    both = open_ledger(ledger_folder, master_key=[new, old])
    append, appending, go_on = Store.append, threading.Event(), threading.Event()

    def held(store: Store, drafts: Sequence[Draft], head: Head) -> Block:
        appending.set()
        go_on.wait()
        return append(store, drafts, head)

    monkeypatch.setattr(Store, "append", held)
    with ThreadPoolExecutor(1) as pool:
        late = serving.submit(proposal("k1"))
        appending.wait()
        rotation = pool.submit(lambda: sum(both.rotate_keys()))
        time.sleep(0.2)
        assert not rotation.done(), "it waits for whoever seals under the old key"
        go_on.set()
        assert (late.result().repeated, rotation.result()) == (False, 1)
    assert both.survey(NOON)["keys_by_master"] == {"3": 1}
    serving.close()
    both.close()


def test_a_new_master_key_without_a_known_one_beside_it_is_refused(tmp_path: Path) -> None:
    open_ledger(tmp_path).close()
    with pytest.raises(SetupError, match="alone or after a new one"):
        open_ledger(tmp_path, master_key=keys(tmp_path)[1])


def test_rotating_without_the_key_some_entries_lie_under_says_so(tmp_path: Path) -> None:
    filled(tmp_path).close()
    old, new = keys(tmp_path)
    open_ledger(tmp_path, master_key=[new, old]).close()
    ledger = open_ledger(tmp_path, master_key=new)
    with pytest.raises(SetupError, match="master key 1, which was not given"):
        list(ledger.rotate_keys())
    ledger.close()


def test_blocks_of_an_older_signing_key_still_verify_and_without_it_are_named(ledger_folder: Path) -> None:
    ledger = open_ledger(ledger_folder)
    ledger.submit(proposal("k1")).result()
    ledger.close()
    old, new = make_key_file(ledger_folder / "keys" / "signing.key"), make_key_file(ledger_folder / "new-signing.key")
    ledger = open_ledger(ledger_folder, signing_key=[new, old])
    ledger.submit(proposal("k2", "other")).result()
    assert ledger.verify_chain() == ()
    ledger.close()
    ledger = open_ledger(ledger_folder, signing_key=new)
    assert [(f.code, f.block) for f in ledger.verify_chain()] == [("signature_unknown", 1)]
    ledger.close()


def test_payloads_past_their_date_are_closed_for_good_and_the_chain_still_verifies(ledger_folder: Path) -> None:
    ledger = filled(ledger_folder, retention={Kind.DECISION: 30})
    kept = ledger.submit(proposal("young", received_at=NOON + timedelta(days=20))).result()
    past = ledger.submit(proposal("k7", "7", "app-7")).result()
    at = NOON + timedelta(days=31)
    assert ledger.survey(at)["past_retention"] == 1200
    assert [ledger.purge(by="ops", at=at).result() for _ in range(3)] == [1000, 200, 0]
    assert ledger.open_payload(kept.decision_id).record == b"r"
    with pytest.raises(NotFound, match="erased"):
        ledger.open_payload(past.decision_id)
    recorded = ledger.list(Filters(kind=Kind.PURGE))
    assert [entry.principal for entry in recorded] == ["ops", "ops"]
    assert b'"entries": [' in ledger.open_payload(recorded[0].decision_id).decision
    assert ledger.verify_chain() == ()
    ledger.close()


def test_without_a_retention_nothing_is_ever_purged(tmp_path: Path) -> None:
    ledger = filled(tmp_path)
    assert ledger.purge(by="ops", at=NOON + timedelta(days=36500)).result() == 0
    ledger.close()
    with pytest.raises(UpstreamError):
        ledger.purge(by="ops", at=NOON)
