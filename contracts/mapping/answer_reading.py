"""Reads the ``answer_map:`` section of an integration into the rule tree, and proves that every answer fits.

``fit: integer(n)`` and ``fit: decimal(n,s)`` must be proven from the answer contract's ranges; ``fit: chars(n)`` cuts a
text for people to read, and nothing else; ``fit: date(F)`` writes a day or a time's UTC day as F.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from contracts.errors import Fault
from contracts.mapping.chains import date_pattern
from contracts.mapping.literals import CURE, misread
from contracts.mapping.paths import EACH, Path, Step
from contracts.mapping.tree import AnswerEntry, AnswerTree, Each, Fit, Fixed, Written
from contracts.source import Path_, Source, nearest, text_of
from contracts.types import Field

if TYPE_CHECKING:
    from contracts.odcs import Contract

KEYS = ("from", "codes", "fit", "most")
_FIT = re.compile(r"(integer|chars)\(([1-9][0-9]{0,3})\)|decimal\(([1-9][0-9]?),([0-9])\)|date\(([^()]+)\)")
_USAGE: Final = "write integer(n), decimal(n,s), chars(n) or date(F), for example date(YYYY-MM-DD)"


def read_answer(source: Source, at: Path_, contract: Contract) -> tuple[AnswerTree | None, list[Fault]]:
    """The rule tree of the mapping at ``at``, or None with the faults that keep it from being one."""
    node = source.data
    for step in at:
        node = node.get(step) if isinstance(node, dict) else None
    return AnswerReader(source, at, contract).read(node)


def whole_answer(contract: Contract) -> AnswerTree:
    """The answer contract itself, every field under its own name: what an integration without ``answer_map`` gives."""
    entries: dict[str, AnswerEntry] = {}
    for text in contract.paths:
        top, bracket, below = text.partition("[]")
        if not bracket:
            entries[top] = Written(Path.parse(top), Path.parse(top))
        elif not below:
            entries[top] = Written(Path((*Path.parse(top).steps, EACH)), Path.parse(top))
        else:
            leaf = Path.parse(below[1:])
            above = entries.get(top)
            listed = above.entries if isinstance(above, Each) else ()
            source = Path.parse(top)
            entries[top] = Each(Path((*source.steps, EACH)), source, (*listed, Written(leaf, leaf)))
    return AnswerTree(contract.ref, tuple(entries.values()))


class AnswerReader:
    """Reads one answer mapping; every fault is noted and reading goes on."""

    def __init__(self, source: Source, at: Path_, contract: Contract) -> None:
        self._source, self._at, self._contract = source, at, contract
        self._faults: list[Fault] = []

    def read(self, section: Any) -> tuple[AnswerTree | None, list[Fault]]:
        if not isinstance(section, dict) or not section:
            self._fault((), "expected one line per native path, as <native path>: <decision path>")
            return None, self._faults
        entries = [self._entry(key, given) for key, given in section.items()]
        complete = tuple(entry for entry in entries if entry is not None)
        for path, message in collisions(entry.target for entry in complete):
            self._fault((path,), message)
        return (None if self._faults else AnswerTree(self._contract.ref, complete)), self._faults

    def _fault(self, below: Path_, message: str, hint: str = "") -> None:
        self._faults.append(self._source.fault((*self._at, *below), message, hint))

    def _entry(self, key: Any, given: Any) -> AnswerEntry | None:
        below = (str(key),)
        target = self._target(key, below)
        if target is None:
            return None
        if isinstance(given, dict) and "each" in given:
            return self._each(target, given, below)
        return self._leaf(target, given, "", below)

    def _each(self, target: Path, given: Mapping[Any, Any], below: Path_) -> Each | None:
        name = given["each"]
        if target.steps[-1] is not EACH:
            self._fault(below, f"each writes a list: end the native path with [], as {target}[]")
        if not isinstance(name, str) or f"{name}[]" in self._contract.paths or name not in self._contract.lists:
            lists = [known for known in self._contract.lists if f"{known}[]" not in self._contract.paths]
            hint = nearest(str(name), lists) or f"known: {', '.join(lists)}"
            self._fault((*below, "each"), f"a decision has no list of groups {name!r}", hint)
            return None
        most = self._most(given, below, self._contract.lists.get(str(name), 0))
        entries = []
        for key, leaf in given.items():
            inner = self._target(key, (*below, str(key))) if key not in ("each", "most") else None
            if inner is not None:
                entries.append(self._leaf(inner, leaf, f"{name}[].", (*below, str(key))))
        complete = tuple(entry for entry in entries if entry is not None)
        for path, message in collisions(entry.target for entry in complete):
            self._fault((*below, path), message)
        if not complete:
            hint = f"add a line such as <native name>: {self._example(name)}"
            self._fault(below, f"nothing of {name} is written", hint)
        return Each(target, Path.parse(name), complete, most)

    def _most(self, given: Mapping[Any, Any], below: Path_, bound: int) -> int | None:
        """How many elements of a list of at most ``bound`` are written; None where all are."""
        most = given.get("most")
        if most is not None and (type(most) is not int or not 0 < most <= max(bound, 1)):
            self._fault((*below, "most"), f"expected a whole number from 1 to {bound}, the most the contract has")
            return None
        return most

    def _example(self, name: str) -> str:
        return next(path for path in self._contract.paths if path.startswith(f"{name}[].")).partition("].")[2]

    def _leaf(self, target: Path, given: Any, above: str, below: Path_) -> Written | Fixed | None:
        if isinstance(given, str):
            given = {"from": given}
        if not isinstance(given, dict) or not ("from" in given or "constant" in given):
            self._fault(below, "expected a decision path, {from: …}, {constant: …} or {each: …}")
            return None
        if "constant" in given:
            return self._fixed(target, given, below)
        for key in given:
            if key not in KEYS:
                hint = nearest(str(key), KEYS) or f"known: {', '.join(KEYS)}"
                self._fault((*below, str(key)), f"unknown key {key!r}", hint)
        found = self._field(given["from"], above, (*below, "from"))
        if found is None:
            return None
        source, field, listed = found
        if target.steps[-1] is EACH and not listed:
            self._fault(below, f"{source} is a single value, the native path ends with []")
        codes = self._codes(field, given["codes"], (*below, "codes")) if "codes" in given else None
        fit = self._fit(field, codes, given["fit"], (*below, "fit")) if "fit" in given else None
        if "most" in given and not listed:
            self._fault((*below, "most"), f"{source} is a single value, not a list")
        most = self._most(given, below, self._contract.lists.get(str(source), 0)) if listed else None
        return Written(target, source, codes, fit, most)

    def _fixed(self, target: Path, given: Mapping[Any, Any], below: Path_) -> Fixed | None:
        for key in given.keys() - {"constant"}:
            self._fault((*below, str(key)), f"{key!r} means nothing beside constant")
        if self._misread(given["constant"], (*below, "constant")):
            return None
        return Fixed(target, given["constant"])

    def _misread(self, given: Any, below: Path_, *, key: bool = False) -> bool:
        message = misread(self._source, (*self._at, *below), given, key=key)
        if message:
            self._fault(below, message, CURE)
        return bool(message)

    def _target(self, key: Any, below: Path_) -> Path | None:
        """The native path that is written to, which is the key of its line."""
        if self._misread(key, below, key=True):
            return None
        text = text_of(key)
        try:
            path = Path.parse(text)
        except ValueError as exc:
            self._fault(below, f"{text!r} is not a path: {exc}")
            return None
        if EACH in path.steps[:-1]:
            self._fault(below, "[] may only stand at the end of a native path", "use each for what lies inside a list")
        return path

    def _field(self, name: Any, above: str, below: Path_) -> tuple[Path, Field, bool] | None:
        """The decision path, its field, and whether it is a list of plain values."""
        paths = self._contract.paths
        try:
            path = Path.parse(name) if isinstance(name, str) else None
        except ValueError:
            path = None
        wanted = f"{above}{path.open}" if path else ""
        for spelled, listed in ((wanted, EACH in (path.steps if path else ())), (f"{wanted}[]", True)):
            if path and spelled in paths:
                plain = Path(tuple(step for step in path.steps if step is not EACH))
                return plain, paths[spelled], listed
        known = [text[len(above) :] for text in paths if text.startswith(above)]
        hint = "use each" if str(name) in self._contract.lists else nearest(str(name), known)
        self._fault(below, f"{self._contract.ref} has no {above}{name}", hint or f"known: {', '.join(known)}")
        return None

    def _codes(self, field: Field, given: Any, below: Path_) -> dict[str, str | int | bool]:
        if field.type != "code":
            self._fault(below, f"{field.name!r} is no code", "codes go with " + ", ".join(self._coded()))
        if not isinstance(given, dict):
            self._fault(below, "expected {<decision code>: <native code>}")
            return {}
        codes: dict[str, str | int | bool] = {}
        for key, value in given.items():
            here = (*below, str(key))
            self._misread(value, here)
            if not self._misread(key, here, key=True) and field.codes and key not in field.codes:
                hint = nearest(str(key), field.codes) or f"known: {', '.join(field.codes)}"
                self._fault(here, f"{key!r} is no code of {field.name!r}", hint)
            codes[str(key)] = value
        lacking = [code for code in field.codes if code not in codes]
        if lacking:
            self._fault(below, f"no native code for {', '.join(lacking)}", "a decision may hold any of them")
        return codes

    def _coded(self) -> list[str]:
        return [path for path, field in self._contract.paths.items() if field.type == "code"]

    def _fit(self, field: Field, codes: Mapping[str, str | int | bool] | None, given: Any, below: Path_) -> Fit | None:
        fit = _parsed_fit(given)
        if fit is None:
            self._fault(below, f"{given!r} is no fit", _USAGE)
            return None
        for message in fit_faults(fit, field, codes):
            self._fault(below, message)
        return fit


def fit_faults(fit: Fit, field: Field, codes: Mapping[str, str | int | bool] | None = None) -> list[str]:
    """Why values of the field may not fit, in words; empty when it is proven that they do."""
    if fit.name == "date":
        return [] if field.type in ("date", "timestamp") else [f"{field.name!r} is no date"]
    if fit.name == "chars":
        return _chars_faults(fit.size, field, codes)
    if field.type not in ("integer", "decimal") or codes is not None:
        return [f"{field.name!r} is no number"]
    if field.scale > fit.scale:
        return [f"{field.name!r} has {field.scale} decimal places, {fit.scale} would lose some"]
    digits = whole_digits(field)
    room = fit.size - fit.scale
    if digits is None:
        return [f"the contract does not bound {field.name!r}, so it cannot be proven to fit"]
    short = f"{field.name!r} may need {digits} digits before the point, there is room for {room}"
    return [short] if digits > room else []


def whole_digits(field: Field) -> int | None:
    """The most digits a number of this field has before its point, or None where the contract sets no bound."""
    if not isinstance(field.minimum, int) or not isinstance(field.maximum, int):
        return None
    return len(str(max(abs(field.minimum), abs(field.maximum)) // 10**field.scale))


def _chars_faults(size: int, field: Field, codes: Mapping[str, str | int | bool] | None) -> list[str]:
    if field.type not in ("string", "code"):
        return [f"{field.name!r} is no text"]
    long = [str(code) for code in (codes.values() if codes is not None else field.codes) if len(str(code)) > size]
    if long:
        return [f"codes are never cut, and {', '.join(long)} is longer than {size} characters"]
    if field.pattern and (field.max_length is None or field.max_length > size):
        return [f"{field.name!r} has a pattern of its own: cut to {size} characters it would name nothing"]
    return []


def _parsed_fit(given: Any) -> Fit | None:
    match = _FIT.fullmatch(given) if isinstance(given, str) else None
    if not match:
        return None
    name, size, digits, scale, form = match.groups()
    if form:
        return Fit("date", format=form) if _is_date(form) else None
    if digits:
        return Fit("decimal", int(digits), int(scale)) if int(digits) > int(scale) else None
    return Fit("chars" if name == "chars" else "integer", int(size))


def _is_date(form: str) -> bool:
    try:
        return bool(date_pattern(form))
    except ValueError:
        return False


def collisions(targets: Iterable[Path]) -> list[tuple[str, str]]:
    """Paths that cannot be written beside those before them, each with the reason in words."""
    leaves: set[tuple[Step, ...]] = set()
    groups: set[tuple[Step, ...]] = set()
    found = []
    for path in targets:
        steps = path.steps[:-1] if path.steps[-1] is EACH else path.steps
        above = {steps[:end] for end in range(1, len(steps))}
        if steps in leaves or steps in groups or above & leaves:
            found.append((str(path), f"{path} is written by another line already"))
        elif any(_out_of_place(steps[:end], leaves | groups) for end in range(2, len(steps) + 1)):
            found.append((str(path), f"{path} leaves a gap: write the positions of a list in order, from [0]"))
        leaves.add(steps)
        groups |= above
    return found


def _out_of_place(steps: tuple[Step, ...], taken: set[tuple[Step, ...]]) -> bool:
    """Whether a position comes before its predecessor, or a name stands beside positions."""
    *above, last = steps
    if isinstance(last, int):
        beside = [other[-1] for other in taken if len(other) == len(steps) and other[:-1] == steps[:-1]]
        return any(isinstance(step, str) for step in beside) or (last > 0 and last - 1 not in beside)
    return (*above, 0) in taken
