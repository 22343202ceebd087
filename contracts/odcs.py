"""Contracts as ODCS 3.x files: read, checked against the official JSON Schema, and turned into fields and rules.

What Scoregate needs and ODCS has no home for stands in ``customProperties`` with ``vendor: scoregate``:

=============  =========  ============================================================================================
on             property   value
=============  =========  ============================================================================================
contract       kind       ``request`` (an application, a legacy system writes it), ``answer`` (we write it) or
                          ``outcome`` (what became of a loan, a legacy system writes it; it is never scored)
contract       unknown    ``refuse`` or ``ignore``: what happens to data that no field of the contract stands for
contract       upcast     how a record of the version before becomes one of this version: see ``contracts/upcast.py``
field          unit       ``currency`` (units of the field ``currency``), ``months``, ``years`` …; numbers must have one
field          blank      ``refer`` or ``refuse``: what a blank leads to that the bundle has not learned
field          rejected   ``refuse``, ``refer`` or ``impute``: what an unusable value leads to
field          monotone   ``rising`` or ``falling``: how the probability of default may move as the value grows
field          reason     the reason group
field          protected  true: read by the card's group figures only, never by features, imputer, policy or rules
field          essential  true: no integration may leave it out
field          meaning    a whole number, 1 unless said: it grows when the same values begin to mean something else
server         any        facts of the wire that a reader depends on: record format, namespace, SOAP action …
=============  =========  ============================================================================================

Everything else is plain ODCS: ``enum`` lists codes, ``multipleOf`` gives the decimals of a number, ``classification:
personal`` keeps values out of messages, ``quality`` entries of the engine ``scoregate`` are cross-field rules.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, get_args

from contracts.errors import ConfigurationError, Fault
from contracts.expressions import Expr, ExpressionFault, parse
from contracts.fields import PROPERTIES, FieldFault, read_examples, read_field
from contracts.source import Source, content_of, nearest
from contracts.types import Field, Value
from contracts.wire import Wire, read_wire

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

Kind = Literal["request", "answer", "outcome"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
HEAD: Final[Mapping[str, tuple[str, ...] | type]] = {
    "kind": KINDS, "unknown": ("refuse", "ignore"), "upcast": dict,
}  # fmt: skip
"""Our custom properties of a contract: the legal values, or the type."""
READABLE: Final = ("v3.2.0", "v3.1.0", "v3.0.2", "v3.0.1", "v3.0.0")
VENDOR: Final = "scoregate"
DIGESTS: Final = Path(__file__).parent / "catalog" / "SHA256SUMS"
"""Of the published contracts, as ``sha256sum`` writes and checks them."""
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_VERSION = re.compile(r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)")

_WORDS: Final[Mapping[type, str]] = {
    bool: "true or false", str: "a word", dict: "a mapping", int: "a whole number",
}  # fmt: skip

Place = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """A cross-field rule: ``expression`` must not be false. An error refuses the record, a warning is only told."""

    id: str
    expression: Expr
    severity: Literal["error", "warning"]
    message: str


@dataclass(frozen=True)
class Contract:
    """One version of one contract.

    ``fields`` are its top-level scalar fields, in file order. ``paths`` maps every leaf to its field, also those in
    lists (``reasons[].code``, ``refer_causes[]``); ``lists`` maps each list to the most elements it may have,
    ``groups`` each list and object to whether it is required and the fewest elements it may have.
    ``examples`` holds legal values per leaf; the n-th examples of all fields belong together. ``made_from`` is the
    reference of the version its upcaster starts from, empty for a first version. ``labels`` says what each code of a
    leaf means, ``notes`` what each list and object is about, ``wire`` what is declared of its bytes. ``digest`` is the
    SHA-256 of ``content``, the bytes of the file, in hexadecimal.
    """

    name: str
    version: str
    kind: Kind = "request"
    fields: tuple[Field, ...] = ()
    rules: tuple[Rule, ...] = ()
    unknown_fields: Literal["refuse", "ignore"] = "refuse"
    status: str = "active"
    description: str = ""
    paths: Mapping[str, Field] = field(default_factory=dict)
    lists: Mapping[str, int] = field(default_factory=dict)
    groups: Mapping[str, tuple[bool, int]] = field(default_factory=dict)
    examples: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    wire: Wire = field(default_factory=Wire)
    made_from: str = ""
    digest: str = ""
    content: bytes = field(default=b"", repr=False)

    @property
    def ref(self) -> str:
        """Name and version, as ``loan_application@1.0.0``."""
        return f"{self.name}@{self.version}"

    @property
    def incoming(self) -> bool:
        """Whether a legacy system writes its records and the gateway reads them."""
        return self.kind != "answer"

    @cached_property
    def index(self) -> dict[str, int]:
        """Position of each field in a record."""
        return {field.name: position for position, field in enumerate(self.fields)}


class Reading(NamedTuple):
    """A contract as far as it could be read, what kept the rest from being read, and where its parts stand.

    ``places`` maps each leaf path, ``rule <id>`` for rules and ``upcast`` to its place in ``source``.
    """

    contract: Contract
    faults: list[Fault]
    source: Source
    places: Mapping[str, Place]


def read_odcs(path: Path, name: str | None = None, *, known: bool = False) -> Reading:
    """Read one file; raises ConfigurationError when it is no YAML or does not have the shape of an ODCS contract.

    Of a ``known`` one the shape is not looked at: it is the product's own, and its tests hold it to the schema.
    """
    name = name or str(path)
    return _read(content_of(path, name), name, known)


@lru_cache(maxsize=32)
def _read(content: bytes, name: str, known: bool) -> Reading:
    """The same bytes are the same contract: a linter reads it for itself, and for every version compared with it."""
    source = Source.of(content, name)
    known = known or hashlib.sha256(content).hexdigest() in _published()
    faults = [] if known else list(shape_faults(source))
    if faults:
        raise ConfigurationError(faults)
    return _Reader(source, content).read()


@cache
def _published() -> frozenset[str]:
    """Digests of the contracts published with the product: its tests hold them to the schema, once for all. Doing that
    at every start was half the time of reading a home.
    """
    return frozenset(line.partition(" ")[0] for line in DIGESTS.read_text().splitlines())


def shape_faults(source: Source) -> Iterator[Fault]:
    """Where a file breaks the official JSON Schema of ODCS."""
    if not isinstance(source.data, dict):
        yield source.fault((), "is not a contract: it should be a mapping that begins with apiVersion")
        return
    for error in _odcs_schema().iter_errors(source.data):
        yield source.fault(tuple(error.absolute_path), f"breaks the ODCS schema: {error.message[:300]}")


@cache
def _odcs_schema() -> Validator:
    from jsonschema.validators import validator_for

    text = files("open_data_contract_standard").joinpath("schema.json").read_text(encoding="utf-8")
    schema = json.loads(text)
    validator: Validator = validator_for(schema)(schema)
    return validator


class _Reader:
    """Reads one file of the right shape; every fault is noted and reading goes on."""

    def __init__(self, source: Source, content: bytes) -> None:
        self.source = source
        self.data: dict[str, Any] = source.data
        self.content = content
        self.faults: list[Fault] = []
        self.places: dict[str, Place] = {}
        self.paths: dict[str, Field] = {}
        self.lists: dict[str, int] = {}
        self.groups: dict[str, tuple[bool, int]] = {}
        self.examples: dict[str, tuple[Value, ...]] = {}
        self.labels: dict[str, dict[str, str]] = {}
        self.notes: dict[str, str] = {}
        self.nodes: dict[str, Mapping[str, Any]] = {}

    def read(self) -> Reading:
        head = self.head()
        table = self.table()
        properties = table.get("properties") or []
        self.leaves(properties, "", ("schema", 0, "properties"))
        description = self.data.get("description") or {}
        contract = Contract(
            name=str(self.data["id"]),
            version=str(self.data["version"]),
            kind=head.get("kind", "request"),
            fields=tuple(found for path, found in self.paths.items() if path == found.name),
            rules=tuple(self.rules(table.get("quality") or [])),
            unknown_fields=head.get("unknown", "refuse"),
            status=str(self.data.get("status", "")),
            description=" ".join(str(description.get("purpose", "")).split()),
            paths=self.paths,
            lists=self.lists,
            groups=self.groups,
            examples=self.examples,
            labels=self.labels,
            notes=self.notes,
            wire=read_wire(self.data, table, self.nodes),
            made_from=self.made_from(head),
            digest=hashlib.sha256(self.content).hexdigest(),
            content=self.content,
        )
        return Reading(contract, self.faults, self.source, self.places)

    def head(self) -> dict[str, Any]:
        if self.data["apiVersion"] not in READABLE:
            self.fault(("apiVersion",), f"ODCS {self.data['apiVersion']} is not read here", f"use {READABLE[0]}")
        if not _NAME.fullmatch(str(self.data["id"])):
            self.fault(("id",), "is the contract's name: small letters, digits and _, starting with a letter")
        if not _VERSION.fullmatch(str(self.data["version"])):
            self.fault(("version",), "a version is three numbers, as in 1.0.0")
        head = self.own(self.data, (), HEAD)
        if "kind" not in head:
            self.fault(("customProperties",), "says nowhere what it is", f"add the property kind: {', '.join(KINDS)}")
        return head

    def made_from(self, head: Mapping[str, Any]) -> str:
        version = head["upcast"].get("from") if "upcast" in head else None
        return f"{self.data['id']}@{version}" if isinstance(version, str) else ""

    def table(self) -> dict[str, Any]:
        tables: list[dict[str, Any]] = self.data.get("schema") or []
        if len(tables) != 1:
            self.fault(("schema",), f"holds {len(tables)} objects; a contract describes exactly one")
        return tables[0] if tables else {}

    def leaves(self, properties: list[dict[str, Any]], prefix: str, place: Place) -> None:
        for position, node in enumerate(properties):
            here = (*place, position)
            name = str(node.get("name", ""))
            if not _NAME.fullmatch(name):
                self.fault((*here, "name"), "a field name has small letters, digits and _, and starts with a letter")
            elif prefix + name in self.places:
                self.fault((*here, "name"), f"the field {prefix + name} is described twice")
            else:
                self.leaf(node, prefix + name, name, here)

    def leaf(self, node: dict[str, Any], path: str, name: str, place: Place) -> None:
        self.places[path] = place
        if node.get("logicalType") in ("object", "array"):
            fewest = (node.get("logicalTypeOptions") or {}).get("minItems")
            self.groups[path] = bool(node.get("required", False)), fewest if isinstance(fewest, int) else 0
            self.notes[path] = " ".join(str(node.get("description", "")).split())
        match node.get("logicalType"):
            case "object":
                self.leaves(node.get("properties") or [], f"{path}.", (*place, "properties"))
            case "array":
                self.elements(node, path, name, place)
            case _:
                self.scalar(node, path, name, place)

    def elements(self, node: dict[str, Any], path: str, name: str, place: Place) -> None:
        most = (node.get("logicalTypeOptions") or {}).get("maxItems")
        if not isinstance(most, int):
            self.fault(place, f"the list {path} needs a maxItems, so that legacy systems know how much room to keep")
        self.lists[path] = most if isinstance(most, int) else 0
        items = node.get("items") or {}
        if items.get("logicalType") == "array":
            self.fault(place, f"{path} is a list of lists, which no legacy format here can hold")
        else:
            self.leaf(items, f"{path}[]", name, (*place, "items"))

    def scalar(self, node: dict[str, Any], path: str, name: str, place: Place) -> None:
        try:
            found = read_field(name, node, self.own(node, place, PROPERTIES))
            self.paths[path] = found
            self.nodes[path] = node
            self.labels[path] = {str(e["value"]): str(e.get("label", "")) for e in node.get("enum") or []}
            self.examples[path] = read_examples(found, node)
        except FieldFault as exc:
            self.fault((*place, *exc.place), exc.message, exc.hint)

    def rules(self, checks: list[dict[str, Any]]) -> Iterator[Rule]:
        for position, check in enumerate(checks):
            place: Place = ("schema", 0, "quality", position)
            if check.get("type") == "custom" and check.get("engine") == VENDOR:
                try:
                    yield self.rule(check, place)
                except FieldFault as exc:
                    self.fault((*place, *exc.place), exc.message, exc.hint)

    def rule(self, check: dict[str, Any], place: Place) -> Rule:
        name, severity = str(check.get("id", "")), check.get("severity", "error")
        if not name or f"rule {name}" in self.places:
            raise FieldFault((), "a rule needs an id of its own, which every problem it finds will carry")
        if severity not in ("error", "warning"):
            raise FieldFault(("severity",), "a rule's severity is error or warning")
        try:
            expression = parse(str(check["implementation"]))
        except ExpressionFault as exc:
            raise FieldFault(("implementation",), str(exc)) from exc
        self.places[f"rule {name}"] = place
        return Rule(name, expression, severity, " ".join(str(check.get("description", "")).split()))

    def own(self, node: Mapping[str, Any], place: Place, known: Mapping[str, Any]) -> dict[str, Any]:
        """Our custom properties at this place, each checked against its legal values (a tuple) or type."""
        found: dict[str, Any] = {}
        for position, entry in enumerate(node.get("customProperties") or []):
            if entry.get("vendor") != VENDOR:
                continue
            key, value, here = entry["property"], entry["value"], (*place, "customProperties", position)
            legal = known.get(key)
            if legal is None:
                self.fault(here, f"there is no property {key!r} of scoregate here", nearest(key, known))
            elif isinstance(legal, tuple) and value not in legal:
                self.fault(here, f"{key} is one of {', '.join(legal)}", nearest(value, legal))
            elif isinstance(legal, type) and not isinstance(value, legal):
                self.fault(here, f"{key} is {_WORDS[legal]}")
            else:
                found[key] = value
                if legal is dict:
                    self.places[key] = (*here, "value")
        return found

    def fault(self, place: Place, message: str, hint: str = "") -> None:
        self.faults.append(self.source.fault(place, message, hint))
