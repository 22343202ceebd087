"""Reads the ``request:`` section of an integration (or of a training spec) into the rule tree, every fault at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, cast

from contracts.errors import Fault
from contracts.mapping.chains import chain_faults, default_chain, read_conversion, stage
from contracts.mapping.conversions import Unfit, compile_chain
from contracts.mapping.literals import CURE, misread
from contracts.mapping.paths import Path
from contracts.mapping.tree import Constant, Conversion, Entry, Joint, Missing, NotCarried, RequestTree, Unknown, Wired
from contracts.rows import value_checker
from contracts.source import Path_, Source, nearest, text_of
from contracts.types import Field, State

if TYPE_CHECKING:
    from contracts.odcs import Contract

NOT_CARRIED: Final = "not_carried"
KEYS = ("from", "convert", "missing", "codes", "joint")
_STATES = {"blank": State.BLANK, "rejected": State.REJECTED}
JOINTS = ("primary", "sum", "min", "max")
_KINDS = ("absent", "empty", "nil")
_TEXTS = ("code", "string")


def read_request(
    source: Source,
    at: Path_,
    contract: Contract,
    *,
    defaults: Mapping[str, str] | None = None,
    unknown: Unknown | None = None,
    known: Sequence[Path] = (),
    joint: Sequence[Path] = (),
) -> tuple[RequestTree | None, list[Fault]]:
    """The rule tree of the mapping at ``at``, or None with the faults that keep it from being one.

    ``defaults`` are constants for fields the mapping leaves out; ``unknown`` overrides the contract's own policy for
    native data nothing reads; ``known`` are paths that something else reads, or that are ignored on purpose; ``joint``
    are paths of a second applicant.
    """
    tree, faults = RequestReader(source, at, contract).read(defaults or {}, unknown or contract.unknown_fields, known)
    return (replace(tree, joint=tuple(joint)) if tree else None), faults


class RequestReader:
    """Reads one mapping; every fault is noted and reading goes on."""

    def __init__(self, source: Source, at: Path_, contract: Contract) -> None:
        self._source, self._at, self._contract = source, at, contract
        self._faults: list[Fault] = []

    def read(
        self, defaults: Mapping[str, str], unknown: Unknown, known: Sequence[Path]
    ) -> tuple[RequestTree | None, list[Fault]]:
        section = _section(self._source, self._at)
        if not isinstance(section, dict):
            self._fault((), "expected one line per contract field, as <field>: <native path>")
            return None, self._faults
        names = [field.name for field in self._contract.fields]
        for key in section:
            if key not in names:
                self._fault((str(key),), f"{self._contract.ref} has no field {key!r}", nearest(str(key), names))
        entries = [self._field(field, section, defaults) for field in self._contract.fields]
        complete = [entry for entry in entries if entry is not None]
        tree = RequestTree(self._contract.ref, tuple(complete), unknown, tuple(known))
        return (None if self._faults else tree), self._faults

    def _fault(self, below: Path_, message: str, hint: str = "") -> None:
        self._faults.append(self._source.fault((*self._at, *below), message, hint))

    def _field(self, field: Field, section: Mapping[Any, Any], defaults: Mapping[str, str]) -> Entry | None:
        if field.name in section:
            return self._entry(field, section[field.name])
        if field.name in defaults:
            return self._constant(field, defaults[field.name], ())
        hint = f"name its native path, or write {field.name}: not_carried"
        self._fault((), f"the field {field.name!r} is not mapped", hint)
        return None

    def _entry(self, field: Field, given: Any) -> Entry | None:
        below = (field.name,)
        if given == NOT_CARRIED:
            if field.essential:
                hint = "name its native path, or give a constant"
                self._fault(below, f"{field.name!r} is essential and may not be not_carried", hint)
            return NotCarried(field)
        if isinstance(given, str):
            given = {"from": given}
        if not isinstance(given, dict):
            self._fault(below, "expected a native path, not_carried, {from: …} or {constant: …}")
            return None
        if "constant" in given:
            for key in given.keys() - {"constant"}:
                self._fault((*below, str(key)), f"{key!r} means nothing beside constant")
            return self._constant(field, given["constant"], (*below, "constant"))
        return self._wired(field, given, below)

    def _constant(self, field: Field, given: Any, below: Path_) -> Entry | None:
        if field.type in _TEXTS and self._misread(given, below):
            return None
        native = given if isinstance(given, bool | int) else str(given)
        try:
            value = compile_chain(default_chain(field), field)(native)
        except Unfit as exc:
            self._fault(below, f"the constant {given!r} is no value of {field.name!r}", f"expected {exc.expected}")
            return None
        if field.codes and value not in field.codes:
            hint = nearest(str(value), field.codes) or f"known: {', '.join(field.codes)}"
            self._fault(below, f"the constant {given!r} is no code of {field.name!r}", hint)
        elif problem := value_checker(field)(value):
            hint = f"expected {problem.expected}"
            self._fault(below, f"the constant {given!r} is no legal value of {field.name!r}", hint)
        return Constant(field, value)

    def _wired(self, field: Field, given: Mapping[Any, Any], below: Path_) -> Wired | None:
        for key in given:
            if key not in KEYS:
                hint = nearest(str(key), KEYS) or f"known: {', '.join(KEYS)}, or constant alone"
                self._fault((*below, str(key)), f"unknown key {key!r}", hint)
        path = self._path(given.get("from"), (*below, "from") if "from" in given else below)
        codes = self._codes(field, given["codes"], (*below, "codes")) if "codes" in given else None
        chain = self._chain(field, given.get("convert"), codes is not None, (*below, "convert"))
        missing = self._missing(given.get("missing", {}), (*below, "missing"))
        joint = self._joint(field, given["joint"], (*below, "joint")) if "joint" in given else None
        if path is None or chain is None or missing is None:
            return None
        entry = Wired(field, path, chain, missing, codes, joint)
        for code in _unreachable(entry):
            self._fault((*below, "codes", code), f"the code {code!r} can never come out of {_written(chain)}")
        if entry.lookup and field.essential:
            self._fault(below, f"{field.name!r} is essential and may not rest on a look-up, which can be down")
        return entry

    def _path(self, given: Any, below: Path_) -> Path | None:
        if not isinstance(given, str):
            self._fault(below, "expected from: <native path>")
            return None
        try:
            return Path.parse(given)
        except ValueError as exc:
            self._fault(below, f"{given!r} is not a path: {exc}")
            return None

    def _chain(self, field: Field, given: Any, coded: bool, below: Path_) -> tuple[Conversion, ...] | None:
        steps: list[Conversion] = []
        count = len(self._faults)
        listed = given if isinstance(given, list) else [] if given is None else [given]
        for index, step in enumerate(listed):
            here = (*below, index) if isinstance(given, list) else below
            try:
                steps.append(_conversion(step))
            except ValueError as exc:
                self._fault(here, str(exc))
        chain = _completed(steps, field, coded)
        if len(self._faults) == count:
            for message in chain_faults(chain, field, coded):
                self._fault(below, message)
        return chain if len(self._faults) == count else None

    def _missing(self, given: Any, below: Path_) -> Missing | None:
        if not isinstance(given, dict):
            self._fault(below, "expected {absent|empty|nil|<literal>: blank|rejected}")
            return None
        states: dict[str, State] = {}
        for key, word in given.items():
            text = self._literal(key, below)
            if not isinstance(word, str) or word not in _STATES:
                hint = "not_carried is said of a whole field, never of a value" if word == NOT_CARRIED else ""
                self._fault((*below, str(key)), f"expected blank or rejected, not {word!r}", hint)
            elif text in states:
                self._fault((*below, str(key)), f"{text!r} is listed twice")
            else:
                states[text] = _STATES[word]
        kinds = {kind: states.pop(kind) for kind in _KINDS if kind in states}
        return Missing(**kinds, literals=tuple(states.items()))

    def _codes(self, field: Field, given: Any, below: Path_) -> tuple[tuple[str, str | bool], ...] | None:
        if field.type not in ("code", "string", "boolean"):
            self._fault(below, f"codes give no {field.type}", "use convert")
            return None
        if not isinstance(given, dict) or not given:
            self._fault(below, "expected {<native code>: <contract code>}")
            return None
        codes: dict[str, str | bool] = {}
        for key, value in given.items():
            text = self._literal(key, below)
            if text in codes:
                self._fault((*below, str(key)), f"the code {text!r} is listed twice")
            codes[text] = self._code(field, value, (*below, str(key)))
        return tuple(codes.items())

    def _code(self, field: Field, value: Any, below: Path_) -> str | bool:
        if isinstance(value, bool):
            if field.type != "boolean":
                self._fault(below, f"{value} is no code of {field.name!r}", "put quotes around it")
            return value
        if field.type == "boolean" or not isinstance(value, str | int):
            hint = "expected true or false" if field.type == "boolean" else "expected text"
            self._fault(below, f"{value!r} is no value of {field.name!r}", hint)
        elif not self._misread(value, below) and field.codes and str(value) not in field.codes:
            hint = nearest(str(value), field.codes) or f"known: {', '.join(field.codes)}"
            self._fault(below, f"{value!r} is no code of {field.name!r} in {self._contract.ref}", hint)
        return str(value)

    def _joint(self, field: Field, given: Any, below: Path_) -> Joint | None:
        if given not in JOINTS:
            hint = nearest(str(given), JOINTS) or f"known: {', '.join(JOINTS)}"
            self._fault(below, f"{given!r} is no rule for several applicants", hint)
            return None
        if given != "primary" and field.type not in ("integer", "decimal"):
            self._fault(below, f"{given} needs a number, {field.name!r} is a {field.type}", "only primary goes with it")
        return cast(Joint, given)

    def _literal(self, key: Any, below: Path_) -> str:
        """A YAML key as the native text it stands for."""
        self._misread(key, (*below, str(key)), key=True)
        return text_of(key)

    def _misread(self, given: Any, below: Path_, *, key: bool = False) -> bool:
        message = misread(self._source, (*self._at, *below), given, key=key)
        if message:
            self._fault(below, message, CURE)
        return bool(message)


def _section(source: Source, at: Path_) -> Any:
    node = source.data
    for step in at:
        node = node.get(step) if isinstance(node, dict) else None
    return node


def _conversion(step: Any) -> Conversion:
    if not isinstance(step, str):
        raise ValueError(f"expected a conversion such as decimal(2), not {step!r}")  # noqa: TRY004 - it becomes a Fault
    return read_conversion(step)


def _unreachable(entry: Wired) -> list[str]:
    """Native codes that the cleaning before the look-up would have changed."""
    clean = compile_chain(entry.convert, entry.field, dict(entry.codes or ())).clean
    return [code for code, _ in entry.codes or () if clean and clean(code) != code]


def _written(chain: Sequence[Conversion]) -> str:
    return ", ".join(str(step) for step in chain)


def _completed(steps: Sequence[Conversion], field: Field, coded: bool) -> tuple[Conversion, ...]:
    """The chain with the step that reads the value, which may be left out where the field's type says it."""
    if any(stage(step) == 1 for step in steps):
        return tuple(steps)
    reads = (Conversion("text"),) if coded else default_chain(field)
    first = [step for step in steps if stage(step) == 0]
    return (*first, *reads, *(step for step in steps if stage(step) == 2))
