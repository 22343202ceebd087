"""An integration as it is asked: open, with all it needs to read and decide, or switched off and saying so."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Final, TypeVar

from pydantic_core import to_json

from contracts.errors import (
    InternalFault,
    InvalidRecord,
    MalformedPayload,
    ScoregateError,
    UpstreamError,
)
from contracts.types import Problem
from gateway.evidence import beside, encode_record
from gateway.ledger import Finished, Proposal
from gateway.ledger import Refusal as Refused
from gateway.lookups import Lookup, gather
from gateway.modes import Mode, Modes
from gateway.pipeline import Assessed, Line, conclude, decision_tree, derived_key, judge, take
from gateway.spi import Answer, Asked, Codec, Fields, Lifecycle, ManyCodec, Refusal, Tree
from gateway.watching.exchange import named, rename
from gateway.watching.lookout import Lookout
from gateway.watching.stages import Stages, perf_counter
from gateway.watching.tracing import carried
from models.types import Decision

LOOKUP_THREADS: Final = 8
"""Submissions of one integration whose look-ups are made side by side; a slow source holds up nobody else."""
T = TypeVar("T")
U = TypeVar("U")


class OpenDesk:
    """One integration made ready: reads what is asked and makes of it what a ledger takes; it holds no ledger."""

    def __init__(
        self,
        lines: Sequence[Line],
        codec: Codec,
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
        self._clock = clock
        self._lookups = lookups or {}
        self._modes = modes or Modes()
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
        """What the wire schema declares; a side it leaves open is derived from the mapping."""
        declared, integration = self.codec.fields(), self.integration
        return Fields(
            declared.request if declared.request is not None else integration.request.native_fields(),
            declared.answer if declared.answer is not None else integration.answer_map.native_fields(),
        )

    def read(self, asked: Asked) -> Tree:
        """Decode and gather: the native tree with what the protocol and the look-ups add to it."""
        if len(asked.raw) > self.integration.limits.bytes:
            raise MalformedPayload(f"larger than {self.integration.limits.bytes} bytes, the limit", code="too_large")
        stages, began = self._stages, perf_counter()
        tree = self.codec.decode(asked.raw, asked.header)
        decoded = perf_counter()
        stages.decode(decoded - began)
        rename(self.integration.keys.correlation(tree))
        if self._lookups:
            self.gather(tree)
            stages.gather(perf_counter() - decoded)
        return tree

    def read_many(self, raws: Sequence[bytes]) -> list[Tree] | None:
        """``read`` of many submissions with nothing beside them; None where they have to be read one by one."""
        codec, large = self.codec, max(map(len, raws), default=0) > self.integration.limits.bytes
        if large or self._lookups or not isinstance(codec, ManyCodec):
            return None
        return codec.decode_many(raws)

    def gather(self, tree: Tree) -> Tree:
        """Add what the look-ups find to a decoded tree."""
        if self._lookups:
            gather(tree, self._lookups)
        return tree

    def examine(self) -> Callable[[], None]:
        """Ask all sources at once whether they can give what is declared of them; see ``Lookup.examine``."""
        words = {name: lookup.examine() for name, lookup in self._lookups.items()}

        def wait() -> None:
            for name, word in words.items():
                with self.integration.placing(("lookups", name)):
                    word()

        return wait

    def lookup_failures(self) -> dict[str, str]:
        """Why the newest asking of a look-up failed, by its name, for those where it did."""
        return {name: lookup.failure for name, lookup in self._lookups.items() if lookup.failure}

    def side_by_side(self, work: Callable[[T], U], items: Iterable[T]) -> Iterator[U]:
        """Do work that may look things up for every item, what comes of it in order; several wait at a time."""
        if not self._lookups:
            yield from map(work, items)
            return
        with ThreadPoolExecutor(LOOKUP_THREADS, thread_name_prefix=f"look-ups-{self.name}") as pool:
            yield from pool.map(work, items)

    def render(self, decision: Decision) -> bytes:
        """The answer payload of a decision, in the legacy system's own format."""
        return self.codec.encode(self.integration.answer_map.write(decision_tree(decision)))

    def refusal(self, error: ScoregateError) -> Refusal:
        return Refusal(error, [self._native(problem) for problem in _problems(error)])

    def _native(self, problem: Problem) -> dict[str, str]:
        path = self.integration.request.native_path(problem.path)
        return {**problem._asdict(), "path": self.codec.native_path(path)}

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
            finish=carried(lambda supersedes, key: self._finish(line, assessed, sealed, mode, as_of, supersedes, key)),
            correlation=named(asked.correlation),
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
            durable=lambda: self._stages.decided(decision),
        )
        self._stages.encode(perf_counter() - began)
        return finished

    def _refused(self, asked: Asked, error: ScoregateError, as_of: datetime) -> Refused:
        refusal = self.refusal(error)
        fault = isinstance(error, InternalFault)
        if fault:
            self._stages.broken(error, asked.correlation)
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
            fault=fault,
            correlation=named(asked.correlation),
        )


def _problems(error: ScoregateError) -> Sequence[Problem]:
    return error.problems if isinstance(error, InvalidRecord) else ()


class ClosedDesk:
    """The desk of an integration that is switched off: it says so, in the integration's own format."""

    def __init__(self, name: str, codec: Codec, cause: ScoregateError) -> None:
        self.name = name
        self.codec = codec
        self.cause = cause
        self.lifecycle: Lifecycle | None = None
        self.public_url = ""

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
