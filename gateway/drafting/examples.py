"""Examples of a drafted integration, made up from quantiles and frequent codes: no row of the data is in them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from gateway.drafting.files import BUSINESS_KEY
from models.drafting.draft import Draft, DraftField
from models.drafting.findings import Finding

AS_OF = "2026-01-15T09:30:00Z"
_IGNORED = "[decision_id, as_of, valid_until, bundle, policy]"
_CASE = """\
# Made up by `scoregate init` from quantiles and frequent codes of the data; no row of it was copied. Replace it by what
# the system really sends, with made-up applicants.
shows: {shows}
header:
  Idempotency-Key: '"{name}"'
as_of: {as_of}
compare: canonical
ignore: {ignored}
because: digests name the very bundle and folder, and a live gateway has its own clock
"""

Message = dict[str, object]


class DraftExample(NamedTuple):
    """One example folder: its name, what it shows, and the message."""

    name: str
    shows: str
    message: Message

    def write(self, examples: Path) -> Path:
        """Write request and case; the answer is written once the gateway has given it."""
        folder = examples / self.name
        folder.mkdir(parents=True)
        (folder / "request.json").write_text(json.dumps(self.message, indent=2, ensure_ascii=False) + "\n", "utf-8")
        case = _CASE.format(shows=self.shows, name=self.name, as_of=AS_OF, ignored=_IGNORED)
        (folder / "case.yaml").write_text(case, "utf-8")
        return folder


def make_examples(draft: Draft) -> Iterator[DraftExample]:
    """A usual application, a weak one, one with a gap and one with something unreadable."""
    usual = _message(draft, "DRAFT-1", 0.5)
    weak = _message(draft, "DRAFT-2", 0.9)
    first = draft.features[0].column.name
    yield DraftExample("01-usual__is_decided", "An application with the most usual values is decided", usual)
    yield DraftExample("02-weak__is_decided", "An application of weak standing is decided", weak)
    gap = usual | {BUSINESS_KEY: "DRAFT-3", first: None}
    yield DraftExample("03-a_field_left_empty__is_listed", "A field left empty is listed in the answer", gap)
    strange = usual | {BUSINESS_KEY: "DRAFT-4", first: "cannot be read"}
    yield DraftExample(
        "04-a_field_unreadable__is_never_approved", "A field that cannot be read is never approved", strange
    )


def _message(draft: Draft, key: str, worse: float) -> Message:
    """One application; ``worse`` is the share of applicants that stand better, one field at a time."""
    return {BUSINESS_KEY: key} | {field.column.name: _value(field, worse, draft) for field in draft.fields}


def _value(field: DraftField, worse: float, draft: Draft) -> object:
    column = field.column
    if column.is_number:
        number = column.quantile(worse if field.trend >= 0.5 else 1 - worse)
        return float(column.text(number)) if column.scale else round(number)
    codes = list(column.codes)
    if worse > 0.5 and field.feature:
        rates = {code: _bad_rate(field, code, draft) for code in codes}
        return max(codes, key=lambda code: rates[code])
    return codes[0]


def _bad_rate(field: DraftField, code: str, draft: Draft) -> float:
    """Share of bad loans among the rows with this code; 0 where they are few."""
    rows = [bad for cell, bad in zip(field.column.cells, draft.bad, strict=True) if cell == code]
    return float(sum(rows) / len(rows)) if len(rows) * 20 >= len(draft.bad) else 0.0


FINDING = Finding(
    "should",
    "the examples are made up",
    "their values are quantiles and frequent codes, not applicants",
    "replace them by what the system really sends, then run: scoregate test --renew",
    "integration",
    "integration:",
)
