"""The order of steps: what a turn claims, decides and writes, and what is in hand after a fault. No database is met."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Barrier, current_thread
from typing import Any

import pytest

from adapters.odbc.exchange import Batch
from adapters.odbc.outcomes import Claimed, Outcome
from adapters.odbc.relay import Relay, Undecided

FULL = 2


def batch(name: str, rows: int = FULL) -> Batch:
    return Batch(name, [Claimed((number,), (), b"", "") for number in range(rows)])


class Table:
    """A table with these batches, in this order; what is done to it is told in ``done``. ``faults`` are raised once."""

    def __init__(self, *batches: Batch | None, **faults: Exception) -> None:
        self.waiting, self.faults = list(batches), faults
        self.done: list[str] = []
        self.threads: set[str] = set()
        self.ends, self.undecided = False, ""

    def _do(self, step: str, name: str) -> None:
        self.threads.add(current_thread().name)
        if fault := self.faults.pop(f"{step}_{name}", None):
            raise fault
        self.done.append(f"{step} {name}")

    def claim(self) -> Batch | None:
        found = self.waiting[0] if self.waiting else None
        self._do("claim", found.token if found else "nothing")
        return self.waiting.pop(0) if found else None

    def further(self) -> bool:
        return not self.ends

    def keep(self, one: Batch) -> None:
        self._do("keep", one.token)

    def write(self, one: Batch, outcomes: Sequence[Outcome]) -> bool:
        assert outcomes == [one.token] * len(one.rows), "the outcomes are those of the batch"
        self._do("write", one.token)
        return one.token != self.undecided

    def release(self, one: Batch) -> None:
        self._do("release", one.token)

    def in_database(self, *steps: str) -> list[str]:
        return [done for done in self.done if done.split()[0] in (steps or ("claim", "write", "release"))]


@contextmanager
def relaying(table: Table, decide: Callable[[Batch], Any] | None = None) -> Iterator[Relay]:
    relay = Relay(table, decide or (lambda one: [one.token] * len(one.rows)), FULL)
    try:
        yield relay
    finally:
        relay.close()


def test_full_batches_are_claimed_beside_the_one_that_is_decided_and_written_beside_the_next() -> None:
    table = Table(batch("a"), batch("b"), batch("c", 1))
    with relaying(table) as relay:
        turns = [relay.turn() for _ in range(4)]
    assert turns == [True, True, True, False]
    assert table.in_database() == [
        "claim a", "claim b", "write a", "claim c", "write b", "write c", "claim nothing",
    ]  # fmt: skip


def test_a_batch_that_is_not_full_is_written_at_once_and_nothing_is_claimed_beside_it() -> None:
    table = Table(batch("a", 1), batch("b", 1))
    with relaying(table) as relay:
        assert relay.turn()
        assert table.in_database() == ["claim a", "write a"]


def test_a_full_batch_that_was_the_last_is_written_at_once() -> None:
    table = Table(batch("a"))
    with relaying(table) as relay:
        assert relay.turn()
        assert table.in_database() == ["claim a", "claim nothing", "write a"]
        assert not relay.decided


def test_a_batch_is_decided_while_the_one_before_it_is_written() -> None:
    together = Barrier(2, timeout=20)

    class Meeting(Table):
        def write(self, one: Batch, outcomes: Sequence[Outcome]) -> bool:
            if one.token == "a":
                together.wait()
            return super().write(one, outcomes)

    def decide(one: Batch) -> list[str]:
        if one.token == "b":
            together.wait()
        return [one.token] * len(one.rows)

    table = Meeting(batch("a"), batch("b"))
    with relaying(table, decide) as relay:
        assert [relay.turn(), relay.turn()] == [True, True]
    assert table.in_database("write") == ["write a", "write b"]


def test_the_database_is_met_by_one_thread_only() -> None:
    table = Table(batch("a"), batch("b"), batch("c"))
    with relaying(table) as relay:
        relay.turn()
        relay.turn()
        relay.finish()
    assert len(table.threads) == 1
    assert current_thread().name not in table.threads


def test_each_batch_is_kept_before_it_is_decided() -> None:
    table = Table(batch("a"), batch("b", 1))
    with relaying(table) as relay:
        relay.turn()
        relay.turn()
    assert table.in_database("claim", "keep") == ["claim a", "keep a", "claim b", "keep b"]


def test_where_others_were_faster_nothing_is_decided_and_there_was_something() -> None:
    table = Table(batch("a", 0), batch("b", 1))
    decided: list[str] = []
    with relaying(table, lambda one: [decided.append(one.token) or one.token]) as relay:
        assert relay.turn()
        assert not decided
        assert relay.turn()
    assert decided == ["b"]


def test_told_to_stop_nothing_further_is_claimed_and_what_was_claimed_ahead_is_given_back() -> None:
    table = Table(batch("a"), batch("b"), batch("c"))
    with relaying(table) as relay:
        relay.turn()
        table.ends = True
        relay.finish()
        assert not relay.claimed
        assert not relay.decided
    assert table.in_database() == ["claim a", "claim b", "release b", "write a"]


def test_nothing_is_claimed_beside_once_it_is_to_end() -> None:
    table = Table(batch("a"), batch("b"))
    table.ends = True
    with relaying(table) as relay:
        relay.turn()
        relay.finish()
    assert table.in_database() == ["claim a", "write a"]


def test_with_nothing_in_hand_the_database_is_not_met_at_the_end() -> None:
    table = Table()
    with relaying(table) as relay:
        relay.finish()
    assert not table.threads


@pytest.mark.parametrize("step", ["write_a", "claim_c", "keep_b"])
def test_a_fault_beside_a_batch_loses_and_doubles_nothing(step: str) -> None:
    table = Table(batch("a"), batch("b"), batch("c", 1), **{step: ConnectionError("cut")})
    decided: list[str] = []

    def decide(one: Batch) -> list[str]:
        decided.append(one.token)
        return [one.token] * len(one.rows)

    with relaying(table, decide) as relay:
        relay.turn()
        with pytest.raises(ConnectionError):
            relay.turn()
        assert decided == ["a", "b"], "what was under way is decided all the same"
        while relay.turn():
            pass
    assert decided == ["a", "b", "c"]
    assert table.in_database("write") == ["write a", "write b", "write c"]


def test_after_a_fault_what_is_decided_is_written_before_anything_is_claimed() -> None:
    table = Table(batch("a"), batch("b"), batch("c", 1), write_a=ConnectionError("cut"))
    with relaying(table) as relay:
        relay.turn()
        with pytest.raises(ConnectionError):
            relay.turn()
        assert [one.token for one, _ in relay.decided] == ["a", "b"]
        relay.turn()
    assert table.in_database() == ["claim a", "claim b", "write a", "write b", "claim c", "write c"]


def test_a_release_that_fails_is_done_again() -> None:
    table = Table(batch("a"), batch("b"), release_b=ConnectionError("cut"))
    with relaying(table) as relay:
        relay.turn()
        with pytest.raises(ConnectionError):
            relay.finish()
        relay.finish()
    assert table.in_database() == ["claim a", "claim b", "release b", "write a"]


def test_a_batch_of_which_nothing_could_be_decided_is_told_once_it_waits_again() -> None:
    table = Table(batch("a"), batch("b"), batch("c"))
    table.undecided = "a"
    with relaying(table) as relay:
        relay.turn()
        with pytest.raises(Undecided):
            relay.turn()
        assert [one.token for one, _ in relay.decided] == ["b"], "that one is not released a second time"
    assert table.in_database() == ["claim a", "claim b", "write a"]


def test_a_decision_that_fails_waits_for_what_is_done_beside_it_and_keeps_both_batches() -> None:
    table = Table(batch("a"), batch("b"))

    def decide(_: Batch) -> list[str]:
        raise SystemExit

    with relaying(table, decide) as relay:
        with pytest.raises(SystemExit):
            relay.turn()
        assert [one.token for one in relay.claimed] == ["a", "b"]
        assert not relay.decided
