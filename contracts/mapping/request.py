"""The request mapping for one record: native tree in, values, states and origins in contract order out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from contracts.errors import ConfigurationError
from contracts.mapping.chains import stage
from contracts.mapping.conversions import LIMIT, Converter, Unfit, compile_chain, describe
from contracts.mapping.paths import ABSENT, Path
from contracts.mapping.reading import read_request
from contracts.mapping.tree import Constant, NativeField, NotCarried, RequestTree, Unknown, Wired
from contracts.mapping.unknown import UnknownFields
from contracts.source import Path_, Source
from contracts.types import Origin, Problem, State, Value

if TYPE_CHECKING:
    from contracts.odcs import Contract

NATIVE: Final = "native:"
"""Begins the path of a problem that stands at a native path and not on a contract field."""
JOINT: Final = "joint_application_unsupported"
"""The problem of a repeated element without a rule; never tolerated, as it is about the whole application."""
Quick = Callable[[Mapping[str, Any]], Value]
_JOIN: Final[Mapping[str, Callable[[Sequence[int]], int]]] = {"sum": sum, "min": min, "max": max}


@dataclass(slots=True)
class Mapped:
    """One tree mapped, everything in contract field order.

    ``causes`` names why a position is not carried. With ``fatal`` problems there is no record; ``tolerated`` ones are
    told, and their field goes on as rejected.
    """

    values: list[Value]
    states: bytearray
    origins: bytearray
    causes: dict[int, str]
    fatal: list[Problem] = field(default_factory=list)
    tolerated: list[Problem] = field(default_factory=list)


class Outcome(NamedTuple):
    """What one native value becomes."""

    state: State
    value: Value = None
    problem: Problem | None = None


class RequestMap:
    """A rule tree compiled for single records. Pure; safe to share between threads."""

    def __init__(self, tree: RequestTree) -> None:
        self.tree = tree
        self.entries = {entry.field.name: entry for entry in tree.entries}
        self._wired = [(at, WiredField(entry)) for at, entry in enumerate(tree.entries) if isinstance(entry, Wired)]
        self._quick = [(at, wired.quick, wired) for at, wired in self._wired]
        self._values = [entry.value if isinstance(entry, Constant) else None for entry in tree.entries]
        carried = [State.NOT_CARRIED if isinstance(entry, NotCarried) else State.GIVEN for entry in tree.entries]
        self._states = bytes(carried)
        self.origins = bytes(
            Origin.LOOKUP if isinstance(entry, Wired) and entry.lookup else Origin.WIRE for entry in tree.entries
        )
        self.looked_up = tuple(at for at, origin in enumerate(self.origins) if origin == Origin.LOOKUP)
        """Positions of the fields that look-ups fill and the caller does not."""
        self.causes = {at: "channel" for at, state in enumerate(carried) if state is State.NOT_CARRIED}
        read = [entry.path for entry in tree.entries if isinstance(entry, Wired)]
        self.unknown = UnknownFields([*read, *tree.known]) if tree.unknown == "refuse" else None
        """Finds what nothing reads; None where that is ignored."""
        self._joint = tuple(map(str, tree.joint))

    @classmethod
    def parse(
        cls,
        source: Source,
        at: Path_,
        contract: Contract,
        *,
        defaults: Mapping[str, str] | None = None,
        unknown: Unknown | None = None,
        known: Sequence[Path] = (),
    ) -> RequestMap:
        """Read and compile, with the arguments of ``read_request``; raises ConfigurationError with every fault."""
        tree, faults = read_request(source, at, contract, defaults=defaults, unknown=unknown, known=known)
        if tree is None:
            raise ConfigurationError(faults)
        return cls(tree)

    def read(self, tree: Mapping[str, Any]) -> Mapped:
        """Map one native tree, collecting every problem. Raises nothing, whatever the tree holds."""
        values = self._values[:]
        mapped = Mapped(values, bytearray(self._states), bytearray(self.origins), self.causes.copy())
        for position, quick, wired in self._quick:
            try:
                values[position] = quick(tree)
            except (KeyError, TypeError, Unfit):
                self._settle(tree, position, wired, mapped)
        if self.unknown:
            mapped.fatal += [self._unknown_problem(path) for path in self.unknown.find(tree)]
        return mapped

    def native_path(self, path: str) -> str:
        """The native path of a contract field or of a problem's path; a field that is not on the wire is its name."""
        if path.startswith(NATIVE):
            return path[len(NATIVE) :]
        entry = self.entries.get(path)
        return str(entry.path) if isinstance(entry, Wired) else path

    def native_fields(self) -> dict[str, NativeField]:
        """The native leaves that come on the wire, by path; types are those of the contract fields they feed."""
        wired = [entry for entry in self.entries.values() if isinstance(entry, Wired) and not entry.lookup]
        return {str(w.path): NativeField(str(w.path), _native_type(w), None, w.field.required) for w in wired}

    def _unknown_problem(self, path: str) -> Problem:
        if any(path == joint or path.startswith((f"{joint}.", f"{joint}[")) for joint in self._joint):
            return Problem(JOINT, "joint", NATIVE + path, "a second applicant", "one applicant in each application")
        seen, expected = "data that no field stands for", "only what is mapped"
        return Problem("unknown_field", "unknown", NATIVE + path, seen, expected)

    def _settle(self, tree: Mapping[str, Any], position: int, wired: WiredField, mapped: Mapped) -> None:
        """The careful way, for whatever is not a plain present value."""
        entry = wired.entry
        if entry.lookup and not has_lookup(tree, entry.lookup):
            mapped.states[position] = State.NOT_CARRIED
            mapped.causes[position] = "source_down"
            return
        outcome = wired.settle(tree)
        mapped.values[position], mapped.states[position] = outcome.value, outcome.state
        if outcome.problem:
            refused = entry.field.rejected == "refuse" or outcome.problem.code == JOINT
            (mapped.fatal if refused else mapped.tolerated).append(outcome.problem)


