"""The shell around the core: take bytes in, gather, call the core once, make it durable, hand bytes out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from pydantic_core import to_json

from contracts.errors import (
    CallerError,
    ConfigurationError,
    DecisionExpired,
    InternalFault,
    InvalidRecord,
    MalformedPayload,
    NotFound,
    ScoregateError,
    UpstreamError,
)
from contracts.types import Problem
from gateway.batches import Batches, breathe
from gateway.evidence import beside, encode_record
from gateway.integrations import Integration
from gateway.ledger import Finished, Ledger, LoopLedger, Proposal, Settled
from gateway.ledger import Refusal as Refused
from gateway.modes import Mode, Modes
from gateway.pipeline import Assessed, Line, conclude, decision_tree, derived_key, judge, take
from gateway.spi import Answer, Asked, Codec, Fields, Lifecycle, LookupSource, Refusal, Tree
from gateway.turns import Turns, late
from gateway.watching.lookout import Lookout
from gateway.watching.stages import Stages, perf_counter
from gateway.watching.tracing import carried
from models.types import Decision

T = TypeVar("T")

LOOKUP_THREADS = 8
"""Submissions of one integration whose look-ups are made side by side; a slow source holds up nobody else."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """One declared look-up: its source, and the tree path whose value is its key."""

    source: LookupSource
    key: Callable[[Mapping[str, Any]], object]


def _nobody(_name: str) -> None:
    """Told of a look-up that failed where nobody counts them."""


def gather(tree: Tree, lookups: Mapping[str, Lookup], failed: Callable[[str], None] = _nobody) -> None:
    """Place what look-ups find under ``lookup.<name>``; a source that is down, or has no key, leaves its name out.

    ``failed`` is told the name of a source that is down.
    """
    found: Tree = {}
    for name, lookup in lookups.items():
        try:
            key = lookup.key(tree)
            if isinstance(key, str | int):
                found[name] = lookup.source.fetch(str(key))
        except UpstreamError:
            failed(name)
    if lookups:
        tree["lookup"] = found


class ServingDesk:
    """One integration made ready to serve; implements ``gateway.spi.Desk``."""

    def __init__(
        self,
        lines: Sequence[Line],
        codec: Codec,
        ledger: Ledger | None,
        clock: Callable[[], datetime],
        lookups: Mapping[str, Lookup] | None = None,
        modes: Modes | None = None,
        lookout: Lookout | None = None,
        lifecycle: Lifecycle | None = None,
    ) -> None:
        integration = lines[0].integration
        self.name = integration.name
        self.integration = integration
        self.codec = codec
        self.lifecycle = lifecycle
        self._lines = sorted(lines, key=lambda line: line.policy.effective_from, reverse=True)
        self._ledger = ledger
        self._clock = clock
        self._lookups = lookups or {}
        self._modes = modes or Modes()
        self._on_loop: LoopLedger | None = None
        self._turns = Turns(integration.limits.queue)
        self._pool: ThreadPoolExecutor | None = None
        self._batches = Batches(integration.name, self._decide_gently, integration.limits.batch_deadline)
        self._stages = Stages(lookout or Lookout.silent(), integration.name)

    @property
    def lines(self) -> Sequence[Line]:
        """One line per policy of the product, the one that begins last first."""
        return self._lines

    def mode_of(self, principal: str) -> Mode:
        """Whether what this principal asks here is live or a trial."""
        return self._modes.of(self.integration.mode, principal)

    def fit_mode(self, line: Line, principal: str) -> Mode:
        """``mode_of``; raises AccessDenied where the line's bundle may not decide in that mode."""
        mode = self.mode_of(principal)
        self._modes.require_fit(line.bundle.use, mode, self.name, principal)
        return mode

    def now(self) -> datetime:
        """As-of time of a decision made now."""
        return self._clock()

    def line_at(self, as_of: datetime) -> Line:
        """The line whose policy is in force; raises UpstreamError between policies."""
        day = as_of.date()
        for line in self._lines:
            if line.policy.in_force(day):
                return line
        raise UpstreamError("no policy is in force for this product today", code="no_policy_in_force", retry_after=3600)

    def warm(self) -> None:
        """Compile what the first request would have to wait for."""
        for line in self._lines:
            line.scorer.warm()

    def fields(self) -> Fields:
        return described(self.integration, self.codec)

    def read(self, asked: Asked) -> Tree:
        """Decode and gather: the native tree with what the protocol and the look-ups add to it."""
        if len(asked.raw) > self.integration.limits.bytes:
            raise MalformedPayload(f"larger than {self.integration.limits.bytes} bytes, the limit", code="too_large")
        stages, began = self._stages, perf_counter()
        tree = self.codec.decode(asked.raw, asked.header)
        decoded = perf_counter()
        stages.decode(decoded - began)
        if self._lookups:
            self.gather(tree)
            stages.gather(perf_counter() - decoded)
        return tree

    def gather(self, tree: Tree) -> Tree:
        """Add what the look-ups find to a decoded tree."""
        if self._lookups:
            gather(tree, self._lookups, self._stages.lookup_failed)
        return tree

    def render(self, decision: Decision) -> bytes:
        """The answer payload of a decision, in the legacy system's own format."""
        return self.codec.encode(self.integration.answer_map.write(decision_tree(decision)))

    async def decide(self, asked: Asked) -> Answer:
        if self._lookups:  # others may be slow: what is late goes on
            return await self._turns.at_most(self.integration.limits.deadline, lambda: self._decide(asked))
        self._turns.take()
        try:
            return await self._decide(asked)
        finally:
            self._turns.give_back()

    async def _decide(self, asked: Asked) -> Answer:
        as_of, ledger, until = self._clock(), self._loop_ledger(), 0.0
        try:
            proposal = await self._proposed(asked, as_of)
            began = perf_counter()
            until = ledger.loop.time() + self.integration.limits.deadline
            settled = await self._in_time(ledger.submit(proposal), until)
            self._stages.ledger(perf_counter() - began)
        except (CallerError, InternalFault) as error:
            await self._in_time(ledger.refuse(self._refused(asked, error, as_of)), until)
            raise
        except UpstreamError as error:
            self._missed(error, asked.correlation)
            raise
        self._stages.settled(settled.decision_id, settled.repeated, asked.correlation)
        return Answer(settled.answer, settled.decision_id, settled.repeated)

    async def _proposed(self, asked: Asked, as_of: datetime) -> Proposal:
        """Look-ups wait for others, so they are made off the event loop; without any, nothing is handed over."""
        if not self._lookups:
            return self._propose(asked, as_of)
        self._pool = self._pool or ThreadPoolExecutor(LOOKUP_THREADS, thread_name_prefix=f"look-ups-{self.name}")
        return await asyncio.get_running_loop().run_in_executor(self._pool, carried(self._propose), asked, as_of)

    def _missed(self, error: UpstreamError, correlation: str) -> None:
        if error.detail_code == "late":
            self._stages.late(correlation)
        else:
            self._stages.unavailable(error.detail_code, correlation)

    async def turned_away(self, principal: str, error: ScoregateError, correlation: str = "") -> None:
        """Record a refusal that was made at the door, before anything could be read."""
        await self.refuse(Asked(b"", {}, principal, correlation), error)

    async def refuse(self, asked: Asked, error: ScoregateError) -> None:
        await self._in_time(self._loop_ledger().refuse(self._refused(asked, error, self._clock())))

    def decide_many(self, asked: Sequence[Asked]) -> list[Answer | ScoregateError]:
        return self._decide_all(asked, lambda: None)

    async def decide_batch(self, asked: Sequence[Asked]) -> list[Answer | ScoregateError]:
        return await self._batches.decide(asked)

    def _decide_gently(self, asked: Sequence[Asked]) -> list[Answer | ScoregateError]:
        return self._decide_all(asked, breathe)

    def _decide_all(self, asked: Sequence[Asked], between: Callable[[], None]) -> list[Answer | ScoregateError]:
        as_of, started = self._clock(), []
        for one in asked:
            started.append(self._start(one, as_of))
            between()
        return [self._collect(one, future, as_of) for one, future in zip(asked, started, strict=True)]

    async def find(self, key: str, principal: str) -> Answer:
        found = asyncio.get_running_loop().run_in_executor(None, self._find, key, self.mode_of(principal))
        return await self._in_time(found)

    def refusal(self, error: ScoregateError) -> Refusal:
        return Refusal(error, [self._native(problem) for problem in _problems(error)])

    def _native(self, problem: Problem) -> dict[str, str]:
        path = self.integration.request.native_path(problem.path)
        return {**problem._asdict(), "path": self.codec.native_path(path)}

    def _opened(self) -> Ledger:
        if self._ledger is None:
            raise ConfigurationError(f"the desk of {self.name} was made without a ledger and cannot record")
        return self._ledger

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

    def _start(self, asked: Asked, as_of: datetime) -> Future[Settled] | ScoregateError:
        try:
            return self._opened().submit(self._propose(asked, as_of))
        except ScoregateError as error:
            return error

    def _collect(
        self, asked: Asked, started: Future[Settled] | ScoregateError, as_of: datetime
    ) -> Answer | ScoregateError:
        try:
            if isinstance(started, ScoregateError):
                raise started
            settled = started.result()
        except (CallerError, InternalFault) as error:
            return self._record(asked, error, as_of)
        except ScoregateError as error:
            self._stages.unavailable(error.detail_code, asked.correlation)
            return error
        self._stages.settled(settled.decision_id, settled.repeated, asked.correlation)
        return Answer(settled.answer, settled.decision_id, settled.repeated)

    def _record(self, asked: Asked, error: ScoregateError, as_of: datetime) -> ScoregateError:
        """Record a refusal before it is answered; where that fails, the failure is the answer."""
        try:
            self._opened().refuse(self._refused(asked, error, as_of)).result()
        except ScoregateError as failure:
            return failure
        return error

    def _propose(self, asked: Asked, as_of: datetime) -> Proposal:
        line, integration = self.line_at(as_of), self.integration
        mode = self.fit_mode(line, asked.principal)
        stages, tree = self._stages, self.read(asked)
        began = perf_counter()
        keys, arrived = take(line, tree)
        mapped = perf_counter()
        stages.map(mapped - began)
        assessed = judge(line, keys, arrived)
        stages.score(perf_counter() - mapped)
        sealed = beside(asked.header, tree)
        return Proposal(
            integration=integration.name,
            mode=mode,
            request_key=keys.request or derived_key(keys.business, assessed.sent_digest),
            key_derived=not keys.request,
            business_key=keys.business,
            sent_digest=assessed.sent_digest,
            raw=asked.raw,
            principal=asked.principal,
            received_at=as_of,
            resubmission=integration.resubmission,
            finish=carried(
                lambda supersedes, key: self._finish(line, assessed, sealed, mode, as_of, supersedes, key)
            ),
            correlation=asked.correlation,
        )

    def _finish(
        self,
        line: Line,
        assessed: Assessed,
        sealed: Tree,
        mode: Mode,
        as_of: datetime,
        supersedes: str,
        request_key: str,
    ) -> Finished:
        began = perf_counter()
        decision = conclude(line, assessed, mode, request_key, supersedes, as_of)
        tree = decision_tree(decision)
        finished = Finished(
            decision_id=decision.decision_id,
            record=encode_record(line, assessed, sealed),
            answer=self.codec.encode(self.integration.answer_map.write(tree)),
            valid_until=decision.valid_until,
            as_of=as_of,
            outcome=decision.outcome,
            decision_json=to_json(tree),
        )
        self._stages.encode(perf_counter() - began)
        self._stages.decided(decision)
        return finished

    def _refused(self, asked: Asked, error: ScoregateError, as_of: datetime) -> Refused:
        refusal = self.refusal(error)
        self._stages.refused(error.detail_code, _problems(error), asked.correlation)
        return Refused(
            integration=self.name,
            mode=self.mode_of(asked.principal),
            principal=asked.principal,
            code=error.detail_code,
            problems=to_json(refusal.problems),
            raw=asked.raw,
            answer=self.codec.refuse(refusal),
            received_at=as_of,
            fault=isinstance(error, InternalFault),
            correlation=asked.correlation,
        )

    def _find(self, key: str, mode: Mode) -> Answer:
        ledger = self._opened()
        entry = ledger.find(mode, self.name, key)
        if entry is None:
            raise NotFound("no decision stands under this key; check the key and the integration")
        if entry.valid_until is not None and self._clock() > entry.valid_until:
            message = f"decision {entry.decision_id} is past its validity; ask again with a new request key"
            raise DecisionExpired(message, decision_id=entry.decision_id)
        return Answer(ledger.open_payload(entry.decision_id).answer, entry.decision_id, True)


