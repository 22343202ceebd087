"""What the writer tells of itself: how long the longest waiting submission has waited."""

from __future__ import annotations

import pytest

from gateway.ledger import meter
from gateway.ledger.meter import Meter
from gateway.watching.lookout import Lookout


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(meter, "monotonic", made)
    return made


def test_what_waits_behind_many_groups_is_as_old_as_its_first_submission(clock: Clock) -> None:
    """With 4,096 waiting and two seconds a group, the last of them have waited for 30 before they are taken."""
    counted = Meter(Lookout.silent())
    counted.arrived(4000)
    clock.now += 1
    counted.arrived(96)
    ages = []
    for _ in range(16):
        counted.taken(256)
        clock.now += 2
        ages.append(counted.oldest_pending())
        counted.settled()
        ages.append(counted.oldest_pending())
    assert ages[:6] == [3, 3, 5, 5, 7, 7]
    assert ages[-4:] == [31, 31, 33, 0]


def test_who_comes_while_a_group_is_settled_is_the_oldest_once_it_is(clock: Clock) -> None:
    counted = Meter(Lookout.silent())
    assert counted.oldest_pending() == 0
    counted.arrived(1)
    counted.taken(1)
    clock.now += 1
    counted.arrived(2)
    clock.now += 1
    assert counted.oldest_pending() == 2
    counted.settled()
    assert counted.oldest_pending() == 1
    counted.taken(2)
    counted.settled()
    assert counted.oldest_pending() == 0
