"""The answer mapping: a decision as a tree in, the native answer as a tree out, in the order of the file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

from contracts.errors import ConfigurationError
from contracts.mapping.answer_reading import read_answer, whole_answer, whole_digits
from contracts.mapping.paths import ABSENT, EACH, Path
from contracts.mapping.tree import AnswerEntry, AnswerTree, Each, Fit, Fixed, NativeField, Written
from contracts.source import Path_, Source, text_of
from contracts.types import Field, Value

if TYPE_CHECKING:
    from contracts.odcs import Contract

Writer = Callable[[Mapping[str, Any]], Any]
_WRITTEN: Final = {"date": len("2026-03-31"), "timestamp": len("2026-03-31T12:00:00Z")}
_SECONDS: Final = len("2026-03-31T12:00:00")
_MOMENTS: Final[Mapping[str, date]] = {"date": date(2026, 3, 31), "timestamp": datetime(2026, 3, 31, 12, tzinfo=UTC)}
_NATIVE: Final = {"code": "string", "timestamp": "date-time"}


class AnswerMap:
    """A rule tree compiled for single decisions. Pure; safe to share between threads."""

    def __init__(self, tree: AnswerTree, contract: Contract) -> None:
        self.tree = tree
        self._contract = contract
        self._write = _group([(entry.target, self._writer(entry)) for entry in tree.entries])

    @classmethod
    def parse(cls, source: Source, at: Path_, contract: Contract) -> AnswerMap:
        """Read and compile; raises ConfigurationError with every fault."""
        tree, faults = read_answer(source, at, contract)
        if tree is None:
            raise ConfigurationError(faults)
        return cls(tree, contract)

    @classmethod
    def whole(cls, contract: Contract) -> AnswerMap:
        """The answer contract itself, every field under its own name."""
        return cls(whole_answer(contract), contract)

    def write(self, decision: Mapping[str, Any]) -> dict[str, Any]:
        """The native tree of one decision.

        ``decision`` is a tree of the answer contract's fields: text, int, Decimal, date, aware datetime, lists of
        texts and lists of dicts. Days come out as ``2026-03-31``, times as ``2026-03-31T12:00:00Z`` unless fitted.
        What a position like ``reasons[3].code`` does not find is None.
        """
        tree: dict[str, Any] = self._write(decision)
        return tree

    @property
    def lists(self) -> Mapping[str, int]:
        """The lists of a decision, and the most elements of each."""
        return self._contract.lists

    def native_fields(self) -> dict[str, NativeField]:
        """The native leaves that are written, by path, with the most room a value takes."""
        leaves: dict[str, NativeField] = {}
        for entry in self.tree.entries:
            inner = entry.entries if isinstance(entry, Each) else (entry,)
            for leaf in inner:
                path = f"{entry.target}.{leaf.target}" if isinstance(entry, Each) else self._listed_target(leaf)
                leaves[path] = self._native(path, leaf, entry)
        return leaves

    def _listed_target(self, leaf: Written | Fixed) -> str:
        listed = isinstance(leaf, Written) and self._is_list(leaf) and leaf.target.steps[-1] is not EACH
        return f"{leaf.target}[]" if listed else str(leaf.target)

    def _native(self, path: str, leaf: Written | Fixed, entry: AnswerEntry) -> NativeField:
        if isinstance(leaf, Fixed):
            text, forms = text_of(leaf.value), _forms([leaf.value])
            native = NativeField(path, "any", len(text), True, codes=(text,), least=len(text), forms=forms)
        else:
            native = self._written(path, leaf, self.field(leaf, entry), entry)
        return native._replace(most=self._most(leaf, entry), fewest=self._fewest(leaf, entry))

    def _written(self, path: str, leaf: Written, field: Field, entry: AnswerEntry) -> NativeField:
        positioned = any(isinstance(step, int) for step in leaf.source.steps)
        required = self._is_list(leaf) or (field.required and not positioned)
        textual = field.type in ("string", "code")
        nothing, empty = positioned or not (required or textual), textual and not field.required
        samples = self._samples(field, leaf, entry)
        if leaf.fit and leaf.fit.name == "date":
            kind, size = "date" if leaf.fit.format == "YYYY-MM-DD" else "string", len(leaf.fit.format)
            return NativeField(path, kind, size, required, least=size, samples=samples, nothing=nothing)
        return NativeField(
            path,
            "any" if leaf.codes is not None else _NATIVE.get(field.type, field.type),
            leaf.fit.size - leaf.fit.scale if leaf.fit else _room(field, leaf),
            required,
            leaf.fit.scale if leaf.fit else field.scale,
            _codes(field, leaf),
            signed=not (isinstance(field.minimum, int) and field.minimum >= 0),
            least=_least(field, leaf),
            low=_bound(field, leaf, field.minimum),
            high=_bound(field, leaf, field.maximum),
            samples=samples,
            forms=_forms([*leaf.codes.values(), *([""] if empty else [])]) if leaf.codes is not None else (),
            nothing=nothing,
            empty=empty,
        )

    def _samples(self, field: Field, leaf: Written, entry: AnswerEntry) -> tuple[str, ...]:
        """Texts that are written for values the contract allows: its examples, the ends of a range, a day or a time."""
        if field.type in ("integer", "decimal"):
            ends = [_bound(field, leaf, value) for value in (field.minimum, field.maximum)]
            return tuple(f"{end:f}" for end in ends if end is not None)
        shape = _shape(field, leaf) or (lambda text: text)
        if field.type in _MOMENTS:
            return (shape(_MOMENTS[field.type]),)
        if field.type != "string" or leaf.codes is not None:
            return ()
        above = f"{entry.source}[]." if isinstance(entry, Each) else ""
        examples = self._contract.examples.get(f"{above}{leaf.source.open}", ())
        return tuple(shape(text) for text in examples if isinstance(text, str) and text)

    def _most(self, leaf: Written | Fixed, entry: AnswerEntry) -> int | None:
        """How often a leaf may come: by the list it is written from, or the position it is written to."""
        positions = [step for step in leaf.target.steps if isinstance(step, int)]
        if positions:
            return positions[-1] + 1
        if isinstance(entry, Each):
            return entry.most or self._contract.lists[str(entry.source)]
        if isinstance(leaf, Written) and self._is_list(leaf):
            return leaf.most or self._contract.lists[str(leaf.source)]
        return None

    def _fewest(self, leaf: Written | Fixed, entry: AnswerEntry) -> int | None:
        """How many elements the list of a leaf has at least: a decision's may have none, positions are all written."""
        if isinstance(entry, Each) or (isinstance(leaf, Written) and self._is_list(leaf)):
            return 0
        steps = leaf.target.steps
        last = max((at for at, step in enumerate(steps) if isinstance(step, int)), default=None)
        if last is None:
            return None
        targets = [entry.target.steps for entry in self.tree.entries]
        beside = [other[last] for other in targets if other[:last] == steps[:last] and len(other) > last]
        return 1 + max(step for step in beside if isinstance(step, int))

    def _is_list(self, leaf: Written) -> bool:
        return f"{leaf.source.open}[]" in self._contract.paths

    def field(self, leaf: Written, entry: AnswerEntry) -> Field:
        """The contract field a leaf is written from; ``entry`` is the Each it stands in, or the leaf itself."""
        above = f"{entry.source}[]." if isinstance(entry, Each) else ""
        paths = self._contract.paths
        found = paths.get(f"{above}{leaf.source.open}")
        return found or paths[f"{above}{leaf.source.open}[]"]

    def _writer(self, entry: AnswerEntry) -> Writer:
        if not isinstance(entry, Each):
            return self._leaf(entry, entry)
        write = _group([(leaf.target, self._leaf(leaf, entry)) for leaf in entry.entries])
        get, most = _getter(entry.source), entry.most
        return lambda decision: [write(item) for item in get(decision)[:most]]

    def _leaf(self, leaf: Written | Fixed, entry: AnswerEntry) -> Writer:
        if isinstance(leaf, Fixed):
            value = leaf.value
            return lambda _decision: value
        get, shape = _getter(leaf.source), _shape(self.field(leaf, entry), leaf)
        if not isinstance(entry, Each) and self._is_list(leaf):
            most = leaf.most
            return lambda decision: [shape(item) if shape else item for item in get(decision)[:most]]
        if shape is None:
            return get
        write: Callable[[Any], Any] = shape
        return lambda decision: write(get(decision))


