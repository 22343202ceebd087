"""Drafts the ``request:`` lines: which native leaf each contract field is read from, and through what."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final, NamedTuple

from contracts.mapping.paths import Path
from contracts.odcs import Contract
from contracts.types import Field, Value
from gateway.drafting.lines import LEAST, Line, Open
from gateway.drafting.similarity import Name, likeness, pair_codes, plain
from gateway.drafting.vocabulary import MINOR, PER_YEAR, PERIODS, SECOND, SPANS, THOUSANDS
from gateway.spi import Leaf
from models.drafting.findings import Severity

NUMBERS: Final = ("integer", "decimal", "number")
TEXTS: Final = ("string", "any")
ASSUMED: Final = 0.85
"""What a confidence is multiplied by for each thing the schema does not say."""
CLOSE: Final = 0.05
_TRUTHS: Final = {"true": "", "false": ""}
_INVERSE: Final[Mapping[str, Callable[[Fraction], Fraction]]] = {"multiply": lambda n: 1 / n, "divide": lambda n: n}


class Reading(NamedTuple):
    """One way to read a field: from which leaf, through which steps or codes, how sure, what is assumed, and what
    cannot be right as it is.
    """

    field: Field
    leaf: Leaf
    sure: float
    convert: tuple[str, ...] = ()
    codes: Mapping[str, str | bool] = {}
    lacking: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()
    why: str = ""
    wrong: str = ""

    def native(self, value: Value) -> str:
        """A contract value about as the legacy system writes it, for an example; empty where it has no spelling."""
        if self.codes:
            return next((native for native, ours in self.codes.items() if ours == value), "")
        if not isinstance(value, int) or isinstance(value, bool):
            return self.field.text(value).replace("-", "" if self.convert == ("date(YYYYMMDD)",) else "-")
        number = Fraction(value, 10**self.field.scale)
        for step in self.convert:
            name, _, argument = step.rstrip(")").partition("(")
            if name in _INVERSE:
                number *= _INVERSE[name](Fraction(argument))
        native = self.leaf.native
        scale = 0 if native.type == "integer" else 2 if native.scale is None else native.scale
        return f"{Decimal(round(number * 10**scale)).scaleb(-scale):f}"


@dataclass(frozen=True, slots=True)
class Request:
    """The request side as drafted. ``readings`` by contract field; ``rest`` are leaves that nothing reads."""

    lines: list[Line]
    readings: dict[str, Reading]
    joint: list[str] = field(default_factory=list)
    rest: list[Leaf] = field(default_factory=list)


def draft_request(contract: Contract, leaves: Sequence[Leaf], given: Mapping[str, str]) -> Request:
    """Match every field of a contract; ``given`` are fields the integration states elsewhere (its product)."""
    joint = second_applicants(leaves)
    usable = [leaf for leaf in leaves if not _below(leaf.native.path, joint) and leaf.native.type != "object"]
    fields = [one for one in contract.fields if one.name not in given]
    found = sorted(
        (reading for one in fields for leaf in usable if (reading := _reading(contract, one, leaf)).sure >= LEAST),
        key=lambda reading: -reading.sure,
    )
    chosen: dict[str, Reading] = {}
    for reading in found:
        taken = {other.leaf.native.path for other in chosen.values()}
        if reading.field.name not in chosen and reading.leaf.native.path not in taken:
            chosen[reading.field.name] = reading
    chosen |= _currency_of_the_loan(chosen, found)
    taken = {reading.leaf.native.path for reading in chosen.values()}
    rest = [leaf for leaf in leaves if leaf.native.path not in taken and not _below(leaf.native.path, joint)]
    alone = _alone_in_their_lists(chosen)
    lines = [
        _line(chosen[one.name], found, several=one.name in alone)
        if one.name in chosen
        else _missing(contract, one, usable, taken)
        for one in fields
    ]
    return Request(lines, chosen, joint, rest)


def _currency_of_the_loan(chosen: Mapping[str, Reading], found: Sequence[Reading]) -> dict[str, Reading]:
    """Of currencies that are as likely, the one that stands beside the loan's amount."""
    reading, amount = chosen.get("currency"), chosen.get("loan_amount")
    if reading is None or amount is None:
        return {}
    beside = _group(amount.leaf.native.path)
    rivals = (other for other in (reading, *found) if other == reading or _rivals(reading, other))
    near = next((other for other in rivals if _group(other.leaf.native.path) == beside), reading)
    return {"currency": near}


def _group(path: str) -> str:
    return str(Path(Path.parse(path).steps[:-1]))


def _alone_in_their_lists(chosen: Mapping[str, Reading]) -> set[str]:
    """Numbers that are all that is read of a list: its elements are things of one applicant, rather than applicants."""
    lists: dict[str, list[str]] = {}
    for name, reading in chosen.items():
        head, several, _ = reading.leaf.native.path.rpartition("[]")
        if several:
            lists.setdefault(head, []).append(name)
    return {names[0] for names in lists.values() if len(names) == 1 and chosen[names[0]].field.type in NUMBERS}


