"""The law of lock-outs: when it begins, how it grows, when it ends, and that it stays small."""

from __future__ import annotations

import sys
import threading

import pytest
from access_parts import NOW, Moved

from gateway.access import lockout
from gateway.access.audit import ADMITTED, HOUR, MANY, MOST_LINES, MOST_REFUSALS, OVERRIDDEN, REFUSED, Audit, Line
from gateway.access.lockout import FREE, LONGEST, NONE, PACE, Count, Lockout, counted, network, subject

ONE = subject("network", "192.0.2.1")


def locked_for(failures: int) -> float:
    return counted(Count(failures - 1, NOW), 1, NOW).until - NOW


def test_the_first_failures_are_free_then_each_doubles_the_wait() -> None:
    assert [locked_for(n) for n in (1, FREE, FREE + 1, FREE + 2, FREE + 3)] == [0, 0, 1, 2, 4]
    assert locked_for(FREE + 50) == LONGEST


def test_failures_counted_together_lock_as_long_as_one_by_one() -> None:
    one_by_one = NONE
    for _ in range(14):
        one_by_one = counted(one_by_one, 1, NOW)
    assert counted(NONE, 14, NOW) == one_by_one


def test_an_hour_after_the_last_lock_all_is_forgotten() -> None:
    assert counted(Count(30, NOW), 1, NOW + lockout.FORGET).failures == 31
    assert counted(Count(30, NOW), 1, NOW + lockout.FORGET + 1).failures == 1


def test_whoever_is_locked_is_told_how_long() -> None:
    clock = Moved()
    counts = Lockout(clock)
    for _ in range(FREE):
        counts.failed(ONE)
    assert counts.seconds_left(ONE) == 0
    for _ in range(3):
        counts.failed(ONE)
    assert counts.seconds_left(ONE) == 5
    assert counts.seconds_left(subject("network", "192.0.2.2")) == 0
    clock.now += 5
    assert counts.seconds_left(ONE) == 0


def test_a_lock_is_over_where_the_clock_was_set_back_and_the_next_failure_locks_as_ever() -> None:
    clock = Moved()
    counts = Lockout(clock)
    counts.share({ONE: Count(FREE + 50, NOW + 86_400)})
    assert counts.seconds_left(ONE) == 0
    counts.failed(ONE)
    assert counts.seconds_left(ONE) == LONGEST
    clock.now -= 30
    assert counts.seconds_left(ONE) == LONGEST


def test_the_longest_lock_of_several_counts() -> None:
    counts = Lockout(Moved())
    other = subject("user", "erp")
    counts.share({ONE: Count(15, NOW + 10), other: Count(20, NOW + 300)})
    assert counts.seconds_left(ONE, other) == 301


def test_what_others_counted_is_added_to() -> None:
    counts = Lockout(Moved())
    counts.share({ONE: Count(FREE + 2, NOW)})
    counts.failed(ONE)
    assert counts.seconds_left(ONE) == 5
    assert counts.unsent() == {ONE: 1}
    assert counts.unsent() == {}
    counts.unsend({ONE: 1})
    assert counts.unsent() == {ONE: 1}


def test_a_name_is_slowed_down_and_never_locked_for_long() -> None:
    clock, name = Moved(), subject("user", "erp")
    counts = Lockout(clock)
    for _ in range(FREE + 50):
        counts.failed(name)
    assert counts.seconds_left(name) == PACE + 1
    clock.now += PACE
    assert counts.seconds_left(name) == 0


def test_counts_of_countless_addresses_stay_bounded() -> None:
    counts = Lockout(Moved())
    for number in range(lockout.MOST_SUBJECTS + 5000):
        counts.failed(subject("network", str(number)))
    assert len(counts.unsent()) <= lockout.MOST_SUBJECTS


@pytest.mark.parametrize(
    ("address", "counts_as"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("", ""),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("not:an:address", "not:an:address"),
    ],
)
def test_an_address_counts_with_what_its_owner_can_choose(address: str, counts_as: str) -> None:
    assert network(address) == counts_as


def line(address: str = "192.0.2.1", event: str = REFUSED) -> Line:
    return Line(event, "erp", address, "password", "wrong", "")


def test_ten_thousand_attempts_are_one_line() -> None:
    audit = Audit(Moved())
    for _ in range(10_000):
        audit.note(line())
    ((tally, written),) = audit.pending()
    assert written.times == 10_000
    audit.wrote(tally, written, 7)
    assert audit.pending() == []
    audit.note(line())
    ((tally, written),) = audit.pending()
    assert (tally.row, written.times) == (7, 1)


def test_attempts_from_everywhere_stay_bounded() -> None:
    audit = Audit(Moved())
    for number in range(10_000):
        audit.note(line(str(number)))
    pending = [written for _, written in audit.pending()]
    assert len(pending) == MOST_REFUSALS + 1
    assert sum(written.times for written in pending) == 10_000


def test_who_floods_the_audit_hides_neither_who_came_in_nor_which_callers_were_refused() -> None:
    audit = Audit(Moved())
    for number in range(600):
        audit.note(line(str(number))._replace(principal=""))
    told = [line(event=ADMITTED), line(), line("192.0.2.2", OVERRIDDEN)]
    for one in told:
        audit.note(one)
    assert [written.line for _, written in audit.pending()][-3:] == told


def test_a_caller_that_comes_from_everywhere_keeps_its_name() -> None:
    audit = Audit(Moved())
    for number in range(600):
        audit.note(line(str(number), ADMITTED))
    audit.note(line(event=ADMITTED)._replace(principal="crm"))
    *_, many, other = [written for _, written in audit.pending()]
    assert (many.line.principal, many.line.address, many.times) == ("erp", MANY, 600 - MOST_LINES)
    assert (other.line.principal, other.line.address) == ("crm", MANY)


def test_admissions_are_counted_up_only_when_their_hour_is_over() -> None:
    clock = Moved()
    audit = Audit(clock)
    audit.note(line(event=ADMITTED))
    ((tally, written),) = audit.pending()
    audit.wrote(tally, written, 1)
    audit.note(line(event=ADMITTED))
    assert audit.pending() == []
    assert [written.times for _, written in audit.pending(last=True)] == [1]
    clock.now += HOUR
    audit.note(line(event=ADMITTED))
    assert [(tally.row, written.times) for tally, written in audit.pending()] == [(1, 1), (0, 1)]


def test_lines_noted_on_other_threads_are_all_counted_while_they_are_written() -> None:
    """Decisions are made on threads, and note there what a demonstration bundle decided live."""
    audit = Audit(Moved())

    def note(worker: int) -> None:
        for number in range(3000):
            audit.note(Line(ADMITTED, str(number % 100), "", str(worker), "", ""))

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=note, args=(worker,)) for worker in range(3)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            audit.pending(last=True)
    finally:
        sys.setswitchinterval(interval)
    assert sum(written.times for _, written in audit.pending(last=True)) == 9000
