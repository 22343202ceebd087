"""Time as a desk sees it: slow look-ups, full queues, a clock that is set back."""

from __future__ import annotations

import asyncio
import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from contracts.errors import UpstreamError
from gateway import settings as settings_
from gateway.bootstrap import install
from gateway.clock import never_back
from gateway.desks import LOOKUP_THREADS
from gateway.installation import Installation
from gateway.ledger import Ledger
from gateway.service import ServingDesk
from gateway.spi import Answer, Asked, Codec
from gateway.turns import Turns
from gateway.watching.catalog import LATE
from gateway.watching.lookout import Lookout

EXAMPLE = "examples/01-complete__approves/request.json"
NOON = datetime(2026, 3, 31, 12, 0, tzinfo=UTC)


class SlowBureau:
    """An adapter whose look-ups answer when they are told to."""

    name = "bureau"

    def __init__(self) -> None:
        self.may_answer = threading.Event()
        self.asked = 0

    def wire(self, section: Any, folder: Path) -> Codec:
        raise AssertionError("nobody calls it")

    def lookup(self, section: Any, connections: object) -> SlowBureau:
        return self

    def fetch(self, key: str) -> dict[str, Any]:
        self.asked += 1
        assert self.may_answer.wait(10)
        return {"debt": "0"}


class Moving:
    """A clock that goes where it is set."""

    now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def bureau() -> SlowBureau:
    return SlowBureau()


@pytest.fixture
def clock() -> Moving:
    return Moving()


@pytest.fixture
def queue() -> int:
    return 2


@pytest.fixture
def lookout() -> Lookout:
    return Lookout.silent()


@pytest.fixture
def desk(
    built_home: Path, tmp_path: Path, bureau: SlowBureau, clock: Moving, lookout: Lookout, queue: int
) -> Iterator[ServingDesk]:
    """Juniper with a look-up, 200 ms to answer and two submissions at once."""
    home = tmp_path / "home"
    for part in ("bundles", "policies", "integrations"):
        shutil.copytree(built_home / part, home / part)
    file = home / "integrations" / "juniper-api" / "integration.yaml"
    text = file.read_text(encoding="utf-8")
    for old, new in (
        ("debt: not_carried", "debt: lookup.bureau.debt #"),
        ("lookups: {}", "lookups: {bureau: {adapter: bureau, key: applicationId, timeout: 10s}}"),
        ("deadline: 5s", f"deadline: 200ms, queue: {queue}"),
    ):
        assert old in text
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")
    made: Installation = install(
        settings_.load(home=home),
        with_ledger=True,
        clock=never_back(clock),
        adapters={"bureau": bureau},
        lookout=lookout,
    )
    assert not made.faulty, made.faulty
    made.desk("juniper-api").warm()
    yield made.desk("juniper-api")
    bureau.may_answer.set()
    made.close()


def asked(desk: ServingDesk, key: str) -> Asked:
    return Asked((desk.integration.folder / EXAMPLE).read_bytes(), {"idempotency-key": f'"{key}"'}, "juniper")


def told_late(lookout: Lookout) -> int:
    return lookout.tally.snapshot().counts[(LATE, "juniper-api")]


async def refused(work: Callable[[], Any]) -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        await work()
    return caught.value


def test_a_slow_look_up_is_late_for_its_caller_and_the_decision_is_made_all_the_same(
    desk: ServingDesk, bureau: SlowBureau, lookout: Lookout
) -> None:
    async def run() -> tuple[UpstreamError, float, Answer]:
        began = time.monotonic()
        error = await refused(lambda: desk.decide(asked(desk, "slow")))
        took = time.monotonic() - began
        bureau.may_answer.set()
        return error, took, await found(desk, "slow")

    error, took, answer = asyncio.run(run())
    assert (error.detail_code, error.retry_after) == ("late", 1)
    assert told_late(lookout) == 1
    assert 0.2 <= took < 2
    assert json.loads(answer.payload)["decision"]["id"] == answer.decision_id


async def found(desk: ServingDesk, key: str) -> Answer:
    for _ in range(200):
        try:
            return await desk.find(key, "juniper")
        except Exception:  # noqa: BLE001 # not yet
            await asyncio.sleep(0.02)
    return await desk.find(key, "juniper")


