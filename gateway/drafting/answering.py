"""Drafts the ``answer_map:`` lines, and a map of refusals the same way: which decision value goes into which leaf."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from contracts.errors import ConfigurationError
from contracts.mapping.answer import AnswerMap
from contracts.mapping.room import misfit
from contracts.odcs import Contract
from contracts.source import Source as Lines
from contracts.types import Field
from gateway.drafting.fitting import fit_of, is_accepted
from gateway.drafting.lines import LEAST, Line, Open
from gateway.drafting.similarity import Name, likeness, pair_codes, words
from gateway.spi import Leaf

ASSUMED: Final = 0.85
"""What a confidence is multiplied by where codes are made up."""
SAFEST: Final = "decline"
"""The outcome whose native code stands for what has none of its own: nothing is approved by a guess."""


class Source(NamedTuple):
    """A decision value that can be written: its path, its field, and what its likeness is judged by. ``at`` is its
    position where it is one of a list.
    """

    path: str
    field: Field
    name: str
    at: int | None = None


@dataclass(frozen=True, slots=True)
class Writing:
    """One way to write a leaf. ``value`` is what stands in the answer map."""

    source: str
    leaf: Leaf
    sure: float
    value: Any = None
    open: tuple[Open, ...] = ()
    why: str = ""


def draft_answer(contract: Contract, leaves: Sequence[Leaf]) -> list[Line]:
    """Match every leaf of an answer; what must be there and nothing stands for gets a legal constant, marked."""
    lists = {leaf.native.path.partition("[]")[0] for leaf in leaves if leaf.native.path.count("[]") == 1}
    lines: dict[str, list[Line]] = {}
    written: set[str] = set()
    for place, source in _lists(contract, leaves, lists):
        inside = [leaf for leaf in leaves if leaf.native.path.startswith(f"{place}[]")]
        drafted, done = _list(contract, source, place, inside)
        if drafted:
            lines[inside[0].native.path] = drafted
            written |= done
    plain = [leaf for leaf in leaves if "[]" not in leaf.native.path]
    chosen = _matched(list(_sources(contract)), plain, contract)
    for writing in chosen.values():
        lines[writing.leaf.native.path] = [_line(writing.leaf.native.path, writing)]
        written.add(writing.leaf.native.path)
    for leaf in _lacking(plain, written):
        lines[leaf.native.path] = [_constant(leaf.native.path, leaf)]
    return [line for leaf in leaves for line in lines.get(leaf.native.path, [])]


def _sources(contract: Contract) -> Iterator[Source]:
    """Everything that can be written as a single value; of a list, each position as well."""
    for path, field in contract.paths.items():
        top, bracket, below = path.partition("[]")
        if not bracket:
            yield Source(path, field, path)
            continue
        for at in range(min(contract.lists.get(top, 0), 9)):
            singular = top.removesuffix("s")
            yield Source(f"{top}[{at}]{below}", field, f"{singular} {below[1:]}".strip(), at)


def _matched(sources: Sequence[Source], leaves: Sequence[Leaf], contract: Contract) -> dict[str, Writing]:
    """The surest pairs first, each leaf and each source once; by leaf."""
    found = sorted(
        (one for source in sources for leaf in leaves if (one := _writing(contract, source, leaf)).sure >= LEAST),
        key=lambda writing: -writing.sure,
    )
    chosen: dict[str, Writing] = {}
    for one in found:
        free = one.leaf.native.path not in chosen and one.source not in {other.source for other in chosen.values()}
        if free and _is_proven(contract, one):
            chosen[one.leaf.native.path] = one
    return chosen


def _is_proven(contract: Contract, writing: Writing) -> bool:
    """Whether the same rules that lint an answer map prove that every decision fits the leaf."""
    source, leaf = writing.source, writing.leaf
    above, listed, _ = source.partition("[].")
    line: dict[str, Any] = {leaf.native.path: writing.value}
    if listed:
        line = {"x[]": {"each": above, leaf.native.path: _relative(writing.value)}}
    try:
        answer = AnswerMap.parse(Lines("draft", {"answer_map": line}, {(): (0, 0)}), ("answer_map",), contract)
    except ConfigurationError:
        return False
    native = leaf.native._replace(most=None)  # how many elements are written is said for the list as a whole
    return not any(misfit(written, native) for written in answer.native_fields().values())


def _writing(contract: Contract, source: Source, leaf: Leaf) -> Writing:
    name, position = _position(Name.of(leaf.native.path))
    nothing = Writing(source.path, leaf, 0.0)
    if (source.at is None) != (position is None) and not (source.at == 0 and position is None):
        return nothing
    if source.at is not None and position is not None and source.at != position:
        return nothing
    if source.at is not None and leaf.needed and not _may_be_empty(leaf):
        return nothing  # a decision may have no element at this position
    alike = likeness(source.name, name)
    if source.field.type == "code":
        return _coded(contract, source, leaf, alike)
    if alike < LEAST or leaf.codes:
        return nothing
    return _fitted(contract, source, leaf, alike)


def _may_be_empty(leaf: Leaf) -> bool:
    attribute = leaf.native.path.rpartition(".")[2].startswith("@")
    return leaf.native.nil and not attribute and leaf.accepts("")


def _position(name: Name) -> tuple[Name, int | None]:
    """A name without the number at its end, and that number as a position: ``ReasonCode1`` is the first."""
    last = name.own[-1].text if name.own else ""
    if not last.isdigit() or len(last) > 2 or len(name.own) < 2:
        return name, None
    return name._replace(own=name.own[:-1]), max(0, int(last) - 1)


def _coded(contract: Contract, source: Source, leaf: Leaf, alike: float) -> Writing:
    field, kind = source.field, leaf.native.type
    labels = contract.labels.get(_open(source.path), {})
    nothing = Writing(source.path, leaf, 0.0)
    if kind == "boolean" and "approve" in field.codes:
        codes: dict[str, Any] = {code: code == "approve" for code in field.codes}
        said = any(word.text in ("approved", "approve", "accepted", "granted") for word in words(leaf.native.path))
        told = Open("must", "true means approved, all else is false", "see what the system does on false")
        value = {"from": source.path, "codes": codes}
        return replace(nothing, sure=0.6 if said else 0.0, value=value, open=(told,), why="name and type")
    if not leaf.codes:
        return _uncoded(contract, source, leaf, alike) if alike >= LEAST else nothing
    pairs, _ = pair_codes(leaf.codes, field.codes, labels)
    back: dict[str, str] = {}
    for native, ours in pairs.items():
        back.setdefault(ours, native)
    lacking = [code for code in field.codes if code not in back]
    if alike < 0.3 or len(back) < 2 or (lacking and SAFEST not in back):
        return nothing
    covered = pair_codes({code: leaf.codes[code] for code in back.values()}, field.codes, labels)[1]
    sure = 0.5 * alike + 0.5 * covered * len(back) / len(field.codes)
    cure = "write the code the system acts on rightly"
    marks = [Open("must", f"{code} has no code of its own, that of {SAFEST} is sent", cure) for code in lacking]
    if sure < 0.8:
        marks.append(Open("should", "the codes are paired by likeness", "compare each with what the system does on it"))
    codes = {code: back.get(code, back.get(SAFEST, "")) for code in field.codes}
    why = f"name {alike:.2f}, codes {covered:.2f}"
    return Writing(source.path, leaf, round(sure, 2), {"from": source.path, "codes": codes}, tuple(marks), why)


def _uncoded(contract: Contract, source: Source, leaf: Leaf, alike: float) -> Writing:
    """Our codes as they are; where there is no room for them, their first letters, if those tell them apart."""
    fitted = _fitted(contract, source, leaf, alike)
    codes = {code: code[:1].upper() for code in source.field.codes}
    if fitted.sure or len({*codes.values()}) < len(codes) or not all(map(leaf.accepts, codes.values())):
        return fitted
    told = Open("must", "the codes are made up, as none are listed", "write those the system acts on rightly")
    value = {"from": source.path, "codes": codes}
    return Writing(source.path, leaf, round(alike * ASSUMED, 2), value, (told,), "name")


def _open(path: str) -> str:
    head, bracket, rest = path.partition("[")
    return f"{head}[]{rest.partition(']')[2]}" if bracket else path


def _fitted(contract: Contract, source: Source, leaf: Leaf, alike: float) -> Writing:
    """The value as it is, or fitted into less room; nothing where it would not fit or the schema refuses it."""
    field, room = source.field, leaf.native.room
    nothing = Writing(source.path, leaf, 0.0)
    fit = fit_of(field, leaf)
    if fit is None:
        return nothing
    examples = list(contract.examples.get(_open(source.path), ())) + ([] if field.required else [None])
    examples += [bound for bound in (field.minimum, field.maximum) if bound is not None]
    if not all(is_accepted(leaf, field, fit, value) for value in examples):
        return nothing
    cut = fit.startswith("chars") and room is not None and (field.max_length or 0) > room
    told = Open("should", f"texts are cut to {room} characters", "see that a person can still read them")
    value = {"from": source.path, "fit": fit} if fit else source.path
    why = "name, type and room" if room else "name and type"
    return Writing(source.path, leaf, round(alike, 2), value, (told,) if cut else (), why)


def _lists(contract: Contract, leaves: Sequence[Leaf], places: set[str]) -> Iterator[tuple[str, str]]:
    """Native lists and the decision's list that each holds, the surest pair first, each once."""
    pairs = [(place, source) for source in contract.lists for place in sorted(places)]
    found = sorted(((-_list_likeness(contract, source, place, leaves), place, source) for place, source in pairs))
    places_done: set[str] = set()
    sources_done: set[str] = set()
    for unlike, place, source in found:
        if -unlike >= LEAST and place not in places_done and source not in sources_done:
            places_done.add(place)
            sources_done.add(source)
            yield place, source


