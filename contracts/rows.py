"""The row engine: one record against its contract, every problem at once.

Each field is checked by pydantic-core in strict mode (no coercion: text is no number, a yes or no is no 1), then the
cross-field rules by the row printer of ``contracts.expressions``. A rule that needs a value which is missing or wrong
is passed over; the wrong value is a problem already.

Problem codes: ``wrong_type``, ``out_of_range``, ``not_a_code``, ``too_short``, ``too_long``, ``pattern``,
``missing_required``, ``essential_not_carried``, ``unusable`` and ``rule``. ``seen`` tells kind and size, never a value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any, Final, NamedTuple

from pydantic_core import SchemaValidator, ValidationError, core_schema

from contracts.errors import InternalFault
from contracts.expressions import names, row_printer
from contracts.odcs import Contract, Rule
from contracts.types import Field, Problem, State, Value, listed

_CODES: Final[Mapping[str, str]] = {
    "greater_than_equal": "out_of_range", "less_than_equal": "out_of_range", "int_parsing_size": "out_of_range",
    "literal_error": "not_a_code", "string_too_short": "too_short", "string_too_long": "too_long",
    "string_pattern_mismatch": "pattern",
}  # fmt: skip
_RULE_NAMES: Final[Mapping[str, str]] = {
    "wrong_type": "type", "out_of_range": "range", "not_a_code": "codes", "too_short": "length", "too_long": "length",
    "pattern": "pattern", "missing_required": "required", "essential_not_carried": "essential", "unusable": "rejected",
}  # fmt: skip
_GIVEN, _BLANK, _NOT_CARRIED, _REJECTED = (int(state) for state in State)


class Checked(NamedTuple):
    """``fatal`` problems refuse the record. ``tolerated`` ones are told: fields now rejected, rules that only warn."""

    fatal: tuple[Problem, ...]
    tolerated: tuple[Problem, ...]


_CLEAN: Final = Checked((), ())


class RowEngine:
    """A contract compiled to check single records; holds no state of them and may be shared by threads."""

    def __init__(self, contract: Contract) -> None:
        self._fields = contract.fields
        self._validator = SchemaValidator(core_schema.tuple_schema([_nullable(field) for field in contract.fields]))
        self._rules = [(row_printer(rule.expression, contract.fields), rule) for rule in contract.rules]
        self._rule_paths = {rule.id: _first_field(contract, rule) for rule in contract.rules}

    def check(self, values: list[Value], states: bytearray) -> Checked:
        """Check a record of typed values and states, both in contract order.

        Where a wrong value is tolerated (``Field.rejected`` is not ``refuse``) it is taken out in place: the value
        becomes None and the state REJECTED. Raises InternalFault when a field that is not given has a value.
        """
        try:
            self._validator.validate_python(values)
        except ValidationError as exc:
            return self._judge(values, states, dict(self._wrong(exc, values)))
        if (None in values or any(states)) and self._lacks(values, states):
            return self._judge(values, states, {})
        return self.check_rules(values, states)

    def check_rules(self, values: list[Value], states: bytearray) -> Checked:
        """Check the cross-field rules alone, of a record that is known to be legal field by field."""
        for holds, _ in self._rules:
            if holds(values, states) is False:
                return self._judge(values, states, {})
        return _CLEAN

    def _lacks(self, values: list[Value], states: bytearray) -> bool:
        """Whether the lack of any value is a problem."""
        fields = self._fields
        return any(
            _absence(fields[position], state, values[position]) is not None
            for position, state in enumerate(states)
            if state or values[position] is None
        )

    def _wrong(self, exc: ValidationError, values: list[Value]) -> Iterator[tuple[int, Problem]]:
        if len(values) != len(self._fields):
            raise InternalFault(f"a record of {len(values)} values for {len(self._fields)} fields")
        for error in exc.errors(include_url=False, include_context=False, include_input=False):
            position = int(error["loc"][0])
            yield position, _problem(self._fields[position], error["type"], values[position])

    def _judge(self, values: list[Value], states: bytearray, wrong: dict[int, Problem]) -> Checked:
        """All problems of a record that has at least one, or that is not complete."""
        fatal: list[Problem] = []
        tolerated: list[Problem] = []
        sound, known = list(values), bytearray(states)
        for position, field in enumerate(self._fields):
            problem = wrong.get(position) or _absence(field, states[position], values[position])
            if problem is None:
                continue
            sound[position], known[position] = None, _REJECTED
            if states[position] == _GIVEN and field.rejected != "refuse":
                tolerated.append(problem)
                values[position], states[position] = None, _REJECTED
            else:
                fatal.append(problem)
        for holds, rule in self._rules:
            if holds(sound, known) is False:
                found = Problem("rule", rule.id, self._rule_paths[rule.id], "values that contradict it", rule.message)
                (fatal if rule.severity == "error" else tolerated).append(found)
        return Checked(tuple(fatal), tuple(tolerated))


def value_checker(field: Field) -> Callable[[Value], Problem | None]:
    """The check of one value of one field, by the same schema the engine uses; None where the value is legal."""
    validator = SchemaValidator(_schema(field))

    def check(value: Value) -> Problem | None:
        try:
            validator.validate_python(value)
        except ValidationError as exc:
            return _problem(field, exc.errors(include_url=False)[0]["type"], value)
        return None

    return check


def expectation(field: Field) -> str:
    """What a field wants, as a person would say it.

    >>> expectation(Field("term", "integer", unit="months", minimum=1, maximum=480))
    'a whole number from 1 to 480 (months)'
    """
    unit = f" ({field.unit})" if field.unit else ""
    match field.type:
        case "code":
            return listed(field.codes)
        case "boolean":
            return "true or false"
        case "string":
            form = f" of the form {field.pattern}" if field.pattern else ""
            return f"text{_between(field.min_length, field.max_length, ' characters')}{form}"
        case "integer":
            return f"a whole number{_between(field.minimum, field.maximum)}{unit}"
        case "decimal":
            low, high = (None if bound is None else field.text(bound) for bound in (field.minimum, field.maximum))
            return f"a number with {field.scale} decimals{_between(low, high)}{unit}"
    return f"a {field.type}{_between(field.minimum, field.maximum)}"


def _between(low: object, high: object, what: str = "") -> str:
    if low is None and high is None:
        return ""
    if low == high:
        return f" of {low}{what}"
    if low is None:
        return f" up to {high}{what}"
    return f" from {low} to {high}{what}" if high is not None else f" from {low}{what}"


def _nullable(field: Field) -> core_schema.CoreSchema:
    return core_schema.nullable_schema(_schema(field))


def _schema(field: Field) -> core_schema.CoreSchema:
    low, high = field.minimum, field.maximum
    match field.type:
        case "code":
            return core_schema.literal_schema(list(field.codes))
        case "boolean":
            return core_schema.bool_schema(strict=True)
        case "date":
            return core_schema.date_schema(strict=True, ge=_as_date(low), le=_as_date(high))
        case "integer" | "decimal":
            return core_schema.int_schema(strict=True, ge=_as_int(low), le=_as_int(high))
    return core_schema.str_schema(
        strict=True, min_length=field.min_length, max_length=field.max_length, pattern=field.pattern
    )


def _as_int(bound: int | date | None) -> int | None:
    return bound if isinstance(bound, int) else None


def _as_date(bound: int | date | None) -> date | None:
    return bound if isinstance(bound, date) else None


def _absence(field: Field, state: int, value: Value) -> Problem | None:
    """The problem of a field that has no value, if that is one."""
    if state == _GIVEN:
        return None if value is not None else _told(field, "wrong_type", "nothing, in a field that is given")
    if value is not None:
        raise InternalFault(f"the field {field.name} has a value, but its state is {State(state).word}")
    if state == _BLANK and field.required:
        return _told(field, "missing_required", "nothing")
    if state == _NOT_CARRIED and field.essential:
        return _told(field, "essential_not_carried", "no such field")
    if state == _REJECTED and field.rejected == "refuse":
        return _told(field, "unusable", "a value that stands for 'unusable'")
    return None


def _problem(field: Field, kind: str, value: Any) -> Problem:
    code = _CODES.get(kind, "wrong_type")
    if code == "not_a_code" and not isinstance(value, str):
        code = "wrong_type"
    return _told(field, code, _seen(code, kind, value))


def _told(field: Field, code: str, seen: str) -> Problem:
    return Problem(code, f"{field.name}.{_RULE_NAMES[code]}", field.name, seen, expectation(field))


def _seen(code: str, kind: str, value: Any) -> str:
    if code == "out_of_range":
        what = "a date" if isinstance(value, date) else "a number"
        return f"{what} {'below the minimum' if kind == 'greater_than_equal' else 'above the maximum'}"
    if isinstance(value, str):
        return f"text of {len(value)} characters"
    names_of = {bool: "true or false", int: "a whole number", date: "a date", type(None): "nothing"}
    return names_of.get(type(value), f"a value of the type {type(value).__name__}")


def _first_field(contract: Contract, rule: Rule) -> str:
    """The field a rule's problem is shown at: of those the rule reads, the first in the contract."""
    read = names(rule.expression)
    return next((field.name for field in contract.fields if field.name in read), "")
