"""What verification finds when somebody changed the ledger behind our back."""

from __future__ import annotations

import hashlib
import resource
import shutil
import sqlite3
import time
import tracemalloc
from pathlib import Path

import pytest
from ledger_samples import NOON, open_ledger, proposal

from contracts.errors import InternalFault, SetupError
from gateway.ledger import Finding, make_key_file
from gateway.ledger.chain import GENESIS, Anchor, Head, block_digest, head_seal, merkle_root, signature
from gateway.ledger.seal import read_key


def fill(folder: Path, blocks: int = 5) -> None:
    """A ledger of so many blocks of one decision each."""
    ledger = open_ledger(folder)
    for i in range(blocks):
        ledger.submit(proposal(f"k{i}", str(i), "app-1")).result()
    ledger.close()


def tamper(folder: Path, *statements: str) -> None:
    connection = sqlite3.connect(folder / "ledger.db")
    with connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def findings(folder: Path) -> list[Finding]:
    ledger = open_ledger(folder)
    found = list(ledger.verify_chain())
    ledger.close()
    return found


def codes(folder: Path) -> set[str]:
    return {finding.code for finding in findings(folder)}


def examined(folder: Path) -> set[str]:
    """What is found in a ledger that refuses to open."""
    ledger = open_ledger(folder, examine=True)
    found = {finding.code for finding in ledger.verify_chain()}
    ledger.close()
    return found


def test_an_untouched_chain_has_no_findings(tmp_path: Path) -> None:
    fill(tmp_path)
    assert findings(tmp_path) == []


@pytest.mark.parametrize(
    "change",
    [
        "outcome = 'decline'",
        "valid_until = valid_until + 1",
        "received = received - 1",
        "about = NULL",
        "principal = 'x'",
        "sent = zeroblob(32)",
        "request = zeroblob(16)",
    ],
)
def test_an_altered_row_is_named(tmp_path: Path, change: str) -> None:
    fill(tmp_path)
    tamper(tmp_path, f"UPDATE entry SET {change} WHERE id = 3")  # noqa: S608
    assert [(f.code, f.block, f.entry) for f in findings(tmp_path)] == [("entry_altered", 3, 3)]


def test_an_altered_payload_is_named_and_does_not_open(tmp_path: Path) -> None:
    fill(tmp_path)
    tamper(tmp_path, "UPDATE envelope SET sealed = (SELECT sealed FROM envelope WHERE id = 1) WHERE id = 3")
    assert [(f.code, f.entry) for f in findings(tmp_path)] == [("payload_altered", 3)]
    ledger = open_ledger(tmp_path)
    with pytest.raises(InternalFault):
        ledger.open_payload(ledger.list()[2].decision_id)
    with pytest.raises(InternalFault):
        ledger.submit(proposal("k2", "2", "app-1")).result()
    ledger.close()


def test_a_removed_row_and_a_removed_block_are_named(tmp_path: Path) -> None:
    fill(tmp_path)
    tamper(tmp_path, "DELETE FROM entry WHERE id = 2")
    assert [(f.code, f.entry) for f in findings(tmp_path)] == [("entry_missing", 2)]
    tamper(tmp_path, "DELETE FROM block WHERE number = 4")
    assert [(f.code, f.block) for f in findings(tmp_path)] == [("entry_missing", 2), ("block_missing", 4)]


def test_a_row_added_behind_the_last_block_is_named(tmp_path: Path) -> None:
    fill(tmp_path, 2)
    copied = "CREATE TEMP TABLE extra AS SELECT * FROM entry WHERE id = 1"
    changed = "UPDATE extra SET id = 9, name = 'x', request = NULL"
    tamper(tmp_path, copied, changed, "INSERT INTO entry SELECT * FROM extra")
    assert codes(tmp_path) == {"entry_unblocked"}


CUT = (
    "DELETE FROM entry WHERE id > 3",
    "DELETE FROM block WHERE number > 3",
    "UPDATE head SET number = 3, entries = 3, digest = (SELECT digest FROM block WHERE number = 3)",
)

CUT_TO_NOTHING = (
    "DELETE FROM entry",
    "DELETE FROM block",
    f"UPDATE head SET number = 0, entries = 0, digest = x'{GENESIS.hex()}'",  # noqa: S608 # our own values
)


def test_a_chain_whose_end_was_cut_off_refuses_to_open(tmp_path: Path) -> None:
    fill(tmp_path)
    tamper(tmp_path, *CUT)
    with pytest.raises(SetupError, match=r"ends at block 3.* names 5"):
        open_ledger(tmp_path)
    assert examined(tmp_path) == {"truncated"}


def cut_anchor(folder: Path, lines: int) -> None:
    anchor = folder / "ledger.anchor"
    anchor.write_bytes(b"\n".join(anchor.read_bytes().split(b"\n")[:lines]) + b"\n")