def second_applicants(leaves: Sequence[Leaf]) -> list[str]:
    """Groups that may be missing and hold another person of the same application: named so, made like another one."""
    groups: dict[str, set[str]] = {}
    always = {_head(leaf.native.path) for leaf in leaves if leaf.native.required}
    for leaf in leaves:
        head = _head(leaf.native.path)
        if leaf.native.path != head:
            groups.setdefault(head, set()).add(leaf.native.path[len(head) :])
    return [
        group
        for group, inside in groups.items()
        if group not in always
        and {*plain(group)} & {*SECOND}
        and any(other != group and inside <= below for other, below in groups.items())
    ]


def _head(path: str) -> str:
    return str(Path(Path.parse(path).steps[:1]))


def _below(path: str, groups: Sequence[str]) -> bool:
    return any(path.startswith((f"{group}.", f"{group}[")) for group in groups)


def _reading(contract: Contract, field: Field, leaf: Leaf) -> Reading:
    name = Name.of(leaf.native.path)
    alike = likeness(field.name, name)
    nothing = Reading(field, leaf, 0.0)
    if field.type == "code":
        return _coded(contract, field, leaf, alike)
    if alike < LEAST:
        return nothing
    if field.type in ("integer", "decimal"):
        return _number(field, leaf, name, alike)
    if field.type == "boolean":
        return _truth(field, leaf, alike)
    if field.type == "date":
        return _date(field, leaf, alike)
    if leaf.native.type not in TEXTS:
        return nothing
    spelled = contract.examples.get(field.name, ())
    fits = all(leaf.accepts(str(value)) for value in spelled if value is not None)
    return nothing._replace(sure=round(alike * (1.0 if fits else 0.6), 2), why="name and type" if fits else "name")


def _coded(contract: Contract, field: Field, leaf: Leaf, alike: float) -> Reading:
    native = leaf.codes or (_TRUTHS if leaf.native.type == "boolean" else {})
    labels = contract.labels.get(field.name, {})
    if not native:
        sure = round(alike * 0.6, 2) if leaf.native.type in TEXTS else 0.0
        told = "the schema lists no codes: those of the contract are taken"
        if not all(map(leaf.accepts, field.codes)):
            return Reading(field, leaf, sure, why="name", wrong="the schema lists no codes, and ours do not fit")
        return Reading(field, leaf, sure, assumed=(told,), why="name")
    pairs, covered = pair_codes(native, field.codes, labels)
    lacking = tuple(code for code in native if code not in pairs)
    sure = 0.5 * alike + 0.5 * covered if alike >= 0.3 and len(pairs) > 1 else 0.0
    why = f"name {alike:.2f}, codes {covered:.2f}"
    return Reading(field, leaf, round(sure, 2), codes=pairs, lacking=lacking, why=why)


def _number(field: Field, leaf: Leaf, name: Name, alike: float) -> Reading:
    kind = leaf.native.type
    if leaf.codes or (kind not in NUMBERS and kind not in TEXTS):
        return Reading(field, leaf, 0.0)
    steps, assumed = _units(field, name)
    if kind == "integer":
        read: tuple[str, ...] = ("integer",)
    else:
        divided = any(step.startswith("divide") for step in steps)  # only then is rounding allowed
        scale = max(field.scale, leaf.native.scale or 0) if divided else field.scale
        read = (f"decimal({min(scale, 9)})",) if field.type == "decimal" or kind in NUMBERS else ("integer",)
    if kind in TEXTS:
        read, assumed = ("trim", *read), (*assumed, "the schema calls it a text")
    why = "name, type and unit" if not assumed else "name and type"
    return Reading(field, leaf, round(alike * ASSUMED ** len(assumed), 2), (*read, *steps), assumed=assumed, why=why)


def _units(field: Field, name: Name) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The steps from the leaf's unit to the field's, and what the leaf's name leaves open."""
    said, ours = name.texts(), plain(field.name)
    if field.unit in PER_YEAR:
        span = next((SPANS[word] for word in said if word in SPANS), None)
        if span is None:
            told = f"taken as {field.unit}, which the name does not say"
            return (), () if "age" in ours else (told,)
        return _factor(PER_YEAR[field.unit or ""], PER_YEAR[span]), ()
    if field.unit != "currency":
        return (), ()
    steps: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()
    if any(word in MINOR for word in said):
        steps = ("divide(100)",)
    elif any(word in THOUSANDS for word in said):
        steps = ("multiply(1000)",)
    wanted = next((word for word in ours if word in PERIODS), None)
    there = next((word for word in said if word in PERIODS), None)
    if wanted and there is None:
        assumed = (f"taken as {wanted}, which the name does not say",)
    elif wanted and there:
        steps += _factor(PERIODS[there], PERIODS[wanted])
    return steps, assumed


