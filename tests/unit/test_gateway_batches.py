"""A batch that is asked of one integration: an outcome for each, whatever the worker does meanwhile."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence

from contracts.errors import ScoregateError, UpstreamError
from gateway.batches import CHUNK, Batches
from gateway.spi import Answer, Asked

DECIDED = Answer(b"{}", "d", False)


class Counted(list[Asked]):
    """A batch in whose counting by the event loop the worker gets on with its work."""

    def __init__(self, asked: Sequence[Asked]) -> None:
        super().__init__(asked)
        self.goes_on = threading.Event()

    def __len__(self) -> int:
        if threading.current_thread() is threading.main_thread():
            self.goes_on.set()
            time.sleep(0.05)
        return super().__len__()


def test_what_is_decided_while_the_outcomes_are_counted_is_an_outcome_once() -> None:
    asked = Counted([Asked(b"{}", {}, "juniper", "c-1")] * 3)
    late: list[tuple[str, int]] = []

    def decide(some: Sequence[Asked]) -> list[Answer | ScoregateError]:
        assert asked.goes_on.wait(5)
        return [DECIDED for _ in some]

    batches = Batches("juniper-api", decide, 0.01, lambda *told: late.append(told))
    outcomes = asyncio.run(batches.decide(asked))
    assert [one.detail_code for one in outcomes if isinstance(one, UpstreamError)] == ["late"] * 3
    assert late == [("c-1", 3)]


def test_a_batch_whose_process_ends_is_left_after_its_chunk_and_what_waits_is_not_begun() -> None:
    chunks: list[int] = []
    another_waits = threading.Event()

    def decide(some: Sequence[Asked]) -> list[Answer | ScoregateError]:
        assert another_waits.wait(5)
        chunks.append(len(some))
        batches.close()
        return [DECIDED for _ in some]

    batches = Batches("juniper-api", decide, 30, lambda *_: None)

    async def run() -> list[object]:
        both = [asyncio.ensure_future(batches.decide([Asked(b"{}", {}, "juniper")] * (CHUNK + 1))) for _ in range(2)]
        await asyncio.sleep(0)
        another_waits.set()
        return await asyncio.gather(*both, return_exceptions=True)

    first, second = asyncio.run(run())
    assert isinstance(first, list) and [isinstance(one, Answer) for one in first] == [True] * CHUNK + [False]
    assert isinstance(second, asyncio.CancelledError)
    assert chunks == [CHUNK]
