"""Whether every record that is legal before a step keeps a rule after it: what can be proved.

The rule is put in terms of the fields before. It is kept where the version before has it too; where it compares sums
of numbers, each with a fixed factor, and follows from the ranges of its fields and one such rule of before; where it
lists codes and so did a rule of before, or nothing is left out. A field that the step leaves out cannot break a rule,
as a rule whose result is unknown has passed. Whatever else is kept all the same is for a person to say.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final, NamedTuple, TypeAlias

from contracts.expressions import Arith, Call, Compare, Expr, Logic, Name, Neg, Not, Number, OneOf, Text
from contracts.expressions.tree import children
from contracts.odcs import Rule
from contracts.types import Field
from contracts.upcast import Lacking, Step, Supplied, Taken

Names: TypeAlias = frozenset[str]
TRUE: Final = Compare("==", Number(Decimal(0)), Number(Decimal(0)))
FALSE: Final = Not(TRUE)
_STRANGE: Final = "="
"""Begins the name of what no field of before can stand for, so that nothing is proved of it."""


class Bound(NamedTuple):
    """The sum of ``terms`` (field of before, factor), and ``rest``, is at most 0; below 0 where ``strict``."""

    terms: tuple[tuple[str, Fraction], ...]
    rest: Fraction
    strict: bool

    @property
    def names(self) -> Names:
        return frozenset(name for name, _ in self.terms)


Fact: TypeAlias = Bound | Expr


def implied(rule: Expr, before: Iterable[Rule], fields: Sequence[Field], entries: Sequence[Step]) -> bool:
    """Whether ``rule`` is proved to hold for every record that keeps to ``fields`` and the rules of before.

    ``entries`` lead from those fields to the ones that the rule reads.

    >>> from contracts.expressions import parse
    >>> fields = [Field(name, "integer", minimum=0, maximum=100) for name in ("income", "loan")]
    >>> entries = [Taken(field, field.name) for field in fields]
    >>> old, milder, harder = (parse(f"loan <= {times} * income") for times in (10, 12, 2))
    >>> [implied(new, [Rule("r", old, "error", "")], fields, entries) for new in (milder, harder)]
    [True, False]
    """
    same = {field.name: Taken(field, field.name) for field in fields}
    old = _Terms(fields, same)
    facts = [fact for one in before if one.severity == "error" for fact in old.facts(one.expression)]
    return _Proof(fields, facts, _Terms(fields, {entry.field.name: entry for entry in entries})).holds(rule)


class _Proof:
    def __init__(self, fields: Sequence[Field], facts: Sequence[Fact], terms: _Terms) -> None:
        self.fields = {field.name: field for field in fields}
        self.certain = frozenset(field.name for field in fields if field.required and field.essential)
        self.facts, self.terms = facts, terms

    def holds(self, rule: Expr) -> bool:
        """Whether the rule, in terms of after, is never false."""
        if isinstance(rule, Logic) and rule.op == "and":
            return all(map(self.holds, rule.items))
        if isinstance(rule, Logic) and any(map(self.holds, rule.items)):
            return True
        if isinstance(rule, Compare | OneOf) and self.terms.lacking & _read(rule):
            return True
        return all(map(self.follows, self.terms.facts(rule)))

    def follows(self, fact: Fact) -> bool:
        if fact in self.facts:
            return True
        if isinstance(fact, Bound):
            return self.within(fact)
        if isinstance(fact, OneOf) and isinstance(fact.a, Name) and not fact.negated:
            return self.listed(fact.a.name, {*fact.choices})
        return False

    def listed(self, name: str, choices: set[Any]) -> bool:
        lists = [fact for fact in self.facts if isinstance(fact, OneOf) and not fact.negated]
        known: list[set[Any]] = [{*fact.choices} for fact in lists if fact.a == Name(name)]
        codes: set[Any] = {*self.fields[name].codes} if name in self.fields else set()
        return any(one <= choices for one in (*known, codes) if one)

    def within(self, wanted: Bound) -> bool:
        """Farkas' lemma for one fact and a range per field: some multiple of the fact leaves nothing above 0."""
        if self.largest(wanted, None, Fraction(0)):
            return True
        # An unknown fact says nothing: its fields must be known wherever those of the rule are.
        usable = [fact for fact in self.facts if isinstance(fact, Bound) and fact.names <= wanted.names | self.certain]
        return any(self.largest(wanted, fact, times) for fact in usable for times in _multiples(wanted, fact))

    def largest(self, wanted: Bound, fact: Bound | None, times: Fraction) -> bool:
        """Whether ``wanted`` less so many times ``fact`` stays within 0 for all values of the fields."""
        factors, most = dict(wanted.terms), wanted.rest - (times * fact.rest if fact else 0)
        for name, factor in fact.terms if fact else ():
            factors[name] = factors.get(name, Fraction(0)) - times * factor
        for name, factor in factors.items():
            end = _end(self.fields.get(name), factor > 0) if factor else Fraction(0)
            if end is None:
                return False
            most += factor * end
        return most < 0 or (most == 0 and (not wanted.strict or bool(times and fact and fact.strict)))


def _multiples(wanted: Bound, fact: Bound) -> Iterator[Fraction]:
    """The most that is left over changes its slope here only, so the least of it is at one of them."""
    factors = dict(fact.terms)
    for name, factor in wanted.terms:
        if factors.get(name) and factor / factors[name] > 0:
            yield factor / factors[name]


