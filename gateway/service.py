"""The shell around the core: take bytes in, gather, call the core once, make it durable, hand bytes out."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from dataclasses import fields as dataclass_fields
from datetime import datetime
from typing import Any

from contracts.errors import CallerError, InvalidRecord, NotFound, ScoregateError, UpstreamError
from contracts.types import Problem
from gateway.ledger import Finished, Ledger, Proposal, Settled
from gateway.ledger import Refusal as Refused
from gateway.pipeline import Assessed, Line, assess, conclude
from gateway.spi import Answer, Asked, Codec, Fields, LookupSource, Refusal, Tree
from models.types import Decision

_DECISION_FIELDS = tuple(f.name for f in dataclass_fields(Decision))


@dataclass(frozen=True, slots=True)
class Lookup:
    """One declared look-up: its source, and the tree path whose value is its key."""

    source: LookupSource
    key: Callable[[Mapping[str, Any]], object]


def decision_tree(decision: Decision) -> Tree:
    """A decision as the tree the answer mapping reads; rows of reasons and imputations become dicts."""
    tree = {name: getattr(decision, name) for name in _DECISION_FIELDS}
    tree["reasons"] = [reason._asdict() for reason in decision.reasons]
    tree["imputations"] = [imputation._asdict() for imputation in decision.imputations]
    return tree


def gather(tree: Tree, lookups: Mapping[str, Lookup]) -> None:
    """Place what look-ups find under ``lookup.<name>``; a source that is down leaves its name out."""
    found: Tree = {}
    for name, lookup in lookups.items():
        try:
            found[name] = lookup.source.fetch(str(lookup.key(tree)))
        except UpstreamError:
            continue
    if lookups:
        tree["lookup"] = found


def derived_key(business_key: str, sent_digest: bytes) -> str:
    """Request key of a message that carries none: the same application asked again is the same asking."""
    return "derived:" + hashlib.sha256(business_key.encode() + b"\0" + sent_digest).hexdigest()


class ServingDesk:
    """One integration made ready to serve; implements ``gateway.spi.Desk``."""

    def __init__(
        self,
        lines: Sequence[Line],
        codec: Codec,
        ledger: Ledger,
        clock: Callable[[], datetime],
        lookups: Mapping[str, Lookup] | None = None,
    ) -> None:
        integration = lines[0].integration
        self.name = integration.name
        self.integration = integration
        self.codec = codec
        self._lines = sorted(lines, key=lambda line: line.policy.effective_from, reverse=True)
        self._ledger = ledger
        self._clock = clock
        self._lookups = lookups or {}
        self._deadline = integration.limits.deadline

    def line_at(self, as_of: datetime) -> Line:
        """The line whose policy is in force; raises UpstreamError between policies."""
        day = as_of.date()
        for line in self._lines:
            if line.policy.in_force(day):
                return line
        raise UpstreamError("no policy is in force for this product today", code="no_policy_in_force", retry_after=3600)

    def fields(self) -> Fields:
        return Fields(None, None)

    def read(self, asked: Asked) -> Tree:
        """Decode and gather: the native tree with what the protocol and the look-ups add to it."""
        tree = self.codec.decode(asked.raw, asked.header)
        gather(tree, self._lookups)
        return tree

    def render(self, decision: Decision) -> bytes:
        """The answer payload of a decision, in the legacy system's own format."""
        return self.codec.encode(self.integration.answer_map.write(decision_tree(decision)))

    async def decide(self, asked: Asked) -> Answer:
        as_of = self._clock()
        try:
            line = self.line_at(as_of)
            assessed = assess(line, self.read(asked))
        except CallerError as error:
            await self._settle(self._refuse(asked, error, as_of))
            raise
        try:
            settled: Settled = await self._settle(self._propose(line, asked, assessed, as_of))
        except CallerError as error:
            await self._settle(self._refuse(asked, error, as_of, assessed.keys.business))
            raise
        return Answer(settled.answer, settled.decision_id, settled.repeated)

    def decide_many(self, asked: Sequence[Asked]) -> list[Answer | ScoregateError]:
        as_of = self._clock()
        return [self._collect(future) for future in [self._start(one, as_of) for one in asked]]

    async def find(self, key: str) -> Answer:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(None, self._find, key)

    def refusal(self, error: ScoregateError) -> Refusal:
        problems = error.problems if isinstance(error, InvalidRecord) else ()
        return Refusal(error, [self._native(problem) for problem in problems])

    def _native(self, problem: Problem) -> dict[str, str]:
        path = self.integration.request.native_path(problem.path)
        return {**problem._asdict(), "path": self.codec.native_path(path)}

    def _start(self, asked: Asked, as_of: datetime) -> Future[Settled] | ScoregateError:
        try:
            line = self.line_at(as_of)
            return self._propose(line, asked, assess(line, self.read(asked)), as_of)
        except CallerError as error:
            self._refuse(asked, error, as_of)
            return error

    def _collect(self, started: Future[Settled] | ScoregateError) -> Answer | ScoregateError:
        if isinstance(started, ScoregateError):
            return started
        try:
            settled = started.result()
        except ScoregateError as error:
            return error
        return Answer(settled.answer, settled.decision_id, settled.repeated)

    async def _settle(self, future: Future[Any]) -> Any:
        """Wait for the ledger within the deadline; what misses it is still decided and can be asked for by key."""
        loop = asyncio.get_running_loop()
        waiting = asyncio.wrap_future(future, loop=loop)
        try:
            return await asyncio.wait_for(asyncio.shield(waiting), self._deadline)
        except TimeoutError as exc:
            waiting.add_done_callback(lambda done: done.cancelled() or done.exception())
            raise UpstreamError("the decision is late; ask again with the same request key", code="late") from exc

    def _propose(self, line: Line, asked: Asked, assessed: Assessed, as_of: datetime) -> Future[Settled]:
        keys, integration = assessed.keys, self.integration
        return self._ledger.submit(
            Proposal(
                integration=integration.name,
                mode=integration.mode,
                request_key=keys.request or derived_key(keys.business, assessed.sent_digest),
                key_derived=not keys.request,
                business_key=keys.business,
                sent_digest=assessed.sent_digest,
                raw=asked.raw,
                principal=asked.principal,
                received_at=as_of,
                resubmission=integration.resubmission,
                finish=lambda supersedes, key: self._finish(line, assessed, as_of, supersedes, key),
            )
        )

    def _finish(self, line: Line, assessed: Assessed, as_of: datetime, supersedes: str, request_key: str) -> Finished:
        decision = conclude(line, assessed, request_key, supersedes, as_of)
        return Finished(
            decision_id=decision.decision_id,
            record=encode_record(assessed),
            answer=self.render(decision),
            valid_until=decision.valid_until,
            as_of=as_of,
            outcome=decision.outcome,
            decision_json=json.dumps(decision_tree(decision), default=str, separators=(",", ":")).encode(),
        )

    def _refuse(self, asked: Asked, error: CallerError, as_of: datetime, business_key: str = "") -> Future[str]:
        refusal = self.refusal(error)
        return self._ledger.refuse(
            Refused(
                integration=self.name,
                mode=self.integration.mode,
                principal=asked.principal,
                code=error.detail_code,
                problems=json.dumps(refusal.problems, separators=(",", ":")).encode(),
                raw=asked.raw,
                answer=self.codec.refuse(refusal),
                received_at=as_of,
                business_key=business_key,
            )
        )

    def _find(self, key: str) -> Answer:
        integration = self.integration
        row = self._ledger.find(integration.mode, integration.name, key)
        if row is None:
            raise NotFound("no decision stands under this key; check the key and the integration")
        return Answer(self._ledger.open_payload(row.decision_id).answer, row.decision_id, True)


def encode_record(assessed: Assessed) -> bytes:
    """The record as it is sealed: values, states, origins and causes in contract order, as JSON."""
    record = assessed.record
    content = {
        "contract": record.contract,
        "values": record.values,
        "states": list(record.states),
        "origins": list(record.origins),
        "causes": {str(position): cause for position, cause in record.causes.items()},
    }
    return json.dumps(content, default=str, separators=(",", ":")).encode()
