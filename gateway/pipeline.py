"""The core's last step: map, upcast, validate, impute, score, reasons and decide as functions from values to values.

No clock, network, log, global or environment is read here: as-of time and keys are arguments. The shell around it is
gateway/service.py.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from contracts.digest import Layout
from contracts.errors import InvalidRecord
from contracts.mapping.keys import DERIVED, Keys
from contracts.mapping.request import Mapped
from contracts.odcs import Contract
from contracts.rows import Checked, RowEngine
from contracts.types import Problem, Record, State
from contracts.upcast import RowUpcast
from gateway.integrations import Integration
from gateway.modes import Mode
from gateway.spi import Tree
from models.bundle import Bundle
from models.policy import Policy
from models.scoring import Scorer
from models.types import Decision, Scored
from models.verdict import Verdict


class Pinned(NamedTuple):
    """The version of the contract an integration speaks, where the bundle was trained on a later one."""

    contract: Contract
    rows: RowEngine
    layout: Layout
    upcast: RowUpcast

    def told(self, problems: Sequence[Problem]) -> list[Problem]:
        """Problems found on the later version's fields, on the fields the integration knows."""
        sources = self.upcast.tree.sources if problems else {}
        return [problem._replace(path=sources.get(problem.path, problem.path)) for problem in problems]


class Versions(NamedTuple):
    """What a decision says it was made by: names, versions and digests."""

    contract: str
    bundle: str
    policy: str
    integration: str


@dataclass(frozen=True)
class Line:
    """One integration compiled: everything a decision depends on but the message and the time.

    ``contract``, ``rows`` and ``layout`` are those of the version the bundle was trained on. ``pinned`` is the version
    the integration speaks, None where that is the same. ``basis`` names all of it by one digest, that of
    ``basis_content`` (gateway/lines.py).
    """

    integration: Integration
    contract: Contract
    rows: RowEngine
    layout: Layout
    bundle: Bundle
    scorer: Scorer
    policy: Policy
    pinned: Pinned | None = None
    basis: str = ""
    basis_content: bytes = b""

    @property
    def spoken(self) -> Contract:
        """The contract as the integration speaks it."""
        return self.pinned.contract if self.pinned else self.contract

    @cached_property
    def versions(self) -> Versions:
        """The same for every decision of this line."""
        bundle, policy, integration = self.bundle, self.policy, self.integration
        return Versions(
            contract=f"{self.contract.ref}#{self.contract.digest}",
            bundle=f"{bundle.name}@{bundle.version}#{bundle.digest}",
            policy=f"{policy.name}@{policy.version}#{policy.digest}",
            integration=f"{integration.name}#{integration.digest}",
        )


class Assessed(NamedTuple):
    """One record on its way through the core, ready to be decided once its place in the ledger is known.

    ``problems`` are the tolerated ones: the contract allows going on with the field rejected. ``sent_digest`` names
    what the caller sent, in the version it speaks, ``record_digest`` what was scored.
    """

    keys: Keys
    record: Record
    problems: tuple[Problem, ...]
    sent_digest: bytes
    record_digest: bytes
    scored: Scored
    verdict: Verdict


class Arrived(NamedTuple):
    """A record in the version it is scored in, its tolerated problems, and the digest of what was sent."""

    record: Record
    problems: tuple[Problem, ...]
    sent_digest: bytes
    record_digest: bytes


def assess(line: Line, tree: Mapping[str, Any]) -> Assessed:
    """Map, upcast, validate, impute, score and judge one native tree; raises InvalidRecord with all its problems."""
    return judge(line, *take(line, tree))


def take(line: Line, tree: Mapping[str, Any]) -> tuple[Keys, Arrived]:
    """The first half of ``assess``: map, upcast and validate. The shell calls the halves by themselves to time them."""
    keys, key_problems = line.integration.keys.read(tree)
    return keys, read_record(line, tree, key_problems)


def judge(line: Line, keys: Keys, arrived: Arrived) -> Assessed:
    """The second half: impute, score, reasons and verdict."""
    record, problems, sent, digest = arrived
    scored = line.scorer.score(record)
    try:
        verdict = line.policy.decide(record, scored)
    except InvalidRecord as refused:
        if line.pinned is None:
            raise
        raise InvalidRecord(line.pinned.told(refused.problems)) from refused
    return Assessed(keys, record, problems, sent, digest, scored, verdict)


def read_record(line: Line, tree: Mapping[str, Any], problems: list[Problem]) -> Arrived:
    """Map, upcast and validate; ``problems`` found before are raised together with the new ones."""
    mapped = line.integration.request.read(tree)
    if line.pinned:
        return _read_pinned(line, line.pinned, mapped, problems)
    checked = line.rows.check(mapped.values, mapped.states)
    tolerated = _tolerated(mapped, checked, problems, untrained(line, mapped.values))
    values, states = tuple(mapped.values), bytes(mapped.states)
    digest = line.layout.digest(values, states)
    sent = sent_digest(line, mapped) if line.integration.request.looked_up else digest
    record = Record(line.contract.ref, values, states, bytes(mapped.origins), mapped.causes)
    return Arrived(record, tolerated, sent, digest)