def test_what_exceeds_the_queue_of_an_integration_is_told_at_once_to_come_back(
    desk: ServingDesk, bureau: SlowBureau, lookout: Lookout
) -> None:
    async def run() -> tuple[list[UpstreamError], float, Answer]:
        late = [asyncio.ensure_future(refused(lambda n=n: desk.decide(asked(desk, f"q-{n}")))) for n in range(2)]
        await asyncio.sleep(0)
        began = time.monotonic()
        error = await refused(lambda: desk.decide(asked(desk, "one-too-many")))
        took = time.monotonic() - began
        errors = [error, *[await one for one in late], await refused(lambda: desk.decide(asked(desk, "still")))]
        bureau.may_answer.set()
        for number in range(2):
            await found(desk, f"q-{number}")
        return errors, took, await desk.decide(asked(desk, "afterwards"))

    errors, took, answer = asyncio.run(run())
    assert [error.detail_code for error in errors] == ["unavailable", "late", "late", "unavailable"]
    assert took < 0.1
    assert not answer.repeated
    assert told_late(lookout) == 2


def test_a_decision_that_cannot_be_read_in_time_is_late_too(desk: ServingDesk, lookout: Lookout) -> None:
    ready = threading.Event()

    def awaited() -> Ledger:
        assert ready.wait(10)
        raise UpstreamError("the ledger is not there yet")

    async def run() -> UpstreamError:
        slow = ServingDesk(desk.lines, desk.codec, awaited, desk.now, lookout=lookout)
        error = await refused(lambda: slow.find("k", "juniper"))
        ready.set()
        return error

    assert asyncio.run(run()).detail_code == "late"
    assert told_late(lookout) == 1


def test_who_looks_for_answers_in_a_ledger_that_hangs_holds_up_nobody_else(
    desk: ServingDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Metrics and signatures, for two, are worked on in threads as well."""
    goes_on = threading.Event()
    monkeypatch.setattr(desk._opened(), "find", lambda *_: goes_on.wait(10))

    async def run() -> list[UpstreamError]:
        looking = [asyncio.ensure_future(refused(lambda: desk.find("key", "juniper"))) for _ in range(50)]
        await asyncio.sleep(0)
        await asyncio.wait_for(asyncio.to_thread(lambda: None), 5)
        return [await one for one in looking]

    try:
        assert {error.detail_code for error in asyncio.run(run())} == {"late"}
    finally:
        goes_on.set()


@pytest.mark.parametrize("queue", [LOOKUP_THREADS + 2])
def test_what_waits_for_its_look_ups_when_the_process_ends_is_not_begun(
    desk: ServingDesk, bureau: SlowBureau, queue: int
) -> None:
    async def run() -> None:
        await asyncio.gather(*(refused(lambda n=n: desk.decide(asked(desk, f"end-{n}"))) for n in range(queue)))
        desk.close()
        bureau.may_answer.set()
        await asyncio.sleep(0.2)

    asyncio.run(run())
    assert bureau.asked <= LOOKUP_THREADS


def test_a_turn_is_given_back_however_the_work_ends() -> None:
    async def fail() -> None:
        raise ValueError("on purpose")

    async def run() -> int:
        turns = Turns(1)
        for _ in range(3):
            with pytest.raises(ValueError, match="on purpose"):
                await turns.at_most(1, fail)
        return turns.under_way

    assert asyncio.run(run()) == 0


def test_a_clock_set_back_never_makes_a_later_decision_the_earlier_one(
    desk: ServingDesk, bureau: SlowBureau, clock: Moving
) -> None:
    bureau.may_answer.set()
    times, supersedes = [], []
    for number, step in enumerate((0, 10, -3600, -86_400, 20)):
        clock.now = NOON + timedelta(seconds=step)
        answer = asyncio.run(desk.decide(asked(desk, f"clock-{number}")))
        decision = json.loads(answer.payload)["decision"]
        times.append(datetime.fromisoformat(decision["decidedAt"]))
        supersedes.append((decision["replaces"], decision["id"]))
    assert times == [NOON + timedelta(seconds=s) for s in (0, 10, 10, 10, 20)]
    assert all(later[0] == earlier[1] for earlier, later in pairwise(supersedes))
    assert asyncio.run(desk.decide(asked(desk, "clock-0"))).repeated
