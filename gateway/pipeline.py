"""The core's last step: map, validate, impute, score, reasons and decide as functions from values to values.

No clock, network, log, global or environment is read here: as-of time and keys are arguments. The shell around it is
gateway/service.py.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from contracts.digest import Layout
from contracts.errors import InvalidRecord
from contracts.mapping.keys import Keys
from contracts.odcs import Contract
from contracts.rows import RowEngine
from contracts.types import Problem, Record, State
from gateway.integrations import Integration
from gateway.modes import Mode
from models.bundle import Bundle
from models.policy import Policy
from models.scoring import Scorer
from models.types import Decision, Scored
from models.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Line:
    """One integration compiled: everything a decision depends on but the message and the time."""

    integration: Integration
    contract: Contract
    rows: RowEngine
    layout: Layout
    bundle: Bundle
    scorer: Scorer
    policy: Policy


class Assessed(NamedTuple):
    """One record on its way through the core, ready to be decided once its place in the ledger is known.

    ``problems`` are the tolerated ones: the contract allows going on with the field rejected. ``sent_digest`` names
    what the caller sent, ``record_digest`` what was scored: they differ where look-ups add to a message.
    """

    keys: Keys
    record: Record
    problems: tuple[Problem, ...]
    sent_digest: bytes
    record_digest: bytes
    scored: Scored
    verdict: Verdict


def assess(line: Line, tree: Mapping[str, Any]) -> Assessed:
    """Map, validate, impute, score and judge one native tree; raises InvalidRecord with every problem at once."""
    keys, key_problems = line.integration.keys.read(tree)
    record, problems = read_record(line, tree, key_problems)
    digest = line.layout.digest(record.values, record.states)
    sent = sent_digest(line, record) if line.integration.request.looked_up else digest
    scored = line.scorer.score(record)
    verdict = line.policy.decide(record, scored, line.bundle)
    return Assessed(keys, record, problems, sent, digest, scored, verdict)


def sent_digest(line: Line, record: Record) -> bytes:
    """Digest of what came on the wire: fields that are looked up count as not carried, whatever was found.

    No upcaster exists while 1.0.0 is the only version, so this is the record as it was sent.
    """
    values, states = list(record.values), bytearray(record.states)
    for position in line.integration.request.looked_up:
        values[position], states[position] = None, State.NOT_CARRIED
    return line.layout.digest(values, states)


def read_record(
    line: Line, tree: Mapping[str, Any], problems: list[Problem]
) -> tuple[Record, tuple[Problem, ...]]:
    """Map and validate; ``problems`` found before are raised together with the new ones."""
    mapped = line.integration.request.read(tree)
    checked = line.rows.check(mapped.values, mapped.states)
    # A value the mapping could not read is a problem already; that its field is unusable says no more.
    told = {(problem.path, "unusable") for problem in mapped.fatal}
    broken = [problem for problem in checked.fatal if (problem.path, problem.code) not in told]
    fatal = [*problems, *mapped.fatal, *broken, *untrained(line, mapped.values)]
    if fatal:
        raise InvalidRecord([*fatal, *mapped.tolerated, *checked.tolerated])
    record = Record(
        line.contract.ref, tuple(mapped.values), bytes(mapped.states), bytes(mapped.origins), mapped.causes
    )
    return record, (*mapped.tolerated, *checked.tolerated)


def untrained(line: Line, values: list[Any]) -> list[Problem]:
    """Product and currency the bundle was not trained for: a score would look right and mean nothing.

    A bundle may know several products; the policy decides one.
    """
    products = [product for product in line.bundle.products if product == line.policy.product]
    trained = (("product", products), ("currency", line.bundle.currencies))
    index = line.contract.index
    return [
        Problem(f"untrained_{name}", name, name, "a value the bundle was not trained for", f"one of {', '.join(known)}")
        for name, known in trained
        if name in index and values[index[name]] is not None and values[index[name]] not in known
    ]


def decision_id(line: Line, mode: Mode, request_key: str, record_digest: bytes) -> str:
    """Digest of mode, integration, request key, record, bundle and policy: 32 letters and digits, the same anywhere."""
    asked = (mode, line.integration.name, request_key)
    parts = (*asked, record_digest.hex(), line.bundle.digest, line.policy.digest)
    hasher = hashlib.sha256()
    for part in parts:
        content = part.encode()
        hasher.update(len(content).to_bytes(4, "big") + content)
    return base64.b32encode(hasher.digest()[:20]).decode().lower()


def conclude(
    line: Line, assessed: Assessed, mode: Mode, request_key: str, supersedes: str, as_of: datetime
) -> Decision:
    """The decision in full, once the ledger has said which key it stands under and what it supersedes.

    ``mode`` is the request's, not the integration's: see gateway/modes.py.
    """
    integration, policy, verdict = line.integration, line.policy, assessed.verdict
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
        contract=f"{line.contract.ref}#{line.contract.digest}",
        bundle=f"{line.bundle.name}@{line.bundle.version}#{line.bundle.digest}",
        policy=f"{policy.name}@{policy.version}#{policy.digest}",
        integration=f"{integration.name}#{integration.digest}",
        as_of=as_of,
        valid_until=as_of + timedelta(days=policy.validity_days),
        supersedes=supersedes,
        decided_by="model",
        notice_due_by=(as_of + timedelta(days=policy.notice_days)).date(),
    )
