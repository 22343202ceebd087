"""The shell around the core: take bytes in, gather, call the core once, make it durable, hand bytes out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from datetime import datetime
from typing import TypeVar

from contracts.errors import (
    CallerError,
    ConfigurationError,
    DecisionExpired,
    InternalFault,
    NotFound,
    ScoregateError,
    UpstreamError,
)
from gateway.batches import Batches, breathe
from gateway.desks import LOOKUP_THREADS, OpenDesk
from gateway.ledger import Ledger, LoopLedger, Proposal, Settled
from gateway.lookups import Lookup
from gateway.modes import Mode, Modes
from gateway.pipeline import Line
from gateway.spi import Answer, Asked, Codec, Lifecycle
from gateway.turns import Turns, late
from gateway.watching.lookout import Lookout
from gateway.watching.stages import perf_counter

T = TypeVar("T")
FIND_THREADS = 4
"""Stored answers that are looked for at once. These threads are for nothing else: they hang where the ledger hangs."""


class ServingDesk(OpenDesk):
    """An open desk with a ledger, ready to serve; implements ``gateway.spi.Desk``.

    ``ledger`` gives the ledger, or raises UpstreamError while it cannot be had.
    """

    def __init__(
        self,
        lines: Sequence[Line],
        codec: Codec,
        ledger: Callable[[], Ledger] | None,
        clock: Callable[[], datetime],
        lookups: Mapping[str, Lookup] | None = None,
        modes: Modes | None = None,
        lookout: Lookout | None = None,
        lifecycle: Lifecycle | None = None,
        public_url: str = "",
    ) -> None:
        super().__init__(lines, codec, clock, lookups, modes, lookout, lifecycle)
        limits = self.integration.limits
        self.public_url = public_url
        self._ledger = ledger
        self._on_loop: LoopLedger | None = None
        self._turns = Turns(limits.queue)
        self._pool: ThreadPoolExecutor | None = None
        self._finders = ThreadPoolExecutor(FIND_THREADS, thread_name_prefix=f"find-{self.name}")
        self._batches = Batches(self.name, self._decide_gently, limits.batch_deadline, self._stages.late)

    async def decide(self, asked: Asked) -> Answer:
        return await self._told(self._in_turn(asked), asked.correlation)

    async def _in_turn(self, asked: Asked) -> Answer:
        if self._lookups:  # others may be slow: what is late goes on
            return await self._turns.at_most(self.integration.limits.deadline, lambda: self._decide(asked))
        self._turns.take()
        try:
            return await self._decide(asked)
        finally:
            self._turns.give_back()

    async def _decide(self, asked: Asked) -> Answer:
        as_of, until = self._clock(), 0.0
        try:
            ledger = self._loop_ledger()
            proposal = await self._proposed(asked, as_of)
            began = perf_counter()
            until = ledger.loop.time() + self.integration.limits.deadline
            settled = await self._in_time(ledger.submit(proposal), until)
            self._stages.ledger(perf_counter() - began)
        except (CallerError, InternalFault) as error:
            await self._in_time(ledger.refuse(self._refused(asked, error, as_of)), until)
            raise
        self._stages.settled(settled.decision_id, settled.repeated, asked.correlation)
        return Answer(settled.answer, settled.decision_id, settled.repeated)

    async def _proposed(self, asked: Asked, as_of: datetime) -> Proposal:
        """Look-ups wait for others, so they are made off the event loop; without any, nothing is handed over."""
        if not self._lookups:
            return self._attempt(asked, as_of)
        self._pool = self._pool or ThreadPoolExecutor(LOOKUP_THREADS, thread_name_prefix=f"look-ups-{self.name}")
        return await asyncio.get_running_loop().run_in_executor(
            self._pool, copy_context().run, self._attempt, asked, as_of
        )

    def _attempt(self, asked: Asked, as_of: datetime) -> Proposal:
        """``_propose``, where a slip of ours is a fault like those we foresaw."""
        try:
            return self._propose(asked, as_of)
        except ScoregateError:
            raise
        except Exception as error:
            raise _broken(error) from error

    async def _told(self, work: Awaitable[T], correlation: str = "") -> T:
        """What a caller is told: that it is late, or cannot be had now, is counted and logged here, and once."""
        try:
            return await work
        except UpstreamError as error:
            if error.detail_code == "late":
                self._stages.late(correlation)
            else:
                self._stages.unavailable(error.detail_code, correlation)
            raise

    async def turned_away(self, principal: str, error: ScoregateError, correlation: str = "") -> None:
        """Record a refusal that was made at the door, before anything could be read."""
        await self._refuse(Asked(b"", {}, principal, correlation), error)

    async def refuse(self, asked: Asked, error: ScoregateError) -> None:
        await self._told(self._refuse(asked, error), asked.correlation)

    async def _refuse(self, asked: Asked, error: ScoregateError) -> None:
        await self._in_time(self._loop_ledger().refuse(self._refused(asked, error, self._clock())))

    def decide_many(self, asked: Sequence[Asked]) -> list[Answer | ScoregateError]:
        return self._decide_all(asked, lambda: None)

    async def decide_batch(self, asked: Sequence[Asked]) -> list[Answer | ScoregateError]:
        return await self._told(self._batches.decide(asked), asked[0].correlation if asked else "")

    def _decide_gently(self, asked: Sequence[Asked]) -> list[Answer | ScoregateError]:
        return self._decide_all(asked, breathe)

    def _decide_all(self, asked: Sequence[Asked], between: Callable[[], None]) -> list[Answer | ScoregateError]:
        as_of = self._clock()

        def prepared(one: Asked) -> Proposal | ScoregateError:
            try:
                return self._attempt(one, as_of)
            except ScoregateError as error:
                return error
            finally:
                between()

        started = [self._start(one) for one in self.side_by_side(prepared, asked)]
        results = [self._settled(one, future) for one, future in zip(asked, started, strict=True)]
        return self._recorded(asked, results, as_of)

    async def find(self, key: str, principal: str) -> Answer:
        found = asyncio.get_running_loop().run_in_executor(self._finders, self._find, key, self.mode_of(principal))
        return await self._told(self._in_time(found))

    def close(self) -> None:
        """Begin nothing more; what waits for its look-ups is left undecided, and the process need not wait for it."""
        self._batches.close()
        for pool in (self._pool, self._finders):
            if pool is not None:
                pool.shutdown(wait=False, cancel_futures=True)

    def _opened(self) -> Ledger:
        if self._ledger is None:
            raise ConfigurationError(f"the desk of {self.name} was made without a ledger and cannot record")
        return self._ledger()

    def _loop_ledger(self) -> LoopLedger:
        loop = asyncio.get_running_loop()
        if self._on_loop is None or self._on_loop.loop is not loop:
            self._on_loop = self._opened().on_loop(loop)
        return self._on_loop

    async def _in_time(self, future: asyncio.Future[T], until: float = 0.0) -> T:
        """Wait for the ledger within the deadline; what misses it is still decided and can be asked for by key.

        ``until`` is the loop's time; 0 stands for the whole deadline from now.
        """
        loop, over = future.get_loop(), False

        def expire() -> None:
            nonlocal over
            over = True
            future.cancel()

        timer = loop.call_at(until or loop.time() + self.integration.limits.deadline, expire)
        try:
            return await future
        except asyncio.CancelledError:
            if not over:
                raise
            raise late() from None
        finally:
            timer.cancel()

    def _start(self, prepared: Proposal | ScoregateError) -> Future[Settled] | ScoregateError:
        try:
            return prepared if isinstance(prepared, ScoregateError) else self._opened().submit(prepared)
        except ScoregateError as error:
            return error

    def _settled(self, asked: Asked, started: Future[Settled] | ScoregateError) -> Answer | ScoregateError:
        try:
            if isinstance(started, ScoregateError):
                raise started
            settled = started.result()
        except (CallerError, InternalFault) as error:
            return error
        except ScoregateError as error:
            self._stages.unavailable(error.detail_code, asked.correlation)
            return error
        except Exception as error:  # noqa: BLE001 # one record's fault spoils one record
            return _broken(error)
        self._stages.settled(settled.decision_id, settled.repeated, asked.correlation)
        return Answer(settled.answer, settled.decision_id, settled.repeated)

    def _recorded(
        self, asked: Sequence[Asked], results: Sequence[Answer | ScoregateError], as_of: datetime
    ) -> list[Answer | ScoregateError]:
        """Record the refusals, together, before any of them is answered."""
        recording = [self._recording(*pair, as_of) for pair in zip(asked, results, strict=True)]
        return [_once_recorded(*pair) for pair in zip(results, recording, strict=True)]

    def _recording(self, asked: Asked, result: Answer | ScoregateError, as_of: datetime) -> Recording:
        if not isinstance(result, CallerError | InternalFault):
            return None
        try:
            return self._opened().refuse(self._refused(asked, result, as_of))
        except ScoregateError as failure:
            return failure

    def _find(self, key: str, mode: Mode) -> Answer:
        ledger = self._opened()
        entry = ledger.find(mode, self.name, key)
        if entry is None:
            raise NotFound("no decision stands under this key; check the key and the integration")
        if entry.valid_until is not None and self._clock() > entry.valid_until:
            message = f"decision {entry.decision_id} is past its validity; ask again with a new request key"
            raise DecisionExpired(message, decision_id=entry.decision_id)
        return Answer(ledger.open_payload(entry.decision_id).answer, entry.decision_id, True)


Recording = Future[str] | ScoregateError | None
"""What is being recorded of a result: a refusal on its way, why it could not be sent there, or nothing."""


def _broken(error: Exception) -> InternalFault:
    fault = InternalFault(f"a fault of ours, {type(error).__name__}; the log says where")
    fault.__cause__ = error
    return fault


def _once_recorded(result: Answer | ScoregateError, recording: Recording) -> Answer | ScoregateError:
    """The result, once what is recorded of it is durable; where that fails, the failure is the answer."""
    if isinstance(recording, ScoregateError):
        return recording
    try:
        if recording is not None:
            recording.result()
    except ScoregateError as failure:
        return failure
    return result
