"""A drafted integration as the text of its file, with what a person must decide at each line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from textwrap import indent
from typing import Any

from contracts.yaml_text import flow, key
from gateway.drafting.lines import LEAST, MARKS, SURE, WIDTH, Line, commented, one_line
from gateway.spi import Undecided
from models.drafting.findings import Finding, Severity

HEAD = (
    "The number behind a line is its confidence, from 0 to 1: how alike the names are, and how well type, unit and",
    f"codes fit; it is no probability. Below {LEAST} nothing is mapped, below {SURE} a line is a guess. What says",
    "DECIDE must be settled before anybody relies on it, what says CHECK looked at; then take the words out.",
)


@dataclass(frozen=True, slots=True)
class Draft:
    """Everything of a drafted integration. ``left`` is what is open in ``wire``; ``told``: where in ``wire`` a further
    answer map stands, and its lines; ``answer_lines`` is None where the answer contract is answered as it is."""

    name: str
    adapter: str
    source: str
    contract: str
    answer: str
    product: str
    wire: Mapping[str, Any]
    told: tuple[tuple[str, ...], list[Line]] | None
    keys: list[Line]
    request_lines: list[Line]
    joint: list[str]
    ignore: list[str]
    answer_lines: list[Line] | None
    left: Sequence[Undecided] = ()
    notes: tuple[str, ...] = field(default=())

    def without(self, part: str, why: str) -> Draft:
        """The draft without a part of its wire section, saying so."""
        wire = {name: value for name, value in self.wire.items() if name != part}
        return replace(self, wire=wire, told=None, notes=(*self.notes, f"wire.{part} is left out: {why}"))

    def whole_wire(self) -> dict[str, Any]:
        """The wire section as it will be read."""
        wire: dict[str, Any] = {name: _copied(value) for name, value in self.wire.items()}
        if self.told is not None:
            (*above, last), lines = self.told
            node = wire
            for step in above:
                node = node[step]
            node[last] = {line.key: line.value for line in lines}
        return wire

    def findings(self) -> list[Finding]:
        """What is left to a person, in the order of the file."""
        lines = [*self.keys, *(self.told[1] if self.told else []), *self.request_lines, *(self.answer_lines or [])]
        found = [_of_wire(one) for one in self.left]
        found += [finding for line in lines for finding in line.findings()]
        if self.ignore:
            cure = "map what a field of the contract stands for; the rest is ignored in every message"
            what = f"{len(self.ignore)} place(s) of the message are ignored"
            found.append(Finding("should", what, ", ".join(self.ignore), cure, "integration", "ignore:"))
        return found


def _of_wire(one: Undecided) -> Finding:
    place = ".".join(("wire", *one.place))
    evidence = "as far as its names and types tell"
    return Finding(_severity(one), f"{place}: {one.what}", evidence, one.cure, "integration", f"{key(one.place[-1])}:")


def _severity(one: Undecided) -> Severity:
    return "must" if one.must else "should"


def _copied(value: Any) -> Any:
    return {name: _copied(one) for name, one in value.items()} if isinstance(value, Mapping) else value


def text(draft: Draft) -> str:
    """The file."""
    return "\n".join(_lines(draft)) + "\n"


def _lines(draft: Draft) -> Iterator[str]:
    yield f"# Drafted by `scoregate new integration` from {one_line(draft.source)}."
    yield from (f"# {line}" for line in HEAD)
    yield f"integration: {draft.name}"
    yield f"adapter: {draft.adapter}"
    yield f"contract: {draft.contract}"
    yield f"answer: {draft.answer}"
    yield f"product: {flow(draft.product)}"
    yield "mode: test"
    yield from _wire(draft)
    yield "keys:"
    yield from _written(draft.keys)
    yield "resubmission: supersede # or conflict"
    yield "\nrequest: # contract field <- native path"
    yield from _written(draft.request_lines)
    if draft.joint:
        yield f"\njoint: {flow(draft.joint)} # a second applicant is refused, never left out in silence"
    if draft.ignore:
        yield "\nignore: # CHECK: nothing in the contract is like these"
        yield from (f"  - {flow(path)}" for path in draft.ignore)
    if draft.answer_lines is not None:
        yield "\nanswer_map: # native path <- decision path"
        yield from _written(draft.answer_lines)
    yield "\nlookups: {}"
    yield "limits: {deadline: 5s, bytes: 64KB}"


def _written(lines: Sequence[Line]) -> Iterator[str]:
    for line in lines:
        yield from line.written()


def _wire(draft: Draft) -> Iterator[str]:
    """The adapter's section; a key has a line, or more where a map of ours or something open stands inside."""
    yield "wire:" if draft.wire else "wire: {}"
    yield from _section(draft, draft.wire, ())


def _section(draft: Draft, section: Mapping[str, Any], above: tuple[str, ...]) -> Iterator[str]:
    place, lines = draft.told or ((), [])
    margin = "  " * (len(above) + 1)
    for name, value in section.items():
        here = (*above, name)
        line = f"{margin}{key(name)}: {flow(value)}"
        inside = any(tuple(one.place)[: len(here)] == here != tuple(one.place) for one in draft.left)
        if here == tuple(place):
            yield f"{margin}{key(name)}:"
            yield indent("\n".join(_written(lines)), margin)
        elif isinstance(value, Mapping) and (inside or here == tuple(place)[: len(here)] or len(line) > WIDTH):
            yield f"{margin}{key(name)}:"
            yield from _section(draft, value, here)
        else:
            yield from commented(line, [mark for one in draft.left if tuple(one.place) == here for mark in _marks(one)])


def _marks(one: Undecided) -> Iterator[str]:
    yield f"{MARKS[_severity(one)]}: {one.what}"