def _bound(field: Field, leaf: Written, value: Value) -> Decimal | None:
    """The least or greatest number of a field as it is written; None where the contract sets none."""
    if not isinstance(value, int) or field.type not in ("integer", "decimal"):
        return None
    number = Decimal(value).scaleb(-field.scale)
    return Decimal(_fitted(leaf.fit)(number)) if leaf.fit else number


def _forms(values: Iterable[str | int | bool]) -> tuple[str, ...]:
    """The types of codes and constants as they are written."""
    kinds = {bool: "boolean", int: "integer", str: "string"}
    return tuple(sorted({kinds[type(value)] for value in values}))


def _room(field: Field, leaf: Written) -> int | None:
    """The most characters of a text, or the most digits of a number before its point."""
    codes = _codes(field, leaf)
    if codes:
        return max(map(len, codes))
    if field.type in ("integer", "decimal"):
        return whole_digits(field)
    return _WRITTEN.get(field.type, field.max_length)


def _least(field: Field, leaf: Written) -> int:
    """The fewest characters of a text; a cut text has as many as are left of it."""
    codes = _codes(field, leaf)
    if codes:
        return min(map(len, codes))
    least = field.min_length or 0 if field.type == "string" else _WRITTEN.get(field.type, 1)
    return min(least, leaf.fit.size) if leaf.fit else least