def _problems(error: ScoregateError) -> Sequence[Problem]:
    return error.problems if isinstance(error, InvalidRecord) else ()


class ClosedDesk:
    """The desk of an integration that is switched off: it says so, in the integration's own format."""

    def __init__(self, name: str, codec: Codec, cause: ConfigurationError) -> None:
        self.name = name
        self.codec = codec
        self.cause = cause
        self.lifecycle: Lifecycle | None = None

    def fields(self) -> Fields:
        return Fields({}, {})

    async def decide(self, asked: Asked) -> Answer:  # noqa: ARG002 # the same to every caller
        raise self._closed()

    def decide_many(self, asked: Sequence[Asked]) -> list[Answer | ScoregateError]:
        return [self._closed() for _ in asked]

    async def decide_batch(self, asked: Sequence[Asked]) -> list[Answer | ScoregateError]:  # noqa: ARG002 # as above
        raise self._closed()

    async def refuse(self, asked: Asked, error: ScoregateError) -> None:
        """Nothing is recorded for an integration that is switched off."""

    async def find(self, key: str, principal: str) -> Answer:  # noqa: ARG002 # as above
        raise self._closed()

    def refusal(self, error: ScoregateError) -> Refusal:
        return Refusal(error, [])

    def _closed(self) -> UpstreamError:
        message = "this integration is switched off until its configuration is mended"
        return UpstreamError(message, code="integration_unavailable", retry_after=300)


def described(integration: Integration, codec: Codec) -> Fields:
    """What the wire schema declares; a side it leaves open is derived from the mapping."""
    declared = codec.fields()
    return Fields(
        declared.request if declared.request is not None else integration.request.native_fields(),
        declared.answer if declared.answer is not None else integration.answer_map.native_fields(),
    )
