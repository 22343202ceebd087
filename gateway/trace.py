"""Every stage of one decision laid open, as plain data: what came, what it became, and why the answer is what it is."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from contracts.errors import CallerError, InvalidRecord, ScoregateError
from contracts.types import Origin, Problem, State
from contracts.upcast import Taken
from gateway.modes import Mode
from gateway.pipeline import Assessed, Line, assess, conclude, decision_tree, derived_key
from gateway.service import ServingDesk
from gateway.spi import Asked, Tree
from models.types import Decision

SHOWN_BYTES = 4000


def trace(desk: ServingDesk, asked: Asked, as_of: datetime) -> Tree:
    """The stages integration, raw, lookups, fields, upcast, problems, imputed, score, policy, decision, answer; those
    reached. ``lookups`` says why those failed that did.

    A refused message ends with ``problems`` and its native refusal as ``answer``. Nothing is recorded.
    """
    line = desk.line_at(as_of)
    stages: Tree = {"integration": desk.name, "raw": _raw(asked.raw)}
    try:
        tree = desk.read(asked)
        stages["lookups"] = desk.lookup_failures()
        stages["fields"] = _fields(line, tree)
        assessed = assess(line, tree)
    except CallerError as error:
        return stages | _refused(desk, error)
    decision = foresee(line, assessed, desk.mode_of(asked.principal), as_of)
    return stages | {
        "upcast": _upcast(line, assessed),
        "problems": [problem._asdict() for problem in assessed.problems],
        "imputed": [imputation._asdict() for imputation in decision.imputations],
        "score": _score(line, assessed),
        "policy": _policy(line),
        "decision": decision_tree(decision),
        "answer": desk.render(decision).decode("utf-8", errors="replace"),
    }


def foresee(line: Line, assessed: Assessed, mode: Mode, as_of: datetime) -> Decision:
    """The decision as it would be recorded if nothing stood under its business key yet."""
    key = assessed.keys.request or derived_key(assessed.keys.business, assessed.sent_digest)
    return conclude(line, assessed, mode, key, "", as_of)


def _raw(raw: bytes) -> Tree:
    text = raw[:SHOWN_BYTES].decode("utf-8", errors="replace")
    return {"bytes": len(raw), "sha256": hashlib.sha256(raw).hexdigest(), "text": text}


def _fields(line: Line, tree: Mapping[str, Any]) -> list[Tree]:
    request = line.integration.request
    mapped = request.read(tree)
    return [
        {
            "field": field.name,
            "native": request.native_path(field.name),
            "value": field.text(value),
            "state": State(state).word,
            "origin": Origin(origin).word if state == State.GIVEN else "",
            "cause": mapped.causes.get(position, ""),
        }
        for position, (field, value, state, origin) in enumerate(
            zip(line.spoken.fields, mapped.values, mapped.states, mapped.origins, strict=True)
        )
    ]


def _upcast(line: Line, assessed: Assessed) -> Tree:
    """What the way to the version that is scored changed; empty where the integration speaks that version."""
    if line.pinned is None:
        return {}
    record, tree = assessed.record, line.pinned.upcast.tree
    changed = [(at, entry) for at, entry in enumerate(tree.entries) if entry != Taken(entry.field, entry.field.name)]
    return {
        "from": tree.before,
        "to": tree.after,
        "fields": [
            {
                "field": entry.field.name,
                "source": entry.source if isinstance(entry, Taken) else "",
                "value": entry.field.text(record.values[at]),
                "state": State(record.states[at]).word,
                "origin": Origin(record.origins[at]).word if record.states[at] == State.GIVEN else "",
                "cause": record.causes.get(at, ""),
            }
            for at, entry in changed
        ],
    }


def _refused(desk: ServingDesk, error: CallerError) -> Tree:
    problems: tuple[Problem, ...] = error.problems if isinstance(error, InvalidRecord) else ()
    return {
        "problems": [p._asdict() for p in problems] or [{"code": error.detail_code, "seen": error.message}],
        "answer": desk.codec.refuse(desk.refusal(error)).decode("utf-8", errors="replace"),
    }


def _score(line: Line, assessed: Assessed) -> Tree:
    scored = assessed.scored
    groups = [group.name for group in line.bundle.groups]
    return {
        "pd": scored.pd,
        "score": scored.score,
        "score_min": scored.score_min,
        "score_max": scored.score_max,
        "base": scored.base,
        "points": dict(zip(groups, (float(p) for p in scored.points), strict=True)),
        "information_not_available": scored.information,
        "path_dependent_points": dict(
            zip(groups, (float(p) for p in line.scorer.path_dependent(assessed.record)), strict=True)
        ),
    }


def _policy(line: Line) -> Tree:
    policy = line.policy
    return {
        "policy": f"{policy.name}@{policy.version}",
        "approve_from": policy.cut_offs.approve,
        "decline_below": policy.cut_offs.decline,
        "flip_tolerance": policy.flip_tolerance,
        "validity_days": policy.validity_days,
    }


def answer_once(desk: ServingDesk, asked: Asked, as_of: datetime, *, record: bool) -> tuple[bytes, bool]:
    """The native answer to one message and whether it is a refusal; writes the ledger only if told to, and then as of
    the desk's own clock."""
    try:
        if record:
            return _recorded(desk, asked), False
        line = desk.line_at(as_of)
        return desk.render(foresee(line, assess(line, desk.read(asked)), desk.mode_of(asked.principal), as_of)), False
    except CallerError as error:
        return desk.codec.refuse(desk.refusal(error)), True


def _recorded(desk: ServingDesk, asked: Asked) -> bytes:
    settled = desk.decide_many([asked])[0]
    if isinstance(settled, ScoregateError):
        raise settled
    return settled.payload