def _end(field: Field | None, upper: bool) -> Fraction | None:
    bound = (field.maximum if upper else field.minimum) if field else None
    return Fraction(bound, 10**field.scale) if field and isinstance(bound, int) else None


class _Terms:
    """Rules that read the fields of ``entries`` in terms of ``fields``, those of before, each in one form."""

    def __init__(self, fields: Sequence[Field], entries: Mapping[str, Step]) -> None:
        self.fields = {field.name: field for field in fields}
        self.entries = entries
        self.lacking = frozenset(name for name, entry in entries.items() if isinstance(entry, Lacking))

    def facts(self, rule: Expr) -> tuple[Fact, ...]:
        """What the rule says, each of it for itself."""
        return tuple(_facts(self.of(rule)))

    def of(self, expr: Expr) -> Expr:
        match expr:
            case Name(name=name):
                return self.name(name)
            case Call(fn="given", args=(Name(name=name),)):
                return self.given(name)
            case Compare(op="==" | "!=", a=Name(name=name), b=Text(value=text)) if self.coded(name):
                return self.one_of(name, {text}, expr.op == "!=")
            case OneOf(a=Name(name=name), choices=choices, negated=negated) if self.coded(name):
                return self.one_of(name, {*choices}, negated)
            case Neg(a=a) | Not(a=a) | OneOf(a=a):
                return replace(expr, a=self.of(a))
            case Arith(a=a, b=b) | Compare(a=a, b=b):
                return replace(expr, a=self.of(a), b=self.of(b))
            case Logic(items=items):
                return replace(expr, items=tuple(map(self.of, items)))
            case Call(args=args):
                return replace(expr, args=tuple(map(self.of, args)))
        return expr

    def name(self, name: str) -> Expr:
        match self.entries[name]:
            case Taken(field=field, source=source, factor=factor, codes=()):
                times = Decimal(factor).scaleb(self.fields[source].scale - field.scale)
                return Name(source) if times == 1 else Arith("*", Number(times), Name(source))
            case Supplied(field=field, value=int(value)) if field.type != "boolean":
                return Number(Decimal(value).scaleb(-field.scale))
            case Supplied(value=str(text)):
                return Text(text)
        return Name(_STRANGE + name)

    def given(self, name: str) -> Expr:
        match self.entries[name]:
            case Taken(source=source):
                return Call("given", (Name(source),))
            case Supplied():
                return TRUE
        return FALSE

    def coded(self, name: str) -> bool:
        entry = self.entries[name]
        return isinstance(entry, Taken) and bool(self.fields[entry.source].codes)

    def one_of(self, name: str, choices: set[Any], negated: bool) -> Expr:
        """The codes of before that become one of ``choices``, in their order."""
        entry = self.entries[name]
        assert isinstance(entry, Taken)  # noqa: S101 # see ``coded``
        becomes: dict[Any, Any] = dict(entry.codes)
        kept = [code for code in self.fields[entry.source].codes if (becomes.get(code, code) in choices) != negated]
        return OneOf(Name(entry.source), tuple(kept), False)


def _read(expr: Expr) -> Names:
    """The fields without which the result is unknown; whether one is given is always known."""
    if isinstance(expr, Call) and expr.fn == "given":
        return frozenset()
    return frozenset({expr.name}) if isinstance(expr, Name) else frozenset().union(*map(_read, children(expr)))


def _facts(expr: Expr) -> Iterator[Fact]:
    if isinstance(expr, Logic) and expr.op == "and":
        for item in expr.items:
            yield from _facts(item)
        return
    bounds = [*_bounds(expr)] if isinstance(expr, Compare) else []
    yield from bounds or (expr,)


def _bounds(expr: Compare) -> Iterator[Bound]:
    left, right = _sum(expr.a), _sum(expr.b)
    if left is None or right is None or expr.op == "!=":
        return
    strict = expr.op in ("<", ">")
    if expr.op in ("<", "<=", "=="):
        yield _bound(_plus(left, right, -1), strict)
    if expr.op in (">", ">=", "=="):
        yield _bound(_plus(right, left, -1), strict)


def _bound(parts: dict[str, Fraction], strict: bool) -> Bound:
    """In one form: the first factor that counts is 1 or -1."""
    terms = sorted((name, factor) for name, factor in parts.items() if name)
    size = next((abs(factor) for _, factor in terms if factor), Fraction(1))
    return Bound(tuple((name, factor / size) for name, factor in terms), parts.get("", Fraction(0)) / size, strict)


def _sum(expr: Expr) -> dict[str, Fraction] | None:
    """Factors by field, what stands alone under the empty name; None for what is no such sum."""
    match expr:
        case Number(value=number):
            return {"": Fraction(number)}
        case Name(name=name):
            return {name: Fraction(1)}
        case Neg(a=a):
            return _sum(Arith("*", Number(Decimal(-1)), a))
        case Arith(op="+" | "-" | "*", a=a, b=b):
            return _joined(expr.op, _sum(a), _sum(b))
    return None


def _joined(op: str, a: dict[str, Fraction] | None, b: dict[str, Fraction] | None) -> dict[str, Fraction] | None:
    if a is None or b is None:
        return None
    if op != "*":
        return _plus(a, b, 1 if op == "+" else -1)
    if {*a} == {""}:
        a, b = b, a
    return {name: factor * b[""] for name, factor in a.items()} if {*b} == {""} else None


def _plus(a: dict[str, Fraction], b: dict[str, Fraction], times: int) -> dict[str, Fraction]:
    zero = Fraction(0)
    return {name: a.get(name, zero) + times * b.get(name, zero) for name in {**a, **b}}
