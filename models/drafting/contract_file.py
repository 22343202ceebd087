"""A drafted contract as an ODCS file. Texts of others are written as quoted YAML, whatever they hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from contracts.odcs import Kind
from contracts.yaml_text import quote

VERSION = "1.0.0"
Lines = Iterator[str]
ESSENTIAL: Final = {"essential": "true", "blank": "refuse"}


@dataclass(frozen=True, slots=True)
class ListOf:
    """The list that a property of an answer is an element of; ``alone``: the element is this one value."""

    name: str
    most: int
    description: str = ""
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Property:
    """One field as it will stand in the file. ``options`` and ``examples`` are YAML already; ``codes`` maps each code
    to what it means, ``beside`` to a comment, ``own`` our properties to their values.
    """

    name: str
    description: str
    logical: str
    options: tuple[str, ...] = ()
    codes: Mapping[str, str] = field(default_factory=dict)
    beside: Mapping[str, str] = field(default_factory=dict)
    required: bool = False
    personal: bool = True
    examples: tuple[str, ...] = ()
    own: Mapping[str, str] = field(default_factory=dict)
    inside: ListOf | None = None


def contract_lines(name: str, kind: Kind, purpose: str, told: Iterable[str], properties: Iterable[Property]) -> Lines:
    """The file, line by line; ``told`` are comments that stand above it."""
    yield from (f"# {line}" for line in told)
    yield from (
        "apiVersion: v3.2.0",
        "kind: DataContract",
        f"id: {name}",
        f"name: {quote(name.replace('_', ' ').capitalize())}",
        f"version: {VERSION}",
        "status: draft",
        "description:",
        f"  purpose: {quote(purpose)}",
        "customProperties:",
        f"  - {{vendor: scoregate, property: kind, value: {kind}}}",
        "  - {vendor: scoregate, property: unknown, value: refuse}",
        "schema:",
        f"  - name: {name}",
        "    logicalType: object",
        "    properties:",
    )
    begun: ListOf | None = None
    for one in properties:
        if one.inside and one.inside != begun:
            yield from _indented(_list_lines(one.inside), 6)
        begun = one.inside
        yield from _element(one, one.inside) if one.inside else _indented(_entry(one), 6)


def _list_lines(many: ListOf) -> Lines:
    yield f"- name: {many.name}"
    yield f"  description: {quote(many.description)}"
    yield "  logicalType: array"
    yield f"  logicalTypeOptions: {{maxItems: {many.most}}}"
    yield "  items:"
    if not many.alone:
        yield "    logicalType: object"
        yield "    properties:"


def _element(one: Property, many: ListOf) -> Lines:
    return _indented(_lines(one), 10) if many.alone else _indented(_entry(one), 12)


def _indented(lines: Lines, by: int) -> Lines:
    return (" " * by + line for line in lines)


def _entry(one: Property) -> Lines:
    yield f"- name: {one.name}"
    yield from _indented(_lines(one), 2)


def _lines(one: Property) -> Lines:
    yield f"description: {quote(one.description)}"
    yield f"logicalType: {one.logical}"
    if one.required:
        yield "required: true"
    if one.options:
        yield f"logicalTypeOptions: {{{', '.join(one.options)}}}"
    if one.codes:
        yield "enum:"
        for code, label in one.codes.items():
            meaning = f", label: {quote(label)}" if label else ""
            comment = f" # {one.beside[code]}" if code in one.beside else ""
            yield f"  - {{value: {quote(code)}{meaning}}}{comment}"
    if one.personal:
        yield "classification: personal"
    yield f"examples: [{', '.join(one.examples)}]"
    if one.own:
        yield "customProperties:"
        yield from (f"  - {{vendor: scoregate, property: {key}, value: {value}}}" for key, value in one.own.items())


def head_field(name: str, description: str, options: tuple[str, ...], codes: tuple[str, ...], example: str) -> Property:
    """Product or currency: what no application can do without."""
    labels = dict.fromkeys(codes, "")
    return Property(
        name, description, "string", options, labels,
        required=True, personal=False, examples=(quote(example),), own=ESSENTIAL,
    )  # fmt: skip


def currency_field(example: str) -> Property:
    described = "The currency of every amount, as its ISO 4217 code."
    return head_field("currency", described, ('minLength: 3, maxLength: 3, pattern: "^[A-Z]{3}$"',), (), example)