def _factor(over: int, under: int) -> tuple[str, ...]:
    """The steps that multiply by ``over`` and divide by ``under``.

    >>> _factor(1, 12), _factor(12, 1), _factor(52, 12)
    (('divide(12)',), ('multiply(12)',), ('multiply(52)', 'divide(12)'))
    """
    if over % under == 0:
        return (f"multiply({over // under})",) if over != under else ()
    return (f"divide({under // over})",) if under % over == 0 else (f"multiply({over})", f"divide({under})")


def _truth(field: Field, leaf: Leaf, alike: float) -> Reading:
    if leaf.native.type == "boolean":
        return Reading(field, leaf, round(alike, 2), ("boolean",), why="name and type")
    pairs, covered = pair_codes(leaf.codes, ("yes", "no"), {}) if leaf.codes else ({}, 0.0)
    if len(pairs) < 2:
        return Reading(field, leaf, 0.0)
    codes = {native: word == "yes" for native, word in pairs.items()}
    return Reading(field, leaf, round((alike + covered) / 2, 2), codes=codes, why="name and codes")


def _date(field: Field, leaf: Leaf, alike: float) -> Reading:
    if leaf.native.type == "date":
        return Reading(field, leaf, round(alike, 2), ("date(YYYY-MM-DD)",), why="name and type")
    if leaf.native.type not in TEXTS:
        return Reading(field, leaf, 0.0)
    form = "YYYYMMDD" if leaf.native.room == 8 else "YYYY-MM-DD"
    assumed = (f"taken as {form}, which the schema does not say",)
    return Reading(field, leaf, round(alike * ASSUMED, 2), (f"date({form})",), assumed=assumed, why="name")


def _line(reading: Reading, found: Sequence[Reading], *, several: bool) -> Line:
    value: Any = {"from": reading.leaf.native.path}
    if reading.convert:
        value["convert"] = list(reading.convert)
    if reading.codes:
        value["codes"] = dict(reading.codes)
    left = [Open("should", told, "ask what the system means, and set convert") for told in reading.assumed]
    if several:
        told = "it may come several times, and then the application is refused: none is taken for the other"
        left.append(Open("should", told, "say how they are joined, as joint: sum, where they are one applicant's"))
    if reading.wrong:
        left.append(Open("must", reading.wrong, "give its codes: {from: …, codes: {theirs: ours}}"))
    if reading.lacking:
        told = f"{', '.join(reading.lacking)} of the code list stand for nothing yet"
        left.append(Open("must", told, "give each a code of the contract; until then such a value is unusable"))
    if reading.codes and reading.sure < 0.8:
        left.append(Open("should", "the codes are paired by likeness", "compare each with what the system means by it"))
    rival = next((other for other in found if _rivals(reading, other)), None)
    if rival is not None:
        left.append(Open("should", f"{rival.leaf.native.path} is as likely", "say which of the two is meant"))
    simple = list(value) == ["from"]
    return Line(reading.field.name, value["from"] if simple else value, reading.sure, reading.why, tuple(left))


def _rivals(reading: Reading, other: Reading) -> bool:
    return other.field == reading.field and other.leaf != reading.leaf and reading.sure - other.sure <= CLOSE


def _missing(contract: Contract, field: Field, leaves: Sequence[Leaf], taken: set[str]) -> Line:
    """A field nothing stands for: not carried, or a constant where no integration may leave it out."""
    if field.essential:
        value = field.text(next((one for one in contract.examples.get(field.name, ()) if one is not None), None))
        cure = "write the value that holds for every message, or the native path it comes from"
        return Line(field.name, {"constant": value}, None, "nothing is like it", (Open("must", "is made up", cure),))
    free = [leaf for leaf in leaves if leaf.native.path not in taken]
    best = max(free, key=lambda leaf: likeness(field.name, Name.of(leaf.native.path)), default=None)
    near = likeness(field.name, Name.of(best.native.path)) if best else 0.0
    why = f"nearest is {best.native.path}, {near:.2f}" if best and near >= 0.3 else "nothing is like it"
    cure = "name its native path, or leave it: it is then estimated and never a reason"
    severity: Severity = "note" if field.protected else "must"
    return Line(field.name, "not_carried", None, why, (Open(severity, "is not carried", cure),))


def left_over(rest: Sequence[Leaf], read: Sequence[str]) -> Iterator[str]:
    """Paths that nothing reads, whole groups where nothing inside is read."""
    yield from dict.fromkeys(_topmost(leaf.native.path, read) for leaf in rest)


def _topmost(path: str, read: Sequence[str]) -> str:
    """The widest group around a leaf that holds nothing that is read; the leaf itself otherwise."""
    steps = Path.parse(path).steps
    groups = (str(Path(steps[:end])) for end in range(1, len(steps)))
    return next((group for group in groups if not any(one == group or _below(one, [group]) for one in read)), path)
