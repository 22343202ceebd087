"""Proving a decision: the same path once more, from what was sealed and kept, compared stage by stage.

::

    payload ─ ground ─ decode ─ sent ─ record ─ identity ─ score ─ points ─ reasons ─ decision ─ row ─ answer

In the same environment (gateway/environment.py) everything must be equal to the last bit. In another one the last bits
of score and points may differ; then published digits are compared, and the proof says so.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple, cast

from pydantic_core import from_json, to_json

from contracts.errors import CallerError, InternalFault, InvalidRecord, ScoregateError
from contracts.odcs import Contract
from gateway.environment import differences
from gateway.evidence import encode_record, read_beside
from gateway.grounds import Ground, Grounds
from gateway.ledger import Kept, Ledger, Payload
from gateway.ledger.settle import renewed_key
from gateway.modes import Mode
from gateway.pipeline import Assessed, conclude, decision_tree, derived_key, judge, take
from gateway.spi import Tree
from models.types import Decision

Result = Literal["equal", "differs", "erased", "missing", "unreadable"]
NEAR: Final = 1e-6
"""Score points by which unrounded numbers of two environments may differ: a ten-thousandth of what is published."""
_PER_FIELD: Final = ("values", "states", "origins")
_PUBLISHED: Final = ("pd", "score", "score_min", "score_max")


class Stage(NamedTuple):
    """One stage compared: what was recorded and what came out now, as digests or numbers; ``note`` says where."""

    name: str
    equal: bool
    recorded: str
    recomputed: str
    note: str = ""


class Proof(NamedTuple):
    """What became of one decision. ``environment`` names what differs between the one it was made in and this one.

    ``stages`` are those reached, in order; where everything is equal they are left out unless asked for.
    """

    decision_id: str
    result: Result
    said: str = ""
    environment: tuple[str, ...] = ()
    stages: tuple[Stage, ...] = ()

    @property
    def first(self) -> Stage | None:
        """The first stage that differs."""
        return next((stage for stage in self.stages if not stage.equal), None)


class Again(NamedTuple):
    """One decision computed again. ``answer`` is why it cannot be written where that is so."""

    assessed: Assessed
    decision: Decision
    record: bytes
    decision_json: bytes
    answer: bytes | InternalFault


RequestKeys = Callable[[Kept, str], Iterable[str]]
"""The request keys a decision may stand under besides the derived one given: it is renewed after each expiry."""


def renewals(ledger: Ledger) -> RequestKeys:
    """Follows a derived key from decision to decision, each of which had expired when the next one was made."""

    def follow(kept: Kept, first: str) -> Iterator[str]:
        key, number = first, 0
        while True:
            found = ledger.find(kept.entry.mode, kept.entry.integration, key)
            if found is None or not number < found.number < kept.entry.number:
                return
            key, number = renewed_key(key, found.decision_id), found.number
            yield key

    return follow


class Prover:
    """Proves decisions. ``now`` is the environment this runs in; ``show`` lets personal values into the stages."""

    def __init__(
        self, grounds: Grounds, request_keys: RequestKeys, now: Mapping[str, str], *, show: bool = False
    ) -> None:
        self._grounds, self._request_keys = grounds, request_keys
        self._now, self._show = dict(now), show
        self._elsewhere: dict[str, tuple[str, ...]] = {}

    def prove(self, kept: Kept, *, every_stage: bool = False) -> Proof:
        """Compute a decision again and compare."""
        name, payload = kept.entry.decision_id, kept.payload
        if payload is None:
            return Proof(name, "erased", "its contents were erased: the key of its payload is gone")
        if isinstance(payload, ScoregateError):
            return Proof(name, "unreadable", payload.message)
        try:
            record = from_json(payload.record)
            header, found = read_beside(record["beside"])
            ground = self._grounds.at(record["basis"])
        except (ValueError, KeyError, TypeError):
            return Proof(name, "unreadable", "its record holds no evidence: an earlier version sealed it")
        except CallerError as error:
            return Proof(name, "missing", error.message)
        except ScoregateError as error:
            return Proof(name, "unreadable", error.message)
        elsewhere = self._differing(record["basis"], ground)
        try:
            again = self._again(kept, ground, payload.raw, header, found, record["beside"])
        except (CallerError, InternalFault) as error:
            return Proof(name, "differs", "", elsewhere, (_refused(error),))
        if not every_stage and _same(kept, payload, again):
            return Proof(name, "equal", "", elsewhere)
        stages = tuple(_stages(kept, payload, record, again, ground, published=bool(elsewhere), show=self._show))
        return Proof(name, "equal" if all(stage.equal for stage in stages) else "differs", "", elsewhere, stages)

    def _differing(self, basis: str, ground: Ground) -> tuple[str, ...]:
        if basis not in self._elsewhere:
            self._elsewhere[basis] = differences(ground.environment, self._now)
        return self._elsewhere[basis]

    def _again(
        self, kept: Kept, ground: Ground, raw: bytes, header: dict[str, str], found: Tree | None, beside: Tree
    ) -> Again:
        line, entry = ground.line, kept.entry
        tree = ground.codec.decode(raw, header)
        if found is not None:
            tree["lookup"] = found
        assessed = judge(line, *take(line, tree))
        asked = assessed.keys.request

        def concluded(key: str) -> Decision:
            return conclude(line, assessed, cast(Mode, entry.mode), key, entry.about, entry.received_at)

        first = asked or derived_key(assessed.keys.business, assessed.sent_digest)
        decision = concluded(first)
        if decision.decision_id != entry.decision_id and not asked:
            others = map(concluded, self._request_keys(kept, first))
            decision = next((one for one in others if one.decision_id == entry.decision_id), decision)
        made = decision_tree(decision)
        return Again(assessed, decision, encode_record(line, assessed, beside), to_json(made), _written(ground, made))


def _written(ground: Ground, decision: Tree) -> bytes | InternalFault:
    try:
        return ground.codec.encode(ground.line.integration.answer_map.write(decision))
    except InternalFault as fault:
        return fault


class Tally:
    """What became of many decisions, and in how many environments they were made."""

    def __init__(self) -> None:
        self.results: Counter[str] = Counter()
        self.elsewhere: Counter[tuple[str, ...]] = Counter()

    def add(self, proof: Proof) -> None:
        self.results[proof.result] += 1
        if proof.result in ("equal", "differs"):
            self.elsewhere[proof.environment] += 1

    @property
    def sound(self) -> bool:
        """Whether everything that can still be read is equal; what was erased cannot."""
        return not any(self.results[kind] for kind in ("differs", "missing", "unreadable"))


def _same(kept: Kept, payload: Payload, again: Again) -> bool:
    """Whether all is equal to the last bit: one comparison for what a stage each would find."""
    return (
        again.record == payload.record
        and again.decision_json == payload.decision
        and again.answer == payload.answer
        and again.assessed.sent_digest == kept.sent
        and again.decision.decision_id == kept.entry.decision_id
        and _row_now(again.decision) == _row(kept)
    )


def _stages(
    kept: Kept, payload: Payload, record: Tree, again: Again, ground: Ground, *, published: bool, show: bool
) -> Iterator[Stage]:
    """Every stage from what was sent on; ``published`` compares published digits only."""
    now, decided, made = from_json(again.record), _parsed(payload.decision), from_json(again.decision_json)
    yield _digests("sent", kept.sent.hex(), again.assessed.sent_digest.hex())
    yield _records(record, now, ground.line.contract, show=show)
    yield _digests("identity", kept.entry.decision_id, again.decision.decision_id)
    if published:
        yield _values("score", _only(decided, _PUBLISHED), _only(made, _PUBLISHED))
    else:
        yield _values("score", _without(record.get("scored"), "points"), _without(now["scored"], "points"))
    groups = [group.name for group in ground.line.bundle.groups]
    yield _points(record.get("scored"), now["scored"]["points"], groups, NEAR if published else 0.0)
    yield Stage("reasons", decided.get("reasons") == made["reasons"], _reasons(decided), _reasons(made))
    equal = payload.decision == again.decision_json or (published and decided == made)
    yield Stage("decision", equal, _sha(payload.decision), _sha(again.decision_json), _named(decided, made, show=show))
    yield _values("row", _row(kept), _row_now(again.decision))
    if isinstance(again.answer, InternalFault):
        yield Stage("answer", False, _sha(payload.answer), "not written", again.answer.message)
    else:
        yield _digests("answer", _sha(payload.answer), _sha(again.answer))


def _digests(name: str, recorded: str, recomputed: str) -> Stage:
    return Stage(name, recorded == recomputed, recorded, recomputed)


def _values(name: str, recorded: Tree, recomputed: Tree) -> Stage:
    equal = to_json(recorded) == to_json(recomputed)
    return Stage(name, equal, _told(recorded), _told(recomputed), _named(recorded, recomputed, show=False))


def _records(recorded: Tree, now: Tree, contract: Contract, *, show: bool) -> Stage:
    parts = ("contract", *_PER_FIELD, "causes", "digest")
    differing = [part for part in parts if recorded.get(part) != now[part]]
    fields = [
        f"{field.name}: {[recorded[p][at] for p in _PER_FIELD]} → {[now[p][at] for p in _PER_FIELD]}"
        if show
        else field.name
        for at, field in enumerate(contract.fields if _comparable(recorded, now) else ())
        if any(recorded[part][at] != now[part][at] for part in _PER_FIELD)
    ]
    note = ", ".join(fields or differing)
    return Stage("record", not differing, str(recorded.get("digest", "")), now["digest"], note)


def _comparable(recorded: Tree, now: Tree) -> bool:
    return all(isinstance(recorded.get(p), list) and len(recorded[p]) == len(now[p]) for p in _PER_FIELD)


def _points(scored: Any, now: list[float], groups: list[str], near: float) -> Stage:
    found = scored.get("points") if isinstance(scored, dict) else None
    recorded = found if isinstance(found, list) and len(found) == len(now) else [float("nan")] * len(now)
    apart = [
        f"{group} {one!r} → {other!r}"
        for group, one, other in zip(groups, recorded, now, strict=True)
        if not (one == other or abs(one - other) < near)
    ]
    before, after = (", ".join(f"{g} {p:+.2f}" for g, p in zip(groups, some, strict=True)) for some in (recorded, now))
    return Stage("points", not apart, before, after, ", ".join(apart))


def _reasons(decision: Tree) -> str:
    listed = decision.get("reasons")
    named = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    return ", ".join(f"{one.get('code')} {one.get('points')}" for one in named) or "none"


def _row(kept: Kept) -> Tree:
    entry = kept.entry
    until = None if entry.valid_until is None else entry.valid_until.isoformat()
    return {"integration": entry.integration, "outcome": entry.outcome, "valid_until": until, "supersedes": entry.about}


def _row_now(decision: Decision) -> Tree:
    name = decision.integration.partition("#")[0]
    until = decision.valid_until.isoformat()
    return {"integration": name, "outcome": decision.outcome, "valid_until": until, "supersedes": decision.supersedes}


def _refused(error: CallerError | InternalFault) -> Stage:
    """The stage at which what was once decided is refused now."""
    if isinstance(error, InvalidRecord):
        problems = ", ".join(f"{problem.code} at {problem.path}" for problem in error.problems)
        return Stage("record", False, "decided", "refused", problems)
    return Stage("decode", False, "decided", "refused", error.detail_code)


def _named(recorded: Tree, now: Tree, *, show: bool) -> str:
    names = [name for name in dict.fromkeys((*recorded, *now)) if recorded.get(name) != now.get(name)]
    if show:
        return "; ".join(f"{name}: {recorded.get(name)!r} → {now.get(name)!r}" for name in names)
    return ", ".join(names)


def _told(values: Tree) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items() if value not in ("", None)) or "nothing"


def _only(values: Tree, names: Iterable[str]) -> Tree:
    return {name: values.get(name) for name in names}


def _without(values: Any, name: str) -> Tree:
    return {key: value for key, value in values.items() if key != name} if isinstance(values, dict) else {}


def _parsed(content: bytes) -> Tree:
    """A sealed decision; empty where it is not even JSON, so that every stage that reads it differs."""
    try:
        found = from_json(content)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
