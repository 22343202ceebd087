"""The core for a batch: map, upcast, validate, impute, score, reasons and decide on columns.

It decides the regular rows of a batch and names the others; those go through ``pipeline.assess`` one by one, and what
comes of them is the same as if they had come alone. Pure, like gateway/pipeline.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from contracts.columns import ColumnEngine, ColumnRecords
from contracts.digest_columns import digests
from contracts.lazy import COLUMNS, Lazy
from contracts.mapping.key_columns import ColumnKeys
from contracts.mapping.keys import DERIVED, Keys
from contracts.mapping.natives import Natives
from contracts.types import Origin, Record, State
from gateway.modes import Mode
from gateway.pipeline import Assessed, Line, conclude, decision_tree
from gateway.spi import Tree
from models.kernel import ScoredColumns
from models.types import Imputation, Scored
from models.verdict import Verdict
from models.verdict_columns import OUTCOMES, ColumnJudge, VerdictColumns, refer_causes

if TYPE_CHECKING:
    import polars as pl
else:
    pl = Lazy("polars", COLUMNS)

_ALPHABET = np.frombuffer(b"abcdefghijklmnopqrstuvwxyz234567", np.uint8)
_sha256 = hashlib.sha256
_DIGEST, _NAMED = 32, 20
"""Bytes of a digest, and how many of them name a decision."""
_LISTED = Verdict("refer", (), (), (), Decimal(0), 0, 0, 0, Decimal(0))


class AssessedColumns(NamedTuple):
    """The regular records of a batch, ready to be decided: ``pipeline.Assessed`` in columns.

    ``keys`` are those sent, '' where a message has none. ``left`` are the rows that go through ``assess``.
    """

    records: ColumnRecords
    keys: Mapping[str, list[str]]
    sent_digests: list[bytes]
    record_digests: list[bytes]
    scored: ScoredColumns
    missing: NDArray[np.bool_]
    verdicts: VerdictColumns
    left: NDArray[np.int64]


class ColumnLine:
    """A line compiled for batches."""

    def __init__(self, line: Line) -> None:
        self.line = line
        integration, pinned = line.integration, line.pinned
        upcast = (pinned.upcast.tree, line.contract) if pinned else None
        self._engine = ColumnEngine(line.spoken, integration.request, upcast)
        self._keys = ColumnKeys(integration.keys)
        self.judge = ColumnJudge(line.policy, line.contract, line.bundle)
        self.wanted = tuple(dict.fromkeys((*self._engine.mapping.wanted, *self._keys.wanted)))
        """The native leaves to read."""
        self._trained = _trained(line)

    def assess(self, natives: Natives) -> AssessedColumns:
        """Assess the rows that are regular; whatever is wrong with the others is not said here."""
        keys, read = self._keys.read(natives), self._engine.read(natives)
        clean = keys.ok[read.records.rows] & self._scorable(read.records)
        sent, records = read.sent.take(clean), read.records.take(clean)
        x, missing = self.line.scorer.arrays(records)
        scored = self.line.scorer.score_columns(x, missing)
        verdicts = self.judge.judge(records, scored, self.line.scorer.base)
        if verdicts.refused.any():
            return self.assess(_without(natives, records.rows[verdicts.refused]))
        digest = digests(self.line.layout, records)
        sent_digest = digest if self._sent_as_scored else digests(self._sent_layout, self._wire(sent))
        chosen = {name: series.gather(records.rows).to_list() for name, series in keys.keys.items()}
        left = np.ones(natives.size, np.bool_)
        left[records.rows] = False
        return AssessedColumns(records, chosen, sent_digest, digest, scored, missing, verdicts, np.flatnonzero(left))

    def _scorable(self, records: ColumnRecords) -> NDArray[np.bool_]:
        """Where product and currency are such as the bundle was trained for."""
        known = [pl.col(name).is_in(values) for name, values in self._trained.items()]
        if not known:
            return np.ones(records.frame.height, np.bool_)
        return records.frame.select(pl.all_horizontal(known).fill_null(False)).to_series().to_numpy()

    @property
    def _looked_up(self) -> tuple[int, ...]:
        return self.line.integration.request.looked_up

    @property
    def _sent_as_scored(self) -> bool:
        return self.line.pinned is None and not self._looked_up

    @property
    def _sent_layout(self) -> Any:
        return (self.line.pinned or self.line).layout

    def _wire(self, sent: ColumnRecords) -> ColumnRecords:
        """What came on the wire: looked-up fields count as not carried."""
        states = list(sent.states)
        for position in self._looked_up:
            states[position] = int(State.NOT_CARRIED)
        return sent._replace(states=tuple(states))


class DecidedColumns:
    """The decisions of a batch at one time, ready to be written: as trees, or as a frame."""

    def __init__(self, column_line: ColumnLine, assessed: AssessedColumns, mode: Mode, as_of: datetime) -> None:
        self.line, self.assessed, self.mode, self.as_of = column_line.line, assessed, mode, as_of
        self.catalogue = column_line.judge.catalogue
        sent, derived = assessed.keys["request"], derived_keys(assessed.keys["business"], assessed.sent_digests)
        self.request_keys = [key or other for key, other in zip(sent, derived, strict=True)] if any(sent) else derived
        self.decision_ids = decision_ids(self.line, mode, self.request_keys, assessed.record_digests)

    def __len__(self) -> int:
        return len(self.decision_ids)

    def trees(self) -> Iterator[Tree]:
        """Each decision as ``pipeline.decision_tree`` gives it, superseding none."""
        if not self.decision_ids:
            return
        same, columns = self._same(), self._columns()
        for row in zip(*columns.values(), strict=True):
            yield {**same, **dict(zip(columns, row, strict=True))}

    def _columns(self) -> dict[str, list[Any]]:
        """What differs between decisions, by its name in a decision."""
        keys, verdicts = self.assessed.keys, self.assessed.verdicts
        imputed = self.imputations()
        return {
            "decision_id": self.decision_ids,
            "business_key": keys["business"],
            "request_key": self.request_keys,
            "correlation_id": keys["correlation"],
            "product": self.texts("product"),
            "currency": self.texts("currency"),
            "outcome": [OUTCOMES[outcome] for outcome in verdicts.outcome.tolist()],
            "refer_causes": [_causes(mask) for mask in verdicts.causes.tolist()],
            "pd": [_decimal(pd, 6) for pd in verdicts.pd.tolist()],
            "score": verdicts.score.tolist(),
            "score_min": verdicts.score_min.tolist(),
            "score_max": verdicts.score_max.tolist(),
            "reasons": self._reasons(),
            "imputations": [[one._asdict() for one in imputed.get(row, ())] for row in range(len(self))],
            "information_not_available": [_decimal(rest, 2) for rest in verdicts.information.tolist()],
        }

    def _reasons(self) -> list[list[Tree]]:
        listed = [reason._asdict() for reason in self.catalogue]
        rows = zip(self.assessed.verdicts.reasons.tolist(), self.assessed.verdicts.points.tolist(), strict=True)
        return [
            [{**listed[place], "points": _decimal(p, 2)} for place, p in zip(*row, strict=True) if place >= 0]
            for row in rows
        ]

    def imputations(self) -> dict[int, tuple[Imputation, ...]]:
        """The imputations of every record that has any."""
        records, line = self.assessed.records, self.line
        touched = np.zeros(len(self), np.bool_)
        for position in line.bundle.positions:
            touched |= np.not_equal(records.states[position], State.GIVEN)
            touched |= records.origins[position] != Origin.WIRE
        return {row: self._imputations(row) for row in np.flatnonzero(touched).tolist()}

    def _imputations(self, row: int) -> tuple[Imputation, ...]:
        records, a = self.assessed.records, self.assessed
        record = Record(records.contract.ref, (), records.states_of(row), records.origins, records.causes)
        imputed = self.line.scorer.bounds(a.missing[row], a.scored.bounds[row])
        scored = Scored(0.0, 0.0, 0.0, 0.0, 0.0, a.scored.points[row], 0.0, None, imputed)
        return self.line.policy.bound.imputations(record, scored)

    def _same(self) -> Tree:
        """What all decisions of the batch have in common, as ``pipeline.conclude`` says it."""
        record = self.assessed.records.record(0)
        first = Assessed(Keys("", "", ""), record, (), b"", b"", None, _LISTED)  # type: ignore[arg-type] # not looked at
        return decision_tree(conclude(self.line, first, self.mode, "", "", self.as_of))

    def texts(self, name: str) -> list[str]:
        """The values of a text or code field."""
        field = self.line.contract.fields[self.line.contract.index[name]]
        values = self.assessed.records.frame[name].to_list()
        return [field.codes[value] for value in values] if field.type == "code" else values


def derived_keys(business_keys: Sequence[str], sent_digests: Sequence[bytes]) -> list[str]:
    """``pipeline.derived_key`` of many messages."""
    pairs = zip(business_keys, sent_digests, strict=True)
    hexed = b"".join([_sha256(key.encode() + b"\0" + digest).digest() for key, digest in pairs]).hex()
    return [DERIVED + hexed[at : at + 2 * _DIGEST] for at in range(0, len(hexed), 2 * _DIGEST)]


def decision_ids(line: Line, mode: Mode, request_keys: Sequence[str], record_digests: Sequence[bytes]) -> list[str]:
    """``pipeline.decision_id`` of many records."""
    start = hashlib.sha256(_sized(mode.encode()) + _sized(line.integration.name.encode()))
    end = _sized(line.bundle.digest.encode()) + _sized(line.policy.digest.encode())
    hexed, width = b"".join(record_digests).hex().encode(), 2 * _DIGEST
    between, found = _size(width), []
    for at, key in zip(range(0, len(hexed), width), request_keys, strict=True):
        hasher, content = start.copy(), key.encode()
        hasher.update(b"".join((_size(len(content)), content, between, hexed[at : at + width], end)))
        found.append(hasher.digest())
    return _base32(np.frombuffer(b"".join(found), np.uint8).reshape(-1, _DIGEST)[:, :_NAMED])


def _base32(found: NDArray[np.uint8]) -> list[str]:
    """RFC 4648 base 32, in small letters, of n texts of twenty bytes, (n, 20)."""
    fives = found.reshape(-1, 5).astype(np.uint64)
    whole = sum(fives[:, k] << np.uint64(32 - 8 * k) for k in range(5))
    places = np.empty((len(fives), 8), np.uint8)
    for k in range(8):
        places[:, k] = (whole >> np.uint64(35 - 5 * k)) & np.uint64(31)
    text = _ALPHABET[places].tobytes().decode()
    return [text[at : at + 32] for at in range(0, len(text), 32)]


@lru_cache(maxsize=512)
def _size(size: int) -> bytes:
    return size.to_bytes(4, "big")


def _sized(content: bytes) -> bytes:
    return _size(len(content)) + content


@lru_cache(maxsize=65_536)
def _decimal(units: int, places: int) -> Decimal:
    return Decimal(units).scaleb(-places)


@lru_cache(maxsize=256)
def _causes(mask: int) -> tuple[str, ...]:
    return refer_causes(mask)


def _trained(line: Line) -> dict[str, list[Any]]:
    """The values of product and currency the bundle was trained for, as columns hold them; see ``untrained``."""
    products = [product for product in line.bundle.products if product == line.policy.product]
    found: dict[str, list[Any]] = {}
    for name, known in (("product", products), ("currency", line.bundle.currencies)):
        if name in line.contract.index:
            codes = line.contract.fields[line.contract.index[name]].codes
            found[name] = [codes.index(one) for one in known if one in codes] if codes else list(known)
    return found


def _without(natives: Natives, rows: NDArray[np.int64]) -> Natives:
    return natives._replace(strange=[*natives.strange, *rows.tolist()])
