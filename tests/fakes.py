"""Small real stand-ins: what the doors need of the gateway, without model or ledger."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from contracts.errors import Conflict, InvalidRecord, NotFound, ScoregateError
from contracts.types import Problem
from gateway.spi import Answer, Asked, Codec, Fields, Lifecycle, NativeField, Refusal, Tree

REQUEST_KEY = "idempotency-key"


@dataclass
class MemoryDesk:
    """A desk that keeps its answers in a dictionary: repeats, conflicts and refusals as the ledger would settle them.

    ``judge`` makes the answer tree of a native tree, and may raise. ``delay`` is in seconds. An ``income`` that is not
    a whole number is the one problem it knows.
    """

    name: str
    codec: Codec
    judge: Callable[[Tree], Tree] = lambda tree: {"score": 612, "pd": Decimal("0.020400")}
    delay: float = 0.0
    stored: dict[str, tuple[bytes, Answer]] = field(default_factory=dict)
    refused: list[tuple[str, str]] = field(default_factory=list)
    lifecycle: Lifecycle | None = None
    public_url: str = "https://gateway.example"

    def fields(self) -> Fields:
        income = NativeField("applicant.income", "integer", None, True)
        return Fields({income.path: income}, {"score": NativeField("score", "integer")})

    async def decide(self, asked: Asked) -> Answer:
        try:
            return await self._decide(asked)
        except ScoregateError as error:
            self.refused.append((asked.principal, error.detail_code))
            raise

    async def _decide(self, asked: Asked) -> Answer:
        tree = self.codec.decode(asked.raw, asked.header)
        key = tree["header"].get(REQUEST_KEY, "")
        if self.delay:
            await asyncio.sleep(self.delay)
        if key in self.stored:
            return self._repeat(key, asked.raw)
        _check(tree)
        answer = Answer(self.codec.encode(self.judge(tree)), f"decision-{len(self.stored)}", False)
        if key:
            self.stored[key] = (asked.raw, answer)
        return answer

    def _repeat(self, key: str, raw: bytes) -> Answer:
        before, answer = self.stored[key]
        if before != raw:
            raise Conflict("the key stands for another application", code="request_key_conflict")
        return answer._replace(repeated=True)

    def decide_many(self, asked: Sequence[Asked]) -> list[Answer | ScoregateError]:
        raise NotImplementedError

    async def decide_batch(self, asked: Sequence[Asked]) -> list[Answer | ScoregateError]:
        outcomes: list[Answer | ScoregateError] = []
        for one in asked:
            try:
                outcomes.append(await self.decide(one))
            except ScoregateError as error:
                outcomes.append(error)
        return outcomes

    async def refuse(self, asked: Asked, error: ScoregateError) -> None:
        self.refused.append((asked.principal, error.detail_code))

    async def find(self, key: str, principal: str) -> Answer:
        if key not in self.stored:
            raise NotFound("no decision stands under this key")
        return self.stored[key][1]._replace(repeated=True)

    def refusal(self, error: ScoregateError) -> Refusal:
        problems = error.problems if isinstance(error, InvalidRecord) else ()
        native = [{**problem._asdict(), "path": self.codec.native_path(problem.path)} for problem in problems]
        return Refusal(error, native)

    async def turned_away(self, principal: str, error: ScoregateError, correlation: str = "") -> None:
        self.refused.append((principal, error.detail_code))


def _check(tree: Mapping[str, Any]) -> None:
    applicant = tree.get("applicant", {})
    income = applicant.get("income") if isinstance(applicant, dict) else None
    if income is not None and type(income) is not int:
        raise InvalidRecord([Problem("wrong_type", "integer", "applicant.income", "a text", "a whole number")])
