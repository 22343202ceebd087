"""Repeats, conflicts, expiry and what a decision supersedes, asked of a real ledger."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from ledger_samples import NOON, VALID, open_ledger, proposal, refusal

from contracts.errors import Conflict, DecisionExpired, InternalFault, NotFound, UpstreamError
from gateway.ledger import Filters, Finished, Kind, Ledger, Payload, Proposal

LATER = NOON + VALID + timedelta(seconds=1)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = open_ledger(tmp_path)
    yield opened
    assert opened.verify_chain() == ()
    opened.close()


def test_the_same_asking_gets_the_stored_answer_byte_for_byte(ledger: Ledger) -> None:
    first = ledger.submit(proposal("k1", tag="first")).result()
    again = ledger.submit(proposal("k1", tag="second")).result()
    assert not first.repeated
    assert again == (first.decision_id, first.answer, True)


def test_the_same_request_key_with_another_record_is_a_conflict_that_names_the_decision(ledger: Ledger) -> None:
    first = ledger.submit(proposal("k1", "a")).result()
    with pytest.raises(Conflict) as caught:
        ledger.submit(proposal("k1", "b")).result()
    assert caught.value.decision_id == first.decision_id
    assert caught.value.detail_code == "request_key_conflict"


@pytest.mark.parametrize("other", [{"mode": "live"}, {"integration": "meridian-los"}])
def test_modes_and_integrations_have_key_spaces_of_their_own(ledger: Ledger, other: dict[str, str]) -> None:
    ledger.submit(proposal("k1", "a", "app-1")).result()
    apart = ledger.submit(proposal("k1", "b", "app-1", **other)).result()
    assert not apart.repeated
    assert b"supersedes []" in apart.answer


def test_a_decision_is_repeated_to_its_last_valid_moment_and_refused_after_it(ledger: Ledger) -> None:
    first = ledger.submit(proposal("k1")).result()
    assert ledger.submit(proposal("k1", received_at=NOON + VALID)).result().repeated
    with pytest.raises(DecisionExpired) as caught:
        ledger.submit(proposal("k1", received_at=LATER)).result()
    assert caught.value.decision_id == first.decision_id


def test_an_expired_decision_under_a_derived_key_is_superseded_by_a_new_one(ledger: Ledger) -> None:
    first = ledger.submit(proposal("d", key_derived=True)).result()
    second = ledger.submit(proposal("d", key_derived=True, received_at=LATER)).result()
    again = ledger.submit(proposal("d", key_derived=True, received_at=LATER)).result()
    third = ledger.submit(proposal("d", key_derived=True, received_at=LATER + VALID + VALID)).result()
    assert f"supersedes [{first.decision_id}]".encode() in second.answer
    assert again == (second.decision_id, second.answer, True)
    assert f"supersedes [{second.decision_id}]".encode() in third.answer


def test_an_expired_derived_asking_is_renewed_even_where_resubmission_is_a_conflict(ledger: Ledger) -> None:
    ledger.submit(proposal("d", "r", "app-1", key_derived=True, resubmission="conflict")).result()
    later = proposal("d", "r", "app-1", key_derived=True, resubmission="conflict", received_at=LATER)
    assert not ledger.submit(later).result().repeated


def test_a_new_request_key_supersedes_the_newest_decision_of_the_application(ledger: Ledger) -> None:
    first = ledger.submit(proposal("k1", "a", "app-1")).result()
    second = ledger.submit(proposal("k2", "a", "app-1")).result()
    third = ledger.submit(proposal("k3", "b", "app-1")).result()
    assert f"supersedes [{first.decision_id}]".encode() in second.answer
    assert f"supersedes [{second.decision_id}]".encode() in third.answer
    assert ledger.superseded_by(second.decision_id) == third.decision_id
    assert ledger.superseded_by(third.decision_id) == ""


def test_a_new_request_key_is_a_conflict_where_the_integration_says_so(ledger: Ledger) -> None:
    first = ledger.submit(proposal("k1", "a", "app-1", resubmission="conflict")).result()
    with pytest.raises(Conflict) as caught:
        ledger.submit(proposal("k2", "a", "app-1", resubmission="conflict")).result()
    assert (caught.value.decision_id, caught.value.detail_code) == (first.decision_id, "business_key_conflict")


def test_two_hundred_simultaneous_equals_make_one_decision(ledger: Ledger) -> None:
    futures = [ledger.submit(proposal("k1", tag=str(i))) for i in range(200)]
    settled = [future.result() for future in futures]
    assert len({(one.decision_id, one.answer) for one in settled}) == 1
    assert sum(not one.repeated for one in settled) == 1
    assert ledger.status().entries == 1


def test_a_fault_while_finishing_fails_only_its_own_proposal(ledger: Ledger) -> None:
    def fail(predecessor: str, key: str) -> Finished:
        raise ZeroDivisionError("in finish")

    futures = [ledger.submit(proposal(f"k{i}", **({"finish": fail} if i == 3 else {}))) for i in range(8)]
    with pytest.raises(InternalFault) as caught:
        futures[3].result()
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert all(not f.result().repeated for i, f in enumerate(futures) if i != 3)
    assert not ledger.submit(proposal("k3")).result().repeated


def test_an_entry_the_database_does_not_take_fails_alone(ledger: Ledger) -> None:
    """Two decisions with one id break a unique index; the others of their group must not feel it."""
    same = Finished("same-id", b"", b"", NOON + VALID, NOON, "refer", b"")
    ledger.submit(proposal("k0", finish=lambda *_: same)).result()
    futures = [ledger.submit(proposal(f"k{i}", **({"finish": lambda *_: same} if i == 3 else {}))) for i in range(1, 8)]
    with pytest.raises(InternalFault):
        futures[2].result()
    assert all(not f.result().repeated for i, f in enumerate(futures) if i != 2)


def test_a_decision_is_told_of_once_when_it_is_durable_and_never_where_it_could_not_be_stored(ledger: Ledger) -> None:
    told: list[str] = []

    def deciding(number: int, name: str = "") -> Proposal:
        finished = Finished(name or f"d{number}", b"", b"", NOON + VALID, NOON, "refer", b"")
        return proposal(f"k{number}", finish=lambda *_: finished._replace(durable=lambda: told.append(f"k{number}")))

    first = [ledger.submit(deciding(number)) for number in range(4)]
    assert not any(future.result().repeated for future in first)
    group = [ledger.submit(deciding(number, "d0" if number == 5 else "")) for number in range(3, 8)]
    assert [future.exception() is None for future in group] == [True, True, False, True, True]
    assert sorted(told) == ["k0", "k1", "k2", "k3", "k4", "k6", "k7"]


@pytest.mark.parametrize("principal", ["nul \0 inside", "half a surrogate \ud800", None])
def test_a_text_no_database_takes_fails_alone(ledger: Ledger, principal: str) -> None:
    futures = [ledger.submit(proposal(f"k{i}", **({"principal": principal} if i == 3 else {}))) for i in range(8)]
    with pytest.raises(InternalFault):
        futures[3].result()
    assert all(not f.result().repeated for i, f in enumerate(futures) if i != 3)


def test_refusals_are_recorded_and_never_occupy_a_key(ledger: Ledger) -> None:
    name = ledger.refuse(refusal(business_key="app-1", raw=b"{broken")).result()
    fault = ledger.refuse(refusal(code="internal_fault", fault=True)).result()
    settled = ledger.submit(proposal("k1", "a", "app-1")).result()
    assert b"supersedes []" in settled.answer
    assert ledger.get(name).kind is Kind.REFUSAL
    assert ledger.get(fault).kind is Kind.FAULT
    assert ledger.open_payload(name) == Payload(b"{broken", b"[]", b"no", b"")


def test_human_decisions_are_appended_in_order_and_change_nothing(ledger: Ledger) -> None:
    settled = ledger.submit(proposal("k1", "a", "app-1")).result()
    ledger.human_decision(settled.decision_id, "decline", "income not shown", "ada", NOON).result()
    ledger.human_decision(settled.decision_id, "approve", "payslip came in", "bob", LATER).result()
    said = [(one.outcome, one.reason, one.by, one.at) for one in ledger.human_decisions(settled.decision_id)]
    assert said == [("decline", "income not shown", "ada", NOON), ("approve", "payslip came in", "bob", LATER)]
    assert ledger.submit(proposal("k1", "a", "app-1")).result().answer == settled.answer
    with pytest.raises(NotFound):
        ledger.human_decision("nobody", "approve", "", "ada", NOON).result()


def test_erasing_destroys_the_contents_and_keeps_the_chain_whole(ledger: Ledger) -> None:
    settled = ledger.submit(proposal("k1", "a", "app-1")).result()
    other = ledger.submit(proposal("k2", "b", "app-2")).result()
    ledger.human_decision(settled.decision_id, "approve", "she is my neighbour", "ada", NOON).result()
    ledger.erase(settled.decision_id, by="dpo", at=LATER).result()
    with pytest.raises(NotFound) as caught:
        ledger.open_payload(settled.decision_id)
    assert caught.value.detail_code == "erased"
    assert ledger.human_decisions(settled.decision_id) == []
    with pytest.raises(Conflict) as repeated:
        ledger.submit(proposal("k1", "a", "app-1")).result()
    assert repeated.value.detail_code == "erased"
    assert ledger.open_payload(other.decision_id).answer == other.answer
    assert ledger.list(Filters(kind=Kind.ERASURE))[0].about == settled.decision_id


def test_a_decision_is_found_by_request_key_id_and_business_key(ledger: Ledger) -> None:
    first = ledger.submit(proposal("k1", "a", "app-1")).result()
    second = ledger.submit(proposal("k2", "a", "app-1")).result()
    found = [ledger.find("test", "juniper-api", key) for key in ("k1", first.decision_id, "app-1", "nothing")]
    assert [entry and entry.decision_id for entry in found] == [
        first.decision_id,
        first.decision_id,
        second.decision_id,
        None,
    ]
    assert ledger.find("live", "juniper-api", "k1") is None
    assert ledger.find("test", "meridian-los", first.decision_id) is None


def test_lists_are_newest_first_and_filtered(ledger: Ledger) -> None:
    for i in range(5):
        ledger.submit(proposal(f"k{i}", str(i), f"app-{i % 2}", received_at=NOON + timedelta(hours=i))).result()
    ledger.refuse(refusal(business_key="app-1")).result()
    hours = [round((e.received_at - NOON) / timedelta(hours=1)) for e in ledger.list(Filters(kind=Kind.DECISION))]
    assert hours == [4, 3, 2, 1, 0]
    assert [e.number for e in ledger.list(Filters(since=NOON + timedelta(hours=3)))] == [5, 4]
    assert [e.kind for e in ledger.list(Filters("test", "juniper-api", business_key="app-1"))] == [
        Kind.REFUSAL,
        Kind.DECISION,
        Kind.DECISION,
    ]
    assert [e.number for e in ledger.list(limit=2)] == [6, 5]
    assert ledger.list(Filters(outcome="decline")) == []


def test_a_payload_comes_back_in_its_parts(ledger: Ledger) -> None:
    settled = ledger.submit(proposal("k1", "héllo")).result()
    payload = ledger.open_payload(settled.decision_id)
    assert payload == Payload(b"raw " + "héllo".encode(), "héllo".encode(), settled.answer, b'{"score":600}')


def test_an_event_loop_gets_its_answers_and_may_walk_away(ledger: Ledger) -> None:
    async def ask() -> list[object]:
        desk = ledger.on_loop(asyncio.get_running_loop())
        futures = [desk.submit(proposal(f"k{i % 10}", str(i // 40))) for i in range(80)]
        futures[15].cancel()  # a repeat: what it repeats is settled all the same
        await desk.refuse(refusal())
        return await asyncio.gather(*futures, return_exceptions=True)

    results = asyncio.run(ask())
    assert sum(isinstance(result, Conflict) for result in results) == 40
    assert sum(isinstance(result, tuple) and not result[2] for result in results) == 10


def test_a_loop_that_is_gone_does_not_stop_the_writer(ledger: Ledger) -> None:
    async def ask_and_leave() -> None:
        ledger.on_loop(asyncio.get_running_loop()).submit(proposal("k1"))

    asyncio.run(ask_and_leave())
    assert ledger.submit(proposal("k2")).result().answer
    assert ledger.find("test", "juniper-api", "k1")


def test_expiry_is_judged_by_the_clock_that_was_given(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path, now=lambda: LATER)
    ledger.submit(proposal("k1")).result()
    with pytest.raises(DecisionExpired):
        ledger.submit(proposal("k1")).result()
    ledger.close()


def test_a_full_queue_turns_callers_away_and_closing_settles_what_waits(tmp_path: Path) -> None:
    ledger, gate = open_ledger(tmp_path, bound=16), threading.Event()
    busy, slow = threading.Event(), proposal("slow")

    def wait(predecessor: str, key: str) -> Finished:
        busy.set()
        gate.wait()
        return slow.finish(predecessor, key)

    accepted = [ledger.submit(slow._replace(finish=wait))]
    busy.wait()
    accepted += [ledger.submit(proposal(f"k{i}")) for i in range(16)]
    with pytest.raises(UpstreamError) as caught:
        ledger.submit(proposal("one too many"))
    assert caught.value.retry_after >= 1
    gate.set()
    ledger.close()
    assert [future.result(timeout=0).repeated for future in accepted] == [False] * 17
    with pytest.raises(UpstreamError):
        ledger.submit(proposal("late"))