def _codes(field: Field, leaf: Written) -> tuple[str, ...]:
    """Every text a code may be written as."""
    return tuple(map(text_of, leaf.codes.values() if leaf.codes is not None else field.codes))


def _getter(path: Path) -> Writer:
    names = path.names
    if names and len(names) == 1:
        return itemgetter(names[0])
    return lambda decision: None if (found := path.get(decision)) is ABSENT else found


def _shape(field: Field, leaf: Written) -> Callable[[Any], Any] | None:
    """What a value goes through on its way out; None where it goes as it is."""
    if leaf.codes is not None:
        codes = dict(leaf.codes)
        return lambda value: codes.get(value, value)
    if leaf.fit:
        return _fitted(leaf.fit)
    if field.type == "timestamp":
        return _time
    return _day if field.type == "date" else None


def _fitted(fit: Fit) -> Callable[[Any], Any]:
    if fit.name == "chars":
        size = fit.size
        return lambda text: text if text is None else text[:size]
    if fit.name == "date":
        form = fit.format.replace("YYYY", "{0:04d}").replace("MM", "{1:02d}").replace("DD", "{2:02d}")
        return lambda day: None if day is None else form.format(*_utc_day(day))
    if fit.name == "integer":
        return lambda number: None if number is None else int(number)
    step = Decimal(1).scaleb(-fit.scale)
    return lambda number: None if number is None else Decimal(number).quantize(step)


def _utc_day(day: date) -> tuple[int, int, int]:
    day = day.astimezone(UTC) if isinstance(day, datetime) else day
    return day.year, day.month, day.day


def _time(moment: Any) -> Any:
    if not isinstance(moment, datetime):
        return moment
    utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return f"{utc.isoformat(timespec='seconds')[:_SECONDS]}Z"


def _day(day: Any) -> Any:
    return day.isoformat() if isinstance(day, date) else day


def _group(leaves: list[tuple[Path, Writer]]) -> Writer:
    """One writer for leaves that share their first steps, in the order in which those first appear."""
    below: dict[Any, list[tuple[Path, Writer]]] = {}
    for path, writer in leaves:
        step, rest = path.steps[0], path.steps[1:]
        below.setdefault(step, []).append((Path(rest), writer))
    members = tuple((step, _member(inner)) for step, inner in below.items())
    if members and isinstance(members[0][0], int):
        writers = tuple(writer for _, writer in members)
        return lambda decision: [writer(decision) for writer in writers]
    return lambda decision: {step: writer(decision) for step, writer in members}


def _member(inner: list[tuple[Path, Writer]]) -> Writer:
    path, writer = inner[0]
    return writer if path.steps in ((), (EACH,)) else _group(inner)