def _list_likeness(contract: Contract, source: str, place: str, leaves: Sequence[Leaf]) -> float:
    """By name alone for a list of plain values; by name and by what of it can be written for a list of groups."""
    inside = [leaf for leaf in leaves if leaf.native.path.startswith(f"{place}[]")]
    plain = f"{source}[]" in contract.paths
    if plain != (len(inside) == 1 and inside[0].native.path == f"{place}[]"):
        return 0.0
    alike = likeness(source, Name.of(place))
    if plain:
        return alike
    chosen = _matched(list(_inner(contract, source)), [_inside(leaf, place) for leaf in inside], contract)
    return 0.4 * alike + 0.6 * sum(one.sure for one in chosen.values()) / len(inside)


def _inner(contract: Contract, source: str) -> Iterator[Source]:
    for path, field in contract.paths.items():
        if path.startswith(f"{source}[]."):
            below = path.partition("[].")[2]
            yield Source(path, field, below)


def _inside(leaf: Leaf, place: str) -> Leaf:
    """A leaf of a list as it is named inside one element."""
    below = leaf.native.path[len(f"{place}[]") :].removeprefix(".")
    return leaf._replace(native=leaf.native._replace(path=below or place))


def _list(contract: Contract, source: str, place: str, leaves: Sequence[Leaf]) -> tuple[list[Line], set[str]]:
    """The line of one list, with as many elements as there is room for, and the leaves it writes."""
    paths, bound = {leaf.native.path for leaf in leaves}, contract.lists[source]
    most = leaves[0].native.most
    short = most is not None and most < bound
    room = Open("note", f"room for {most} of {bound}", "the weightiest come first; the others are not told")
    if f"{source}[]" in contract.paths:
        writing = _writing(contract, Source(f"{source}[]", contract.paths[f"{source}[]"], source), leaves[0])
        if writing.sure < LEAST:
            return [], set()
        value = writing.value if isinstance(writing.value, dict) else {}
        value = {**value, "from": source} | ({"most": most} if short else {})
        marks = (*writing.open, room) if short else writing.open
        return [Line(f"{place}[]", value if len(value) > 1 else source, writing.sure, writing.why, marks)], paths
    inside = [_inside(leaf, place) for leaf in leaves]
    chosen = _matched(list(_inner(contract, source)), inside, contract)
    lacking = list(_lacking(inside, set(chosen)))
    if not chosen:
        return [], set()
    value = {"each": source} | ({"most": most} if short else {})
    value |= {path: _relative(writing.value) for path, writing in chosen.items()}
    value |= {leaf.native.path: {"constant": leaf.sample} for leaf in lacking}
    sure = min(writing.sure for writing in chosen.values())
    cure = "write what the system expects there"
    marks = (*(mark for writing in chosen.values() for mark in writing.open), *([room] if short else []))
    marks += tuple(Open("must", f"{leaf.native.path} is made up", cure) for leaf in lacking)
    return [Line(f"{place}[]", value, sure, "the least sure of its parts", tuple(dict.fromkeys(marks)))], paths


def _relative(value: Any) -> Any:
    if isinstance(value, dict):
        return {**value, "from": value["from"].partition("[].")[2]}
    return value.partition("[].")[2]


def _lacking(leaves: Sequence[Leaf], written: set[str]) -> Iterator[Leaf]:
    """Leaves that must be there, since nothing is around them that may be missing, or some of it is written."""
    groups = {group for path in written for group in _groups(path)}
    for leaf in leaves:
        there = not leaf.group or leaf.group in groups or "[]" in leaf.group
        if there and leaf.needed and leaf.native.path not in written and leaf.native.type != "object":
            yield leaf


def _groups(path: str) -> Iterator[str]:
    while "." in path:
        path = path.rpartition(".")[0]
        yield path


def _constant(path: str, leaf: Leaf) -> Line:
    cure = "write what the system expects there, or the decision value it means"
    value: Any = leaf.sample
    if leaf.native.type == "integer" and value.lstrip("-").isdigit():
        value = int(value)
    return Line(path, {"constant": value}, None, "must be there", (Open("must", "is made up", cure),))


def _line(path: str, writing: Writing) -> Line:
    return Line(path, writing.value, writing.sure, writing.why, writing.open)