class WiredField:
    """One field read from the wire. ``quick`` does ordinary values and raises at the rest; ``settle`` does all."""

    def __init__(self, entry: Wired) -> None:
        self.entry = entry
        self._convert = compile_chain(entry.convert, entry.field, dict(entry.codes) if entry.codes else None)
        self._texts = dict(entry.missing.literals)
        self._parsed = parsed_literals(self._convert, entry.missing.literals)
        self.quick = _quick(entry.path, self._convert, self._parsed)

    def settle(self, tree: Mapping[str, Any]) -> Outcome:
        found = self.entry.path.walk(tree)
        natives = found.values or [ABSENT]
        if self.entry.joint is None and len(natives) > 1:
            seen = f"{len(natives)} values where one is expected"
            return self._rejected(JOINT, "joint", seen, "one applicant in each application")
        if self.entry.joint is None and found.undeclared and found.values:
            return self._rejected("wrong_type", "path", "a list of one", "a single value")
        outcomes = [self._one(native) for native in natives]
        return outcomes[0] if len(outcomes) == 1 else self._joined(outcomes)

    def _one(self, native: Any) -> Outcome:
        missing, convert = self.entry.missing, self._convert
        cleaned = convert.clean(native) if convert.clean else native
        if cleaned is ABSENT:
            return self._missing(missing.absent, "absent", "nothing at the path")
        if cleaned is None:
            return self._missing(missing.nil, "nil", "null")
        if cleaned == "":
            return self._missing(missing.empty, "empty", "an empty text")
        if type(cleaned) is str and cleaned in self._texts:
            return self._missing(self._texts[cleaned], "literal", "a value declared as missing")
        try:
            parsed = convert.parse(cleaned)
            if parsed in self._parsed:
                return self._missing(self._parsed[parsed], "literal", "a value declared as missing")
            return Outcome(State.GIVEN, convert.finish(parsed) if convert.finish else parsed)
        except Unfit as unfit:
            return self._rejected(unfit.code, unfit.rule, describe(native), unfit.expected)

    def _missing(self, state: State, kind: str, seen: str) -> Outcome:
        if state is State.BLANK:
            return Outcome(state)
        return self._rejected("rejected_value", f"missing.{kind}", seen, "a usable value")

    def _rejected(self, code: str, rule: str, seen: str, expected: str) -> Outcome:
        name = self.entry.field.name
        return Outcome(State.REJECTED, None, Problem(code, f"{name}.{rule}", name, seen, expected))

    def _joined(self, outcomes: Sequence[Outcome]) -> Outcome:
        """Several applicants as one; what is not known of one of them is not known of all."""
        if self.entry.joint == "primary":
            return outcomes[0]
        for state in (State.REJECTED, State.BLANK):
            for outcome in outcomes:
                if outcome.state is state:
                    return outcome
        numbers = [outcome.value for outcome in outcomes if isinstance(outcome.value, int)]
        joined = _JOIN[str(self.entry.joint)](numbers)
        if -LIMIT < joined < LIMIT:
            return Outcome(State.GIVEN, joined)
        return self._rejected("too_large", "joint", "a sum of many digits", "a number of at most 18 digits")


def _quick(path: Path, convert: Converter, literals: Mapping[Any, State]) -> Quick:
    """The ordinary way through a path of names; raises KeyError, TypeError or Unfit at anything unusual."""
    names = path.names
    if names is None or len(names) > 3:
        return _never_quick
    ready = _checked(convert, literals)
    if len(names) == 1:
        (a,) = names
        return lambda tree: ready(tree[a])
    if len(names) == 2:
        a, b = names
        return lambda tree: ready(tree[a][b])
    a, b, c = names
    return lambda tree: ready(tree[a][b][c])


def _never_quick(_tree: Mapping[str, Any]) -> Value:
    raise KeyError


def _checked(convert: Converter, literals: Mapping[Any, State]) -> Callable[[Any], Value]:
    clean, parse, finish = convert
    if clean is None and finish is None and not literals:
        return parse

    def ready(native: Any) -> Value:
        parsed: Value = parse(clean(native) if clean else native)
        if literals and parsed in literals:
            raise Unfit("literal", "")
        return finish(parsed) if finish else parsed

    return ready


def parsed_literals(convert: Converter, literals: Iterable[tuple[str, State]]) -> dict[Any, State]:
    """Literals as the values they parse to, so that 0099 and 99.0 are the same sentinel as 99."""
    parsed = {}
    for text, state in literals:
        try:
            parsed[convert.parse(text)] = state
        except Unfit:
            continue
    return parsed


def has_lookup(tree: Mapping[str, Any], name: str) -> bool:
    lookups = tree.get("lookup")
    return isinstance(lookups, Mapping) and name in lookups


def _native_type(wired: Wired) -> str:
    """What the step that reads the value takes, in words."""
    read = next(step.name for step in wired.convert if stage(step) == 1)
    return "any" if wired.codes else "string" if read in ("text", "date") else read
