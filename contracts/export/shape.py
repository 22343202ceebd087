"""What every export shares: the contract as a tree, and what a person is told of a field."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from contracts.odcs import Contract
from contracts.rows import expectation
from contracts.types import Field


@dataclass(frozen=True, slots=True)
class Leaf:
    """One value. ``path`` is its path in the contract, ``labels`` says what each of its codes means."""

    name: str
    path: str
    field: Field
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Group:
    """An object of several parts, in contract order; the root has an empty name."""

    name: str
    note: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Many:
    """A list of at most ``most`` elements, all of the shape ``item``."""

    name: str
    note: str
    most: int
    item: Leaf | Group


Part: TypeAlias = Leaf | Group | Many
_MANY: Final = "[]"


def tree(contract: Contract) -> Group:
    """The contract's fields, lists and objects as a tree, in contract order."""
    return Group("", contract.description, tuple(_parts(contract, "", list(contract.paths))))


def _parts(contract: Contract, prefix: str, paths: list[str]) -> Iterator[Part]:
    """``paths`` all begin with ``prefix``; each run that shares its next step is one part."""
    steps: dict[str, list[str]] = {}
    for path in paths:
        steps.setdefault(re.split(r"[.\[]", path[len(prefix) :], maxsplit=1)[0], []).append(path)
    for step, below in steps.items():
        yield _part(contract, prefix + step, step, below)


def _part(contract: Contract, here: str, name: str, paths: list[str]) -> Part:
    if here not in contract.lists:
        return _single(contract, here, name, paths)
    item = _single(contract, here + _MANY, name, paths)
    return Many(name, contract.notes.get(here, ""), contract.lists[here], item)


def _single(contract: Contract, here: str, name: str, paths: list[str]) -> Leaf | Group:
    if paths == [here]:
        return Leaf(name, here, contract.paths[here], contract.labels.get(here, {}))
    return Group(name, contract.notes.get(here, ""), tuple(_parts(contract, f"{here}.", paths)))


def leaves(part: Part) -> Iterator[Leaf]:
    """Every value below, in contract order."""
    match part:
        case Leaf():
            yield part
        case Group(parts=parts):
            for below in parts:
                yield from leaves(below)
        case Many(item=item):
            yield from leaves(item)


def about(field: Field) -> str:
    """What a field means, in which unit, what it may hold and whether it may be left empty, as one line of prose."""
    wanted = "a code" if field.type == "code" else expectation(field)
    empty = "required" if field.required else "may be empty"
    words = [field.description, f"{wanted[0].upper()}{wanted[1:]}; {empty}.", "Personal." if field.personal else ""]
    return " ".join(filter(None, words))


def told(leaf: Leaf) -> str:
    """``about`` with what each code means."""
    codes = [f"{code} = {leaf.labels[code]}" for code in leaf.field.codes if leaf.labels.get(code)]
    return about(leaf.field) + (f" Codes: {'; '.join(codes)}." if codes else "")


def unsaid(contract: Contract, *, beyond: tuple[str, ...] = ()) -> list[str]:
    """What the contract asks for and an export cannot say: its cross-field rules, and what the format lacks."""
    rules = [f"rule {rule.id} ({rule.severity}): {rule.message}" for rule in contract.rules]
    return [*rules, *beyond]


def title(contract: Contract) -> str:
    """The line that says where an export comes from."""
    return f"{contract.ref}, {contract.kind} contract, sha256 {contract.digest}"