def _read_pinned(line: Line, pinned: Pinned, mapped: Mapped, problems: list[Problem]) -> Arrived:
    """A record of an earlier version: it must be legal as what it claims to be, and then as what it becomes.

    A way up that could make a legal field illegal is refused when it is read (contracts/upcast_reading.py), so only the
    rules, which may be written in other units now, are asked again.
    """
    checked = pinned.rows.check(mapped.values, mapped.states)
    risen = pinned.upcast.apply(mapped.values, mapped.states, mapped.origins, mapped.causes)
    tolerated = _tolerated(mapped, checked, problems, pinned.told(untrained(line, risen.values)))
    again = line.rows.check_rules(risen.values, risen.states)
    if again.tolerated or again.fatal:
        told = {problem.rule for problem in tolerated}
        tolerated += tuple(problem for problem in pinned.told(again.tolerated) if problem.rule not in told)
    if again.fatal:
        raise InvalidRecord([*pinned.told(again.fatal), *tolerated])
    record = Record(line.contract.ref, tuple(risen.values), bytes(risen.states), bytes(risen.origins), risen.causes)
    return Arrived(record, tolerated, sent_digest(line, mapped), line.layout.digest(record.values, record.states))


def _tolerated(mapped: Mapped, checked: Checked, before: list[Problem], after: list[Problem]) -> tuple[Problem, ...]:
    """The problems a record may go on with; raises InvalidRecord with all where there are others."""
    if not (mapped.fatal or checked.fatal or before or after):
        return (*mapped.tolerated, *checked.tolerated)
    # A value the mapping could not read is a problem already; that its field is unusable says no more.
    told = {(problem.path, "unusable") for problem in mapped.fatal}
    broken = [problem for problem in checked.fatal if (problem.path, problem.code) not in told]
    fatal = [*before, *mapped.fatal, *broken]
    # Of a product that could not be read, that it is not there says no more either.
    fatal += [one for one in after if one.path not in {problem.path for problem in fatal}]
    if fatal:
        raise InvalidRecord([*fatal, *mapped.tolerated, *checked.tolerated])
    return (*mapped.tolerated, *checked.tolerated)


def sent_digest(line: Line, mapped: Mapped) -> bytes:
    """Digest of what came on the wire, in the version the integration speaks, before any upcast.

    Fields that are looked up count as not carried, whatever was found.
    """
    layout, looked_up = (line.pinned or line).layout, line.integration.request.looked_up
    if not looked_up:
        return layout.digest(mapped.values, mapped.states)
    values, states = list(mapped.values), bytearray(mapped.states)
    for position in looked_up:
        values[position], states[position] = None, State.NOT_CARRIED
    return layout.digest(values, states)


def untrained(line: Line, values: list[Any]) -> list[Problem]:
    """Product and currency the bundle was not trained for: a score would look right and mean nothing.

    A bundle may know several products; the policy decides one.
    """
    products = [product for product in line.bundle.products if product == line.policy.product]
    trained = (("product", products), ("currency", line.bundle.currencies))
    index = line.contract.index
    return [
        Problem(f"untrained_{name}", name, name, _untrained(values[index[name]]), f"one of {', '.join(known)}")
        for name, known in trained
        if name in index and values[index[name]] not in known
    ]


def _untrained(value: object) -> str:
    return "nothing" if value is None else "a value the bundle was not trained for"


def derived_key(business_key: str, sent_digest: bytes) -> str:
    """Request key of a message that carries none: the same application asked again is the same asking."""
    return DERIVED + hashlib.sha256(business_key.encode() + b"\0" + sent_digest).hexdigest()


def decision_id(line: Line, mode: Mode, request_key: str, record_digest: bytes) -> str:
    """Digest of mode, integration, request key, record, bundle and policy: 32 letters and digits, the same anywhere."""
    asked = _lasting(mode) + _lasting(line.integration.name) + _with_length(request_key)
    by = _lasting(line.bundle.digest) + _lasting(line.policy.digest)
    digest = hashlib.sha256(asked + _with_length(record_digest.hex()) + by).digest()
    return base64.b32encode(digest[:20]).decode().lower()


def _with_length(part: str) -> bytes:
    content = part.encode()
    return len(content).to_bytes(4, "big") + content


_lasting = lru_cache(256)(_with_length)
"""For parts that many decisions share."""


def conclude(
    line: Line, assessed: Assessed, mode: Mode, request_key: str, supersedes: str, as_of: datetime
) -> Decision:
    """The decision in full, once the ledger has said which key it stands under and what it supersedes.

    ``mode`` is the request's, not the integration's: see gateway/modes.py.
    """
    policy, verdict, versions = line.policy, assessed.verdict, line.versions
    values, index = assessed.record.values, line.contract.index
    return Decision(
        decision_id=decision_id(line, mode, request_key, assessed.record_digest),
        business_key=assessed.keys.business,
        request_key=request_key,
        correlation_id=assessed.keys.correlation,
        mode=mode,
        product=str(values[index["product"]]),
        currency=str(values[index["currency"]]),
        outcome=verdict.outcome,
        refer_causes=verdict.refer_causes,
        pd=verdict.pd,
        score=verdict.score,
        score_min=verdict.score_min,
        score_max=verdict.score_max,
        reasons=verdict.reasons,
        imputations=verdict.imputations,
        information_not_available=verdict.information_not_available,
        contract=versions.contract,
        bundle=versions.bundle,
        policy=versions.policy,
        integration=versions.integration,
        as_of=as_of,
        valid_until=as_of + timedelta(days=policy.validity_days),
        supersedes=supersedes,
        decided_by="model",
        notice_due_by=(as_of + timedelta(days=policy.notice_days)).date(),
    )


def decision_tree(decision: Decision) -> Tree:
    """A decision as the tree the answer mapping reads; rows of reasons and imputations become dicts."""
    tree = decision._asdict()
    tree["reasons"] = [reason._asdict() for reason in decision.reasons]
    tree["imputations"] = [imputation._asdict() for imputation in decision.imputations]
    return tree