@pytest.mark.parametrize("blocks", [3, 0])
def test_a_chain_cut_off_together_with_its_anchor_refuses_to_open(tmp_path: Path, blocks: int) -> None:
    fill(tmp_path)
    tamper(tmp_path, *(CUT if blocks else CUT_TO_NOTHING))
    cut_anchor(tmp_path, blocks)
    with pytest.raises(SetupError, match=rf"ends at block {blocks}, but its head bears the seal of another"):
        open_ledger(tmp_path)
    assert examined(tmp_path) == {"truncated"}


@pytest.mark.parametrize("seal", ["(SELECT seal FROM earlier)", "NULL"])
def test_what_a_release_without_seals_wrote_last_is_no_cut(tmp_path: Path, seal: str) -> None:
    fill(tmp_path, 3)
    tamper(tmp_path, "CREATE TABLE earlier AS SELECT seal FROM head")
    fill(tmp_path, 5)
    tamper(tmp_path, f"UPDATE head SET seal = {seal}")  # noqa: S608 # our own values
    assert findings(tmp_path) == []


def test_a_head_sealed_with_a_key_that_is_not_given_is_no_cut(tmp_path: Path) -> None:
    fill(tmp_path)
    old, new = make_key_file(tmp_path / "keys" / "signing.key"), make_key_file(tmp_path / "new.key")
    open_ledger(tmp_path, signing_key=[new, old]).close()
    ledger = open_ledger(tmp_path, signing_key=new)
    assert {finding.code for finding in ledger.verify_chain()} == {"signature_unknown"}
    ledger.close()


def test_a_chain_cut_off_while_open_is_found_truncated(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    for i in range(5):
        ledger.submit(proposal(f"k{i}")).result()
    tamper(tmp_path, *CUT)
    assert [f.code for f in ledger.verify_chain()] == ["truncated"]
    ledger.close()


def test_an_old_backup_put_in_place_refuses_to_open(tmp_path: Path) -> None:
    fill(tmp_path, 2)
    shutil.copy(tmp_path / "ledger.db", tmp_path / "backup.db")
    fill(tmp_path, 4)
    for stale in tmp_path.glob("ledger.db*"):
        stale.unlink()
    (tmp_path / "backup.db").rename(tmp_path / "ledger.db")
    with pytest.raises(SetupError, match="older copy"):
        open_ledger(tmp_path)
    assert examined(tmp_path) == {"old_copy"}


def rewrite(folder: Path, signing_key: bytes) -> None:
    """What a thorough forger does: change a row and hash everything again, all the way to the head."""
    connection = sqlite3.connect(folder / "ledger.db")
    connection.execute("UPDATE entry SET digest = zeroblob(32) WHERE id = 2")
    previous = GENESIS
    blocks = connection.execute("SELECT number, first, size, at FROM block ORDER BY number").fetchall()
    for number, first, size, at in blocks:
        rows = connection.execute("SELECT digest FROM entry WHERE id BETWEEN ? AND ?", (first, first + size - 1))
        root = merkle_root([row[0] for row in rows])
        digest = block_digest(number, previous, root, first, size, at)
        new = (previous, root, digest, signature(signing_key, digest), number)
        connection.execute("UPDATE block SET previous=?, root=?, digest=?, signature=? WHERE number=?", new)
        previous = digest
    seal = head_seal(signing_key, Head(len(blocks), previous, len(blocks)))
    connection.execute("UPDATE head SET digest = ?, seal = ?", (previous, seal))
    connection.commit()
    connection.close()


def test_rewriting_and_hashing_again_is_found_by_the_signature(tmp_path: Path) -> None:
    fill(tmp_path)
    rewrite(tmp_path, b"guess")
    with pytest.raises(SetupError, match="changed past the gateway"):
        open_ledger(tmp_path)
    assert {"signature_wrong", "rewritten"} <= examined(tmp_path)


def test_rewriting_with_the_signing_key_is_found_by_the_anchor(tmp_path: Path) -> None:
    fill(tmp_path)
    rewrite(tmp_path, read_key(f"file:{tmp_path}/keys/signing.key", "signing key"))
    found = findings(tmp_path)
    assert {f.code for f in found} == {"rewritten", "entry_altered"}
    assert {f.block for f in found if f.code == "rewritten"} == {2, 3, 4, 5}


def test_a_missing_anchor_is_a_finding_of_its_own(tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / "ledger.anchor").unlink()
    assert codes(tmp_path) == {"anchor_missing"}


def test_a_torn_anchor_line_is_passed_over(tmp_path: Path) -> None:
    fill(tmp_path)
    with (tmp_path / "ledger.anchor").open("a") as anchor:
        anchor.write("6 dead\n")
    assert findings(tmp_path) == []


@pytest.mark.parametrize("torn", ["1", "6 " + "0" * 63, "6"])
def test_a_torn_anchor_line_does_not_run_into_the_next_one(tmp_path: Path, torn: str) -> None:
    fill(tmp_path)
    with (tmp_path / "ledger.anchor").open("a") as anchor:
        anchor.write(torn)
    ledger = open_ledger(tmp_path)
    ledger.submit(proposal("k6", "6", "app-1")).result()
    ledger.close()
    assert findings(tmp_path) == []
    assert len(list(Anchor(tmp_path / "ledger.anchor").lines())) == 6


@pytest.mark.parametrize("number", [3, 12])
def test_an_anchor_line_that_this_ledger_did_not_sign_is_named_and_believed_in_nothing(
    tmp_path: Path, number: int
) -> None:
    fill(tmp_path)
    with (tmp_path / "ledger.anchor").open("a") as anchor:
        anchor.write(f"{number} {'ab' * 32} {'cd' * 32}\n")
    assert [(f.code, f.block) for f in findings(tmp_path)] == [("anchor_altered", number)]


def test_an_anchor_line_that_ran_into_half_of_another_cuts_nothing_off(tmp_path: Path) -> None:
    """As releases left it that did not begin a line with a newline."""
    fill(tmp_path)
    anchor = tmp_path / "ledger.anchor"
    anchor.write_text(anchor.read_text().replace("\n4 ", "\n124 "))
    assert findings(tmp_path) == []


def test_a_chain_cut_off_and_a_line_damaged_besides_is_still_found_by_the_anchor(tmp_path: Path) -> None:
    fill(tmp_path, 6)
    tamper(tmp_path, *CUT, "UPDATE head SET seal = NULL")
    anchor = tmp_path / "ledger.anchor"
    anchor.write_text(anchor.read_text().replace("\n3 ", "\n123 ").replace("\n6 ", "\n6 00"))
    with pytest.raises(SetupError, match=r"ends at block 3.* names 5"):
        open_ledger(tmp_path)
    assert examined(tmp_path) == {"truncated"}


def test_memory_does_not_grow_with_the_anchor(tmp_path: Path) -> None:
    fill(tmp_path, 2)
    with (tmp_path / "ledger.anchor").open("a") as anchor:
        anchor.writelines(f"{number} {number:064x} {'cd' * 32}\n" for number in range(3, 30_000))
    ledger = open_ledger(tmp_path)
    tracemalloc.start()
    assert [finding.code for finding in ledger.verify_chain()] == ["anchor_altered"]
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    ledger.close()
    assert most < 2 << 20


def test_an_anchor_line_cut_short_by_a_full_disk_is_an_error_and_stands_alone(tmp_path: Path) -> None:
    """Also where another process, which knows nothing of it, writes the next one."""
    anchor, other, digest = Anchor(tmp_path / "anchor"), Anchor(tmp_path / "anchor"), bytes(32)
    anchor.append(1, digest, digest)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, ((tmp_path / "anchor").stat().st_size + 3, before[1]))
    try:
        with pytest.raises(OSError, match="only 3 of"):
            anchor.append(12, digest, digest)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    other.append(124, digest, digest)
    anchor.append(125, digest, digest)
    for one in (anchor, other):
        one.close()
    assert [line.number for line in Anchor(tmp_path / "anchor").lines()] == [1, 124, 125]


def test_the_merkle_root_is_the_one_computed_by_hand() -> None:
    a, b, c = (hashlib.sha256(bytes([i])).digest() for i in range(3))
    ab = hashlib.sha256(b"\1" + a + b).digest()
    assert merkle_root([a]) == a
    assert merkle_root([a, b, c]) == hashlib.sha256(b"\1" + ab + c).digest()


def test_a_destroyed_key_lies_in_no_file_any_more(tmp_path: Path) -> None:
    """Neither in a freed page of the database nor in its log, while the ledger goes on."""
    ledger = open_ledger(tmp_path)
    decision = ledger.submit(proposal("k1")).result()
    ledger.submit(proposal("k2")).result()
    connection = sqlite3.connect(tmp_path / "ledger.db")
    (wrapped,) = connection.execute("SELECT wrapped FROM envelope_key WHERE id = 1").fetchone()
    connection.close()

    def copies() -> int:
        return sum(path.read_bytes().count(wrapped) for path in tmp_path.glob("ledger.*"))

    assert copies() > 0
    ledger.erase(decision.decision_id, by="dpo", at=NOON).result()
    end = time.monotonic() + 5
    while copies() and time.monotonic() < end:
        time.sleep(0.01)
    assert copies() == 0
    ledger.close()


def test_nothing_personal_lies_in_the_clear(tmp_path: Path) -> None:
    """Keys and contents that a caller sent must not be readable in a copy of the database or its log."""
    ledger = open_ledger(tmp_path)
    secret = proposal("request-of-ada", "income 4321", "application-of-ada", received_at=NOON)
    decision = ledger.submit(secret).result()
    ledger.human_decision(decision.decision_id, "approve", "ada told us so", "bob", NOON).result()
    files = b"".join(path.read_bytes() for path in tmp_path.glob("ledger.*"))
    words = b"request-of-ada", b"income 4321", b"application-of-ada", b"told us"
    assert not [word for word in words if word in files]
    ledger.close()
